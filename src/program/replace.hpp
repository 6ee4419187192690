#pragma once

#include "program/backup.hpp"

// How a restore puts databases and archives in the place of others, so that it may be cut off anywhere: all that can fail is made
// ready beside, then a mark says that replacing has begun, and what follows can be done again from its beginning.
namespace polyshop {

struct ReplacedModule {
  std::string module;
  std::int64_t epoch_before = 0;  // of the log that is replaced; 0 where there is none
};
BOOST_DESCRIBE_STRUCT(ReplacedModule, (), (module, epoch_before))

// The mark: a file in the data folder from before the first change until after the last.
struct UnfinishedRestore {
  std::string backup;  // the folder of the backup
  std::vector<ReplacedModule> modules;
  std::string kept;  // the folder in the data folder for what was there before
};
BOOST_DESCRIBE_STRUCT(UnfinishedRestore, (), (backup, modules, kept))

std::optional<UnfinishedRestore> find_unfinished(const std::filesystem::path& data);

// One restore of some modules. No node of them is open.
class Replacement {
 public:
  Replacement(std::vector<bus::Node*> nodes, const DatabaseOptions& database, std::filesystem::path archive, UnfinishedRestore unfinished);

  // Makes everything ready, changes nothing that a shop reads, and sets the mark. The backup is verified.
  void prepare(const OnProgress& progress);
  // What follows the mark. On SQLite it needs nothing but what was made ready; on PostgreSQL also the backup.
  void put_in_place(const OnProgress& progress);
  // Takes the mark away: everything is done.
  void end();
  // The folder of what was there before; it exists where there was anything.
  std::filesystem::path kept() const { return database_.folder / unfinished_.kept; }

 private:
  void prepare_sqlite(const OnProgress& progress);
  void prepare_postgresql(const OnProgress& progress);
  void prepare_archives();
  void replace_file(const bus::Node& node);
  void load(bus::Node& node);
  void replace_archive(const std::string& module);
  std::int64_t& epoch_before(const std::string& module);
  const std::vector<bus::Node*> nodes_;
  const DatabaseOptions& database_;
  const std::filesystem::path archive_;
  UnfinishedRestore unfinished_;
  const std::filesystem::path ready_;  // what is made ready
};

}  // namespace polyshop
