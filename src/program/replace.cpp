#include "program/replace.hpp"

#include <fmt/format.h>

#include "kernel/db/postgresql_dump.hpp"
#include "kernel/db/sqlite_snapshot.hpp"
#include "kernel/runtime/durable_file.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view mark_name = "restore-unfinished";

std::int64_t epoch_in(const db::SessionOptions& options) {
  try {
    const auto session = db::open_session(options);
    Tx tx(*session, 0, nullptr);
    return bus::read_marks(tx).epoch;
  } catch (const std::exception&) {
    return 0;  // there is none, or it is what the restore is to mend
  }
}

void begin_epoch(const db::SessionOptions& options, std::int64_t epoch) {
  const auto session = db::open_session(options);
  session->begin(true);
  Tx tx(*session, 0, nullptr);
  bus::begin_epoch(tx, epoch);
  session->commit();
}

void sync_folder(const fs::path& folder) {
  write_durably(folder / ".synced", "");
  fs::remove(folder / ".synced");
}

void make_private_folder(const fs::path& folder) {
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms::owner_all);
}

// Also to another file system, since the archive may be on one of its own: what has the name is whole.
void move_folder(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (!error) return;
  if (error != std::errc::cross_device_link) throw Problem(500, "file_not_moved", fmt::format("{} cannot be moved to {}: {}.", from.string(), to.string(), error.message()));
  const fs::path beside = to.string() + ".part";
  fs::remove_all(beside);
  fs::copy(from, beside, fs::copy_options::recursive);
  fs::rename(beside, to);
  fs::remove_all(from);
}

// By those who run and by those who own the tables: the psql of a restore that was killed loads on after it.
void check_nobody_connected(bus::Node& node) {
  const auto session = db::open_session(node.db.session_options(false));
  Tx tx(*session, 0, nullptr);
  const auto others = tx.get<std::int64_t>(R"(SELECT count(*) AS n FROM pg_stat_activity AS one WHERE datname = current_database() AND pid <> pg_backend_pid()
                                              AND (usename = current_user OR usename = (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = :module)))"_postgresql,
                                           node.module());
  if (others > 0) throw Problem::conflict("database_in_use", fmt::format("{} sessions of {} are connected to its database. Stop every instance of the shop first.", others, node.module()));
}

}  // namespace

std::optional<UnfinishedRestore> find_unfinished(const fs::path& data) {
  if (!fs::exists(data / mark_name)) return {};
  return json::from_text<UnfinishedRestore>(read_file(data / mark_name), json::Mode::lenient);
}

Replacement::Replacement(std::vector<bus::Node*> nodes, const DatabaseOptions& database, fs::path archive, UnfinishedRestore unfinished)
    : nodes_(std::move(nodes)), database_(database), archive_(std::move(archive)), unfinished_(std::move(unfinished)), ready_(database.folder / "restoring") {}

std::int64_t& Replacement::epoch_before(const std::string& module) {
  const auto found = std::ranges::find(unfinished_.modules, module, &ReplacedModule::module);
  return found != unfinished_.modules.end() ? found->epoch_before : unfinished_.modules.emplace_back(module).epoch_before;
}

void Replacement::prepare(const OnProgress& progress) {
  fs::remove_all(ready_);
  make_private_folder(ready_);
  if (database_.engine == Engine::sqlite)
    prepare_sqlite(progress);
  else
    prepare_postgresql(progress);
  prepare_archives();
  sync_folder(ready_);
  write_durably(database_.folder / mark_name, json::to_text(unfinished_));
  failpoint::reach("restore.begun");
}

// Copies are checked and brought to this release, and have their epoch, beside the live files, which are only renamed then.
void Replacement::prepare_sqlite(const OnProgress& progress) {
  auto options = database_;
  options.folder = ready_;
  options.ballast = nullptr;
  Metrics metrics;
  for (auto* node : nodes_) {
    const auto file = node->db.file().filename();
    progress({"preparing " + node->module(), 0, 0});
    fs::copy_file(unfinished_.backup / file, ready_ / file);
    db::check_sqlite_file(ready_ / file);
    Database copy(node->module(), options, node->db.clock(), metrics);
    copy.migrate();
    auto& before = epoch_before(node->module());
    if (fs::exists(node->db.file())) before = epoch_in(node->db.session_options(true));
    begin_epoch(copy.session_options(false), std::max(epoch_in(copy.session_options(true)), before) + 1);
    failpoint::reach("restore.prepared", node->module());
  }
}

