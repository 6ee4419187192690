#include "program/backup.hpp"

#include <latch>
#include <ranges>

#include <fmt/format.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/postgresql_dump.hpp"
#include "kernel/db/sqlite_snapshot.hpp"
#include "kernel/json/problem_json.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/durable_file.hpp"
#include "kernel/runtime/failpoint.hpp"
#include "kernel/security/file_hash.hpp"

namespace polyshop {
namespace {

namespace fs = std::filesystem;

BackupFile file_of(const fs::path& folder, const fs::path& path) {
  return {path.string(), static_cast<std::int64_t>(fs::file_size(folder / path)), sha256_hex_of_file(folder / path)};
}

bus::Marks marks_of(const db::SessionOptions& options) {
  const auto session = db::open_session(options);
  Tx tx(*session, 0, nullptr);
  return bus::read_marks(tx);
}

// Files of the archive come and go while the databases are copied. One that was there before or after is enough: what is both in
// the log and in the archive is read once, from the log.
void copy_archive(const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(from, error); !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const auto& path = at->path();
    if (!at->is_regular_file() || path.extension() == ".part") continue;
    const auto target = to / fs::relative(path, from);
    fs::create_directories(target.parent_path());
    std::error_code gone;
    if (!fs::exists(target)) fs::copy_file(path, target, gone);
    if (gone && fs::exists(path)) throw Problem(500, "copy_failed", fmt::format("{} cannot be copied: {}.", path.string(), gone.message()));
  }
}

// Holds every module's writer in a transaction of its own while `moment` runs. Writers that are busy finish first.
void while_nobody_writes(const std::vector<bus::Node*>& nodes, const std::function<void()>& moment) {
  std::latch held(static_cast<std::ptrdiff_t>(nodes.size())), over(1);
  std::atomic<bool> failed = false;
  std::exception_ptr failure;
  std::vector<std::jthread> holders;
  for (auto* node : nodes)
    holders.emplace_back([&, node] {
      bool is_held = false;
      try {
        node->db.write(node->system_call("backup"), [&](Tx&) {
          is_held = true;
          held.count_down();
          over.wait();
        });
      } catch (const std::exception& error) {
        if (is_held) return;
        log::error("a module's writer cannot be held for a backup", {{"module", node->module()}, {"error", error.what()}});
        failed = true;
        held.count_down();
      }
    });
  held.wait();
  try {
    if (!failed) moment();
  } catch (...) {
    failure = std::current_exception();
  }
  over.count_down();
  holders.clear();
  if (failure) std::rethrow_exception(failure);
  if (failed) throw Problem::unavailable("database_busy", "A module's database did not come to rest. Try again.");
}

void back_up_sqlite(const std::vector<bus::Node*>& nodes, const fs::path& folder, BackupManifest& manifest, const OnProgress& progress) {
  std::vector<std::unique_ptr<db::SqliteSnapshot>> snapshots;
  for (auto* node : nodes) snapshots.push_back(std::make_unique<db::SqliteSnapshot>(node->db.file()));
  while_nobody_writes(nodes, [&] {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      snapshots[i]->take();
      failpoint::reach("backup.taken", nodes[i]->module());
    }
  });
  manifest.taken_ms = nodes.front()->db.clock().now();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& module = nodes[i]->module();
    const auto file = module + ".db";
    snapshots[i]->copy_to(folder / file, [&](std::int64_t done, std::int64_t total) { progress({"copying " + module, done, total}); });
    snapshots[i].reset();
    manifest.modules.push_back({module, file, marks_of({Engine::sqlite, (folder / file).string(), {}, true})});
    manifest.files.push_back(file_of(folder, file));
    failpoint::reach("backup.copied", module);
  }
}

// A session that holds a snapshot of its database open until the dumps have been made from it.
struct Held {
  std::unique_ptr<db::ControlledSession> session;
  std::string snapshot;
};

Held hold(const db::SessionOptions& options) {
  Held held{db::open_session(options), {}};
  held.session->script("SET idle_in_transaction_session_timeout = 0");
  held.session->begin(false);
  Tx tx(*held.session, 0, nullptr);
  held.snapshot = tx.get<std::string>("SELECT pg_export_snapshot() AS snapshot"_postgresql);
  return held;
}

