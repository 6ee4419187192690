#pragma once

#include <atomic>
#include <filesystem>
#include <thread>

#include "bus/marks.hpp"
#include "bus/node.hpp"

namespace polyshop {

// A file of a backup, by its path in the backup's folder.
struct BackupFile {
  std::string path;
  std::int64_t bytes = 0;
  std::string sha256;
};
BOOST_DESCRIBE_STRUCT(BackupFile, (), (path, bytes, sha256))

struct BackupModule {
  std::string module;
  std::string file;  // a database of SQLite, or a dump of PostgreSQL
  bus::Marks marks;
};
BOOST_DESCRIBE_STRUCT(BackupModule, (), (module, file, marks))

// What a backup's folder holds: manifest.json, written last, so that a folder without one is no backup.
struct BackupManifest {
  std::int64_t format = 1;
  std::string release;
  Engine engine = Engine::sqlite;
  Timestamp taken_ms = 0;  // the moment that it shows
  std::vector<BackupModule> modules;
  std::vector<BackupFile> files;
};
BOOST_DESCRIBE_STRUCT(BackupManifest, (), (format, release, engine, taken_ms, modules, files))

constexpr std::string_view manifest_name = "manifest.json";
constexpr std::string_view archive_name = "archive";  // of events that left their log before every subscription had them

// How far a backup or a restore is, for whoever waits for it.
struct Progress {
  std::string doing;
  std::int64_t done = 0;  // bytes
  std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Progress, (), (doing, done, total))
using OnProgress = std::function<void(const Progress&)>;  // may throw to give up

// Copies every module into a folder, all of them as they were at one moment: for an instant nobody writes, so what a saga or an event has
// done in one module and what it has done in another fit together as after a crash at that moment. On PostgreSQL that is so for modules that
// share a database. The folder must be new or empty.
BackupManifest back_up(const std::vector<bus::Node*>& nodes, const std::filesystem::path& archive, const std::filesystem::path& folder, const OnProgress& progress);

struct BackupWanted {
  std::string folder;  // absolute
};
BOOST_DESCRIBE_STRUCT(BackupWanted, (), (folder))

enum class BackupState { none, running, done, failed };
BOOST_DESCRIBE_ENUM(BackupState, none, running, done, failed)
struct BackupStanding {
  BackupState state = BackupState::none;
  Progress progress;
  std::optional<BackupManifest> manifest;
  std::optional<json::Raw> problem;  // why it failed
};
BOOST_DESCRIBE_STRUCT(BackupStanding, (), (state, progress, manifest, problem))

// The backups of a process: one at a time, on a thread of its own, since a large one takes longer than a request may.
class Backups {
 public:
  Backups(const std::vector<bus::Node*>& nodes, std::filesystem::path archive) : nodes_(nodes), archive_(std::move(archive)) {}
  ~Backups() { stop(); }
  void start(const std::filesystem::path& folder);  // throws Problem 409 `backup_running`
  BackupStanding standing();
  void stop();  // gives up what is running

 private:
  void run(const std::filesystem::path& folder);
  const std::vector<bus::Node*>& nodes_;
  const std::filesystem::path archive_;
  std::mutex mutex_;
  BackupStanding standing_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};
}  // namespace polyshop
