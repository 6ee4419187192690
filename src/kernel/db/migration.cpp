#include <charconv>
#include <set>

#include <fmt/format.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/database.hpp"
#include "kernel/db/schema_files.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/security/token.hpp"

namespace polyshop {
namespace {

struct Applied {
  std::string owner;
  std::int64_t number = 0;
  std::string name;
  std::string checksum;
};
BOOST_DESCRIBE_STRUCT(Applied, (), (owner, number, name, checksum))

// "catalog/0001_products.sql", "catalog/0002_search.sqlite.sql".
std::optional<Database::Migration> migration_of(const db::SchemaFile& file, std::string_view owner, Engine engine) {
  auto path = file.path;
  if (!path.starts_with(owner) || path[owner.size()] != '/') return {};
  path.remove_prefix(owner.size() + 1);
  path.remove_suffix(4);
  const bool for_sqlite = path.ends_with(".sqlite");
  const bool for_postgresql = path.ends_with(".postgres");
  if ((for_sqlite && engine != Engine::sqlite) || (for_postgresql && engine != Engine::postgresql)) return {};
  if (for_sqlite) path.remove_suffix(7);
  if (for_postgresql) path.remove_suffix(9);
  Database::Migration migration;
  migration.owner = owner;
  if (path.size() < 6 || std::from_chars(path.data(), path.data() + 4, migration.number).ptr != path.data() + 4)
    die(fmt::format("schemas/{} is not named NNNN_name.sql", file.path));
  migration.name = path.substr(5);
  migration.sql = file.text;
  migration.checksum = sha256_hex(file.text);
  return migration;
}

std::vector<Database::Migration> known_migrations(const std::string& module, Engine engine) {
  std::vector<Database::Migration> known;
  for (const auto& owner : {std::string("bus"), module})
    for (const auto& file : db::schema_files())
      if (auto migration = migration_of(file, owner, engine)) known.push_back(std::move(*migration));
  std::ranges::sort(known, {}, [](const auto& m) { return std::pair(m.owner != "bus", m.number); });
  return known;
}

bool has_schema(db::ControlledSession& session, const std::string& module) {
  Tx tx(session, 0, nullptr);
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM pg_namespace WHERE nspname = :module"_postgresql, module) == 1;
}

bool has_ledger(db::ControlledSession& session, const std::string& module) {
  Tx tx(session, 0, nullptr);
  if (session.engine() == Engine::sqlite) return tx.get<std::int64_t>("SELECT count(*) AS n FROM sqlite_master WHERE name = 'schema_migration'"_sqlite) == 1;
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM pg_tables WHERE schemaname = :module AND tablename = 'schema_migration'"_postgresql, module) == 1;
}

// Whether the role may create the module's tables, and its schema where there is none.
bool may_migrate(db::ControlledSession& session, const std::string& module) {
  Tx tx(session, 0, nullptr);
  return tx.get<std::string>(R"(SELECT cast(coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = :module),
                                                     has_database_privilege(current_database(), 'CREATE')) AS text) AS may)"_postgresql,
                             module) == "true";
}

void create_ledger(db::ControlledSession& session, const std::string& module) {
  // Even IF NOT EXISTS wants the right to create schemas, which the owner of a provisioned one does not have.
  if (session.engine() == Engine::postgresql && !has_schema(session, module)) session.script(fmt::format("CREATE SCHEMA IF NOT EXISTS \"{}\"", module));
  session.script("CREATE TABLE IF NOT EXISTS schema_migration (owner text NOT NULL, number bigint NOT NULL, name text NOT NULL, "
                 "checksum text NOT NULL, applied_ms bigint NOT NULL, PRIMARY KEY (owner, number))");
}

