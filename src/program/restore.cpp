#include "program/restore.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "kernel/db/schema_files.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/durable_file.hpp"
#include "kernel/runtime/failpoint.hpp"
#include "kernel/security/file_hash.hpp"
#include "program/replace.hpp"

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

void change(const db::SessionOptions& options, const std::function<void(Tx&)>& fn) {
  const auto session = db::open_session(options);
  session->begin(true);
  Tx tx(*session, 0, nullptr);
  fn(tx);
  session->commit();
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

// How to end a restore with the backup it was begun with.
std::string command_for(const UnfinishedRestore& unfinished, std::size_t of) {
  auto command = "polyshop restore " + unfinished.backup;
  if (unfinished.modules.size() < of)
    for (const auto& one : unfinished.modules) command += " --module " + one.module;
  return command;
}

std::vector<bus::Node*> nodes_of(const UnfinishedRestore& unfinished, const std::vector<bus::Node*>& nodes) {
  std::vector<bus::Node*> found;
  for (auto* node : nodes)
    if (std::ranges::find(unfinished.modules, node->module(), &ReplacedModule::module) != unfinished.modules.end()) found.push_back(node);
  return found;
}

}  // namespace

void finish_restore(const std::vector<bus::Node*>& nodes, const DatabaseOptions& database, const fs::path& archive) {
  const auto unfinished = find_unfinished(database.folder);
  if (!unfinished) return;
  if (database.engine != Engine::sqlite)
    throw Problem(409, "restore_unfinished", fmt::format("A restore has begun to replace what is in the database and was cut off, so nothing is opened. Run it again: {}", command_for(*unfinished, nodes.size())));
  log::warning("a restore was cut off and is brought to its end", {{"backup", unfinished->backup}, {"what_was_there_before", unfinished->kept}});
  Replacement replacement(nodes_of(*unfinished, nodes), database, archive, *unfinished);
  replacement.put_in_place([](const Progress&) {});
  for (const auto& gone : align_cursors(nodes))
    log::warning("events that were taken are gone; what was done about them stays", {{"subscription", gone.subscription}, {"source", gone.source}, {"from", gone.from}, {"to", gone.to}});
  replacement.end();
}

Restored restore(const std::vector<bus::Node*>& nodes, const DatabaseOptions& database, const fs::path& archive, const fs::path& folder, const std::vector<std::string>& modules, const OnProgress& progress) {
  Restored restored;
  restored.manifest = read_manifest(folder);
  const auto& manifest = restored.manifest;
  if (manifest.engine != database.engine)
    throw Problem::invalid("other_engine", fmt::format("The backup is one of {}, and database.engine is {}.", json::enum_name(manifest.engine), json::enum_name(database.engine)));
  verify(manifest, folder, progress);
  const auto wanted = chosen(nodes, manifest, modules);
  for (auto* node : wanted) restored.modules.push_back(node->module());
  failpoint::reach("restore.verified");
  if (database.engine == Engine::sqlite) finish_restore(nodes, database, archive);
  auto unfinished = find_unfinished(database.folder).value_or(UnfinishedRestore{});
  for (const auto& one : unfinished.modules)
    if (std::ranges::find(restored.modules, one.module) == restored.modules.end())
      throw Problem::conflict("restore_unfinished", fmt::format("A restore that was cut off has begun to replace {} too. End it first: {}", one.module, command_for(unfinished, nodes.size())));
  unfinished.backup = fs::absolute(folder).string();
  if (unfinished.kept.empty()) unfinished.kept = fmt::format("replaced_{:%Y%m%d_%H%M%S}", fmt::gmtime(static_cast<std::time_t>(nodes.front()->db.clock().now() / 1000)));
  Replacement replacement(wanted, database, archive, std::move(unfinished));
  replacement.prepare(progress);
  replacement.put_in_place(progress);
  restored.gone = align_cursors(nodes);
  failpoint::reach("restore.aligned");
  replacement.end();
  if (fs::exists(replacement.kept())) restored.kept = replacement.kept().string();
  return restored;
}

}  // namespace polyshop