// Modules of one database are of one snapshot. Where they are in several, consumers come before their sources, so that no
// cursor is past the head of its source.
void back_up_postgresql(const std::vector<bus::Node*>& nodes, const fs::path& folder, BackupManifest& manifest, const OnProgress& progress) {
  std::map<std::string, Held> databases;
  const auto held_for = [&](bus::Node& node) -> Held& {
    const auto target = db::target_of(node.db.session_options(true).target);
    auto& held = databases[target.server() + "/" + target.database];
    if (!held.session) held = hold(node.db.session_options(true));
    return held;
  };
  manifest.taken_ms = nodes.front()->db.clock().now();
  for (auto* node : nodes | std::views::reverse) {
    held_for(*node);
    failpoint::reach("backup.taken", node->module());
  }
  for (auto* node : nodes) {
    const auto file = node->module() + ".sql";
    const auto& snapshot = held_for(*node).snapshot;
    const auto session = db::open_session(node->db.session_options(true));
    session->begin(false);
    session->script(fmt::format("SET TRANSACTION SNAPSHOT '{}'", snapshot));
    Tx tx(*session, 0, nullptr);
    manifest.modules.push_back({node->module(), file, bus::read_marks(tx)});
    session->rollback();
    progress({"dumping " + node->module(), 0, 0});
    db::dump_schema(node->db.migration_options(), snapshot, folder / file);
    manifest.files.push_back(file_of(folder, file));
    failpoint::reach("backup.copied", node->module());
  }
}

}  // namespace

BackupManifest back_up(const std::vector<bus::Node*>& nodes, const fs::path& archive, const fs::path& folder, const OnProgress& progress) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Problem::conflict("folder_unusable", fmt::format("The folder {} cannot be made: {}.", folder.string(), error.message()));
  if (!fs::is_empty(folder)) throw Problem::conflict("folder_not_empty", fmt::format("The folder {} is not empty. Give one that is, or a new one.", folder.string()));
  fs::permissions(folder, fs::perms::owner_all);  // it holds all that the shop knows
  BackupManifest manifest;
  manifest.release = POLYSHOP_VERSION;
  manifest.engine = nodes.front()->db.engine();
  copy_archive(archive, folder / archive_name);
  if (manifest.engine == Engine::sqlite)
    back_up_sqlite(nodes, folder, manifest, progress);
  else
    back_up_postgresql(nodes, folder, manifest, progress);
  copy_archive(archive, folder / archive_name);
  for (auto at = fs::recursive_directory_iterator(folder / archive_name, error); !error && at != fs::recursive_directory_iterator(); at.increment(error))
    if (at->is_regular_file()) manifest.files.push_back(file_of(folder, fs::relative(at->path(), folder)));
  failpoint::reach("backup.archived");
  write_durably(folder / manifest_name, json::to_text(manifest));
  return manifest;
}

void Backups::start(const fs::path& folder) {
  const std::lock_guard lock(mutex_);
  if (standing_.state == BackupState::running) throw Problem::conflict("backup_running", "A backup is being made. Wait until it has ended.");
  if (thread_.joinable()) thread_.join();
  standing_ = {};
  standing_.state = BackupState::running;
  thread_ = std::thread([this, folder] { run(folder); });
}

void Backups::run(const fs::path& folder) {
  const auto end = [this](BackupState state) {
    const std::lock_guard lock(mutex_);
    standing_.state = state;
  };
  try {
    auto manifest = back_up(nodes_, archive_, folder, [this](const Progress& progress) {
      if (stopping_) throw Problem::unavailable("stopping", "The shop is stopping, and the backup was given up.");
      const std::lock_guard lock(mutex_);
      standing_.progress = progress;
    });
    {
      const std::lock_guard lock(mutex_);
      standing_.manifest = std::move(manifest);
    }
    log::info("a backup was made", {{"folder", folder.string()}});
    end(BackupState::done);
  } catch (const std::exception& error) {
    log::error("a backup failed", {{"folder", folder.string()}, {"error", error.what()}});
    const auto* problem = dynamic_cast<const Problem*>(&error);
    {
      const std::lock_guard lock(mutex_);
      standing_.problem = json::Raw{json::problem_text(problem ? *problem : Problem::internal(), {}, {})};
    }
    end(BackupState::failed);
  }
}

BackupStanding Backups::standing() {
  const std::lock_guard lock(mutex_);
  return standing_;
}

void Backups::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace polyshop