// What is there is dumped. Where a restore was cut off before, what it has replaced is none of what was there.
void Replacement::prepare_postgresql(const OnProgress& progress) {
  for (auto* node : nodes_) check_nobody_connected(*node);
  for (auto* node : nodes_) {
    const auto& module = node->module();
    const auto epoch = epoch_in(node->db.session_options(true));
    auto& before = epoch_before(module);
    before = std::max(before, epoch);
    node->db.migrate();  // makes the schema where there is none
    if (epoch > 0 && !fs::exists(kept() / (module + ".sql"))) {
      progress({"keeping " + module, 0, 0});
      make_private_folder(ready_ / "kept");
      db::dump_schema(node->db.migration_options(), "", ready_ / "kept" / (module + ".sql"));
    }
    failpoint::reach("restore.prepared", module);
  }
}

// Each module has a folder there, an empty one where nothing of it was archived.
void Replacement::prepare_archives() {
  for (auto* node : nodes_) {
    const auto from = fs::path(unfinished_.backup) / archive_name / node->module(), to = ready_ / archive_name / node->module();
    fs::create_directories(to);
    if (!fs::exists(from)) continue;
    for (const auto& file : fs::directory_iterator(from)) write_durably(to / file.path().filename(), read_file(file.path()));
  }
}

void Replacement::put_in_place(const OnProgress& progress) {
  if (database_.engine == Engine::sqlite) {
    for (auto* node : nodes_) replace_file(*node);
    sync_folder(database_.folder);
  } else {
    if (fs::exists(ready_ / "kept")) make_private_folder(kept());
    for (auto* node : nodes_) {
      const auto dump = node->module() + ".sql";
      if (fs::exists(ready_ / "kept" / dump)) fs::rename(ready_ / "kept" / dump, kept() / dump);
    }
    for (auto* node : nodes_) {
      progress({"loading " + node->module(), 0, 0});
      load(*node);
    }
  }
  for (auto* node : nodes_) replace_archive(node->module());
  failpoint::reach("restore.archived");
}

// As long as the copy is not in its place, what stands there is what was there before, or what is left of it.
void Replacement::replace_file(const bus::Node& node) {
  const auto live = node.db.file();
  const auto copy = ready_ / live.filename();
  if (!fs::exists(copy)) return;
  for (const auto* suffix : {"", "-wal", "-shm"}) {
    const fs::path file = live.string() + suffix;
    if (!fs::exists(file)) continue;
    make_private_folder(kept());
    fs::rename(file, kept() / file.filename());
  }
  failpoint::reach("restore.set_aside", node.module());
  fs::rename(copy, live);
  failpoint::reach("restore.replaced", node.module());
}

// The tables of a schema and what is in them are replaced in one transaction.
void Replacement::load(bus::Node& node) {
  const auto& module = node.module();
  const auto owner = node.db.migration_options();
  std::string drop;
  {
    const auto session = db::open_session(owner);
    Tx tx(*session, 0, nullptr);
    for (const auto& table : tx.list<std::string>("SELECT table_name FROM information_schema.tables WHERE table_schema = :schema ORDER BY table_name"_postgresql, module))
      drop += fmt::format("{}\"{}\".\"{}\"", drop.empty() ? "DROP TABLE " : ", ", module, table);
  }
  db::load_schema(owner, drop, fs::path(unfinished_.backup) / (module + ".sql"));
  failpoint::reach("restore.loaded", module);
  node.db.migrate();
  begin_epoch(node.db.session_options(false), std::max(epoch_in(node.db.session_options(true)), epoch_before(module)) + 1);
  failpoint::reach("restore.replaced", module);
}

void Replacement::replace_archive(const std::string& module) {
  const auto copy = ready_ / archive_name / module, live = archive_ / module, before = kept() / archive_name / module;
  if (!fs::exists(copy)) return;
  if (fs::exists(before)) {
    fs::remove_all(live);  // by a restore that was cut off
  } else if (fs::exists(live)) {
    make_private_folder(before.parent_path());
    move_folder(live, before);
  }
  fs::create_directories(archive_);
  move_folder(copy, live);
}

void Replacement::end() {
  fs::remove_all(ready_);
  fs::remove(database_.folder / mark_name);
}

}  // namespace polyshop
