#include "program/restore.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "kernel/db/postgresql_dump.hpp"
#include "kernel/db/schema_files.hpp"
#include "kernel/db/sqlite_snapshot.hpp"
#include "kernel/runtime/durable_file.hpp"
#include "kernel/security/file_hash.hpp"

namespace polyshop {
namespace {

namespace fs = std::filesystem;

BackupManifest read_manifest(const fs::path& folder) {
  if (!fs::exists(folder / manifest_name)) throw Problem::invalid("no_backup", fmt::format("{} holds no {}, so it is no backup, or one that was not finished.", folder.string(), manifest_name));
  const auto manifest = json::from_text<BackupManifest>(read_file(folder / manifest_name), json::Mode::lenient);
  if (manifest.format != 1) throw Problem::invalid("newer_backup", fmt::format("The backup was made by release {} in a format that this one does not know. Use that release, or a later one.", manifest.release));
  return manifest;
}

void verify(const BackupManifest& manifest, const fs::path& folder, const OnProgress& progress) {
  std::int64_t done = 0, total = 0;
  for (const auto& file : manifest.files) total += file.bytes;
  for (const auto& file : manifest.files) {
    progress({"verifying " + file.path, done, total});
    const auto path = folder / file.path;
    if (!fs::exists(path)) throw Problem::invalid("damaged_backup", fmt::format("{} is missing. Nothing was changed.", path.string()));
    if (sha256_hex_of_file(path) != file.sha256) throw Problem::invalid("damaged_backup", fmt::format("{} is not as it was written: its checksum is another. Nothing was changed.", path.string()));
    done += file.bytes;
  }
}

// A module whose tables a newer release has changed cannot be read by this one.
void check_release(const BackupModule& module, const std::string& release) {
  for (const auto& name : module.marks.migrations)
    if (std::ranges::none_of(db::schema_files(), [&](const auto& file) { return file.path.starts_with(name + "."); }))
      throw Problem::invalid("newer_backup", fmt::format("The backup was made by release {}, whose migration {} of {} this one does not know. Restore it with that release, or a later one. Nothing was changed.", release, name, module.module));
}

std::vector<bus::Node*> chosen(const std::vector<bus::Node*>& nodes, const BackupManifest& manifest, const std::vector<std::string>& wanted) {
  std::vector<bus::Node*> found;
  for (const auto& name : wanted)
    if (std::ranges::find(nodes, name, &bus::Node::module) == nodes.end()) throw Problem::invalid("unknown_module", fmt::format("There is no module {}.", name));
  for (auto* node : nodes) {
    const bool is_wanted = wanted.empty() || std::ranges::find(wanted, node->module()) != wanted.end();
    const auto held = std::ranges::find(manifest.modules, node->module(), &BackupModule::module);
    const bool is_held = held != manifest.modules.end();
    if (is_wanted && is_held) {
      check_release(*held, manifest.release);
      found.push_back(node);
    }
    if (!wanted.empty() && is_wanted && !is_held) throw Problem::invalid("not_in_backup", fmt::format("The backup does not hold the module {}.", node->module()));
  }
  return found;
}

std::int64_t epoch_in(const db::SessionOptions& options) {
  try {
    const auto session = db::open_session(options);
    Tx tx(*session, 0, nullptr);
    return bus::read_marks(tx).epoch;
  } catch (const std::exception&) {
    return 0;  // there is none, or it is what the restore is to mend
  }
}

void change(const db::SessionOptions& options, const std::function<void(Tx&)>& fn) {
  const auto session = db::open_session(options);
  session->begin(true);
  Tx tx(*session, 0, nullptr);
  fn(tx);
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

void begin_replacing(const fs::path& data) { write_durably(data / unfinished_restore_name, "A restore into this folder has not ended. Run polyshop restore again.\n"); }

// Copies are made, checked and brought to this release beside the live files, which are only renamed then.
void replace_sqlite(const std::vector<bus::Node*>& nodes, const DatabaseOptions& database, const fs::path& folder, const fs::path& kept, const OnProgress& progress) {
  const auto staging = database.folder / "restoring";
  fs::remove_all(staging);
  make_private_folder(staging);
  auto staged = database;
  staged.folder = staging;
  staged.ballast = nullptr;
  Metrics metrics;
  for (auto* node : nodes) {
    const auto file = node->db.file().filename();
    progress({"preparing " + node->module(), 0, 0});
    fs::copy_file(folder / file, staging / file);
    db::check_sqlite_file(staging / file);
    Database copy(node->module(), staged, node->db.clock(), metrics);
    copy.migrate();
    const auto before = fs::exists(node->db.file()) ? epoch_in(node->db.session_options(true)) : 0;
    const auto epoch = std::max(epoch_in(copy.session_options(true)), before) + 1;
    change(copy.session_options(false), [&](Tx& tx) { bus::begin_epoch(tx, epoch); });
  }
  sync_folder(staging);
  begin_replacing(database.folder);
  for (auto* node : nodes) {
    const auto live = node->db.file();
    for (const auto* suffix : {"", "-wal", "-shm"}) {
      const fs::path file = live.string() + suffix;
      if (!fs::exists(file)) continue;
      make_private_folder(kept);
      fs::rename(file, kept / file.filename());
    }
    fs::rename(staging / live.filename(), live);
  }
  sync_folder(database.folder);
  fs::remove_all(staging);
}

// The tables of a schema and what is in them are replaced in one transaction. What was there is dumped before.
void replace_postgresql(const std::vector<bus::Node*>& nodes, const DatabaseOptions& database, const fs::path& folder, const fs::path& kept, const OnProgress& progress) {
  for (auto* node : nodes) {
    const auto session = db::open_session(node->db.session_options(false));
    Tx tx(*session, 0, nullptr);
    const auto others = tx.get<std::int64_t>("SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"_postgresql);
    if (others > 0) throw Problem::conflict("database_in_use", fmt::format("{} sessions of {} are connected to its database. Stop every instance of the shop first.", others, node->module()));
  }
  begin_replacing(database.folder);
  for (auto* node : nodes) {
    const auto& module = node->module();
    const auto before = epoch_in(node->db.session_options(true));
    node->db.migrate();  // makes the schema where there is none
    const auto owner = node->db.migration_options();
    if (before > 0) {
      progress({"keeping " + module, 0, 0});
      make_private_folder(kept);
      db::dump_schema(owner, "", kept / (module + ".sql"));
    }
    std::string drop;
    {
      const auto session = db::open_session(owner);
      Tx tx(*session, 0, nullptr);
      for (const auto& table : tx.list<std::string>("SELECT table_name FROM information_schema.tables WHERE table_schema = :schema ORDER BY table_name"_postgresql, module))
        drop += fmt::format("{}\"{}\".\"{}\"", drop.empty() ? "DROP TABLE " : ", ", module, table);
    }
    progress({"loading " + module, 0, 0});
    db::load_schema(owner, drop, folder / (module + ".sql"));
    node->db.migrate();
    change(node->db.session_options(false), [&](Tx& tx) { bus::begin_epoch(tx, std::max(bus::read_marks(tx).epoch, before) + 1); });
  }
}

void replace_archive(const std::vector<bus::Node*>& nodes, const fs::path& archive, const fs::path& folder, const fs::path& kept) {
  for (auto* node : nodes) {
    const auto live = archive / node->module();
    if (fs::exists(live)) {
      make_private_folder(kept / archive_name);
      fs::rename(live, kept / archive_name / node->module());
    }
    if (fs::exists(folder / archive_name / node->module())) fs::copy(folder / archive_name / node->module(), live, fs::copy_options::recursive);
  }
}

bool is_there(bus::Node& node) { return node.db.engine() == Engine::postgresql || fs::exists(node.db.file()); }

// Every cursor gets the epoch of its source, and one that is past its end is set to its end.
std::vector<GoneEvents> align_cursors(const std::vector<bus::Node*>& nodes) {
  std::map<std::string, bus::Marks> all;
  for (auto* node : nodes) {
    if (!is_there(*node)) continue;
    node->db.migrate();
    change(node->db.session_options(false), [&](Tx& tx) { all[node->module()] = bus::read_marks(tx); });
  }
  std::vector<GoneEvents> gone;
  for (auto* node : nodes) {
    const auto own = all.find(node->module());
    if (own == all.end()) continue;
    for (auto cursor : own->second.cursors) {
      const auto source = all.find(cursor.source);
      if (source == all.end()) continue;
      const auto& [epoch, head, cursors, migrations] = source->second;
      if (cursor.position > head) gone.push_back({cursor.subscription, cursor.source, head + 1, cursor.position});
      if (cursor.position <= head && cursor.epoch == epoch) continue;
      cursor.position = std::min(cursor.position, head);
      cursor.epoch = epoch;
      change(node->db.session_options(false), [&](Tx& tx) { bus::set_cursor(tx, cursor); });
    }
  }
  return gone;
}

}  // namespace

Restored restore(const std::vector<bus::Node*>& nodes, const DatabaseOptions& database, const fs::path& archive, const fs::path& folder, const std::vector<std::string>& modules, const OnProgress& progress) {
  Restored restored;
  restored.manifest = read_manifest(folder);
  const auto& manifest = restored.manifest;
  if (manifest.engine != database.engine)
    throw Problem::invalid("other_engine", fmt::format("The backup is one of {}, and database.engine is {}.", json::enum_name(manifest.engine), json::enum_name(database.engine)));
  verify(manifest, folder, progress);
  const auto wanted = chosen(nodes, manifest, modules);
  for (auto* node : wanted) restored.modules.push_back(node->module());
  const auto suffix = fmt::format("replaced_{:%Y%m%d_%H%M%S}", fmt::gmtime(static_cast<std::time_t>(nodes.front()->db.clock().now() / 1000)));
  const auto kept = database.folder / suffix;
  if (database.engine == Engine::sqlite)
    replace_sqlite(wanted, database, folder, kept, progress);
  else
    replace_postgresql(wanted, database, folder, kept, progress);
  replace_archive(wanted, archive, folder, kept);
  restored.gone = align_cursors(nodes);
  fs::remove(database.folder / unfinished_restore_name);
  if (fs::exists(kept)) restored.kept = kept.string();
  return restored;
}

}  // namespace polyshop
