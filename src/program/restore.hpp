#pragma once

#include "program/backup.hpp"

namespace polyshop {

// Events that a subscription had taken and that the restored log does not have any more. What was done about them stays done.
struct GoneEvents {
  std::string subscription;
  std::string source;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

struct Restored {
  BackupManifest manifest;
  std::vector<std::string> modules;
  std::vector<GoneEvents> gone;
  std::string kept;  // where what was there before is kept; empty where there was nothing
};

// Puts a backup in the place of what the nodes' databases are now: of all modules, or of those named. Everything is verified before
// anything is replaced: checksums, the databases themselves, that this release can read them. What is replaced is kept beside.
// Restored logs get a higher epoch, and every cursor that is past the end of one is set to its end. No node may be open. Cut off at
// any moment it leaves what was there before, or something that finish_restore() does not let anybody open half done.
Restored restore(const std::vector<bus::Node*>& nodes, const DatabaseOptions& database, const std::filesystem::path& archive, const std::filesystem::path& folder, const std::vector<std::string>& modules, const OnProgress& progress);

// To be called before anything is opened: where a restore was cut off while it replaced, brings it to its end. That is possible on SQLite;
// on PostgreSQL throws Problem 409 `restore_unfinished`, which says how to run the restore again.
void finish_restore(const std::vector<bus::Node*>& nodes, const DatabaseOptions& database, const std::filesystem::path& archive);

}  // namespace polyshop