// What is known and not applied; refuses what is applied and not known, or known with another text.
std::vector<Database::Migration> pending(db::ControlledSession& session, const std::string& module, const std::string& schema) {
  if (!has_ledger(session, schema)) return known_migrations(module, session.engine());
  Tx tx(session, 0, nullptr);
  const auto applied = tx.list<Applied>("SELECT owner, number, name, checksum FROM schema_migration ORDER BY owner, number"_sql);
  auto known = known_migrations(module, session.engine());
  for (const auto& one : applied) {
    const auto found = std::ranges::find_if(known, [&](const auto& m) { return m.owner == one.owner && m.number == one.number; });
    if (found == known.end())
      throw Problem(409, "newer_database", fmt::format("The database of {} was written by a newer release: it has migration {} {:04} {}, which this release does not know. Start the newer release, or restore a backup made by this one.", module, one.owner, one.number, one.name));
    if (found->checksum != one.checksum)
      throw Problem(409, "changed_migration", fmt::format("Migration {} {:04} {} of {} was applied with another text than this release has.", one.owner, one.number, one.name, module));
    known.erase(found);
  }
  return known;
}

// With several instances one migrates and the others wait. The lock is polled: a blocking one deadlocks with CREATE INDEX CONCURRENTLY.
void lock_schema(db::ControlledSession& session, const std::string& module) {
  for (int tries = 0;; ++tries) {
    Tx tx(session, 0, nullptr);
    if (tx.get<std::string>("SELECT cast(pg_try_advisory_lock(hashtext('polyshop ' || cast(:module as text))) AS text) AS locked"_postgresql, module) == "true") return;
    if (tries == 0) log::info("waiting for another instance to finish its migrations", {{"module", module}});
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Problem denied(const std::string& module) {
  return Problem(409, "role_too_narrow", fmt::format("The role that {} connects as may not do there what it has to; the log says what. polyshop provision prints the grants.", module));
}

}  // namespace

std::vector<Database::Migration> Database::plan() {
  try {
    if (engine() == Engine::sqlite && !std::filesystem::exists(file())) return known_migrations(module_, engine());
    auto session = db::open_session(migration_options());
    return pending(*session, module_, schema());
  } catch (const db::SessionError& error) {
    log::error("cannot read the migrations", {{"module", module_}, {"error", error.what()}});
    if (error.kind == db::SessionError::Kind::denied) throw denied(module_);
    throw db::problem_of(error);
  }
}

std::vector<Database::Migration> Database::migrate() {
  try {
    auto session = db::open_session(migration_options());
    if (engine() == Engine::postgresql) {
      const auto missing = pending(*session, module_, schema());
      if (missing.empty()) return {};
      if (!may_migrate(*session, schema()))
        throw Problem(409, "may_not_migrate", fmt::format("{} migrations of {} are not applied, and the role {} may not create tables there. Run polyshop migrate with database.migrate_url set to the role that owns them; polyshop provision makes one.", missing.size(), module_, db::target_of(migration_options().target).role));
      lock_schema(*session, schema());
    }
    create_ledger(*session, schema());
    auto migrations = pending(*session, module_, schema());
    for (const auto& migration : migrations) {
      session->begin(true);
      try {
        session->script(migration.sql);
        Tx tx(*session, clock_.now(), nullptr);
        tx.exec("INSERT INTO schema_migration (owner, number, name, checksum, applied_ms) VALUES (:owner, :number, :name, :checksum, :now)"_sql,
                migration.owner, migration.number, migration.name, migration.checksum, tx.now());
        session->commit();
      } catch (...) {
        session->rollback();
        throw;
      }
    }
    return migrations;
  } catch (const db::SessionError& error) {
    using Kind = db::SessionError::Kind;
    log::error("migration failed", {{"module", module_}, {"error", error.what()}});
    if (error.kind == Kind::denied) throw denied(module_);
    if (error.kind == Kind::read_only || error.kind == Kind::busy)
      throw Problem(503, "data_folder_unusable", fmt::format("The database of {} cannot be written: {}. Check that the folder exists, is writable by this user and on a file system with space.", module_, engine() == Engine::sqlite ? file().string() : "read-only server"));
    throw db::problem_of(error);
  }
}

}  // namespace polyshop
