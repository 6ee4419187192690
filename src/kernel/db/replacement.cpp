#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/database.hpp"
#include "kernel/db/provision.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/durable_file.hpp"

// A database that is made anew beside the one in use, and put in its place.
namespace polyshop {
namespace {

constexpr const char* folder = "rebuild";  // in the data folder

std::vector<std::string> tables_of(db::ControlledSession& session, const std::string& schema) {
  Tx tx(session, 0, nullptr);
  return tx.list<std::string>("SELECT tablename FROM pg_tables WHERE schemaname = :schema ORDER BY tablename"_postgresql, schema);
}

std::string drop_all(const std::string& schema, const std::vector<std::string>& tables) {
  std::string script;
  for (const auto& table : tables) script += fmt::format("DROP TABLE IF EXISTS \"{}\".\"{}\" CASCADE;", schema, table);
  return script;
}

// SQLite's files beside a database, which its last connection removes when it has put everything into the database.
bool is_put_together(const std::filesystem::path& file) {
  auto wal = file;
  wal += "-wal";
  std::error_code none;
  const auto size = std::filesystem::file_size(wal, none);
  return none || size == 0;
}

void replace_file(const std::filesystem::path& fresh, const std::filesystem::path& file) {
  if (!is_put_together(fresh) || !is_put_together(file)) throw Problem::unavailable("database_busy", fmt::format("Somebody else reads {}, perhaps a backup. Try again when it is done.", file.string()), 10);
  for (const auto* end : {"-wal", "-shm"}) {
    auto beside = file;
    beside += end;
    std::filesystem::remove(beside);
  }
  rename_durably(fresh, file);
}

// The tables change their schema in one transaction, so that other instances see the one or the other. In the session that
// holds the lock on the place: where it was lost, somebody else may have begun there.
void replace_tables(db::ControlledSession& owner, const std::string& from, const std::string& to, const std::string& runs) {
  constexpr int tries = 5;
  for (int i = 1;; ++i) {
    try {
      owner.begin(true);
      std::string script = drop_all(to, tables_of(owner, to));
      for (const auto& table : tables_of(owner, from)) script += fmt::format("ALTER TABLE \"{}\".\"{}\" SET SCHEMA \"{}\";", from, table, to);
      if (!runs.empty()) script += fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \"{}\" TO \"{}\";", to, runs);
      owner.script(script);
      owner.commit();
      return;
    } catch (const db::SessionError& error) {
      owner.rollback();
      using Kind = db::SessionError::Kind;
      const bool may_pass = error.kind == Kind::timeout || error.kind == Kind::conflict;  // other instances hold the tables
      if (!may_pass || i == tries) throw;
    }
  }
}

bool may_create_in(db::ControlledSession& session, const std::string& schema) {
  Tx tx(session, 0, nullptr);
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM pg_namespace WHERE nspname = :schema AND has_schema_privilege(oid, 'CREATE')"_postgresql, schema) == 1;
}

bool has_schema(db::ControlledSession& session, const std::string& schema) {
  Tx tx(session, 0, nullptr);
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM pg_namespace WHERE nspname = :schema"_postgresql, schema) == 1;
}

bool take_lock(db::ControlledSession& session, const std::string& schema) {
  Tx tx(session, 0, nullptr);
  return tx.get<std::string>("SELECT cast(pg_try_advisory_lock(hashtext('polyshop ' || cast(:schema as text)), 1) AS text) AS locked"_postgresql, schema) == "true";
}

}  // namespace

Database::Beside Database::make_place_beside() const {
  auto options = options_;
  if (engine() == Engine::sqlite) {
    options.folder = options_.folder / folder;
    std::filesystem::create_directories(options.folder);
    for (const auto* end : {".db", ".db-wal", ".db-shm"}) std::filesystem::remove(options.folder / (module_ + end));
    return {std::move(options), nullptr};
  }
  options.schema = db::rebuild_schema(module_);
  options.url = migration_options().target;
  options.migrate_url.clear();
  options.lanes = 2;
  auto of_owner = migration_options();
  of_owner.schema = options.schema;
  const auto role = db::target_of(of_owner.target).role;
  const auto no_place = [](std::string why) { return Problem(409, "no_place_to_rebuild", std::move(why)); };
  try {
    auto owner = db::open_session(of_owner);
    if (!may_create_in(*owner, module_))
      throw no_place(fmt::format("The role {} may not make the tables of {}. Set database.migrate_url for the shop that serves, to the role that owns them.", role, module_));
    if (!take_lock(*owner, options.schema)) throw Problem::conflict("rebuild_running", fmt::format("{} is being rebuilt already, perhaps by another instance. Wait for it.", module_));
    if (!has_schema(*owner, options.schema)) owner->script(fmt::format("CREATE SCHEMA \"{}\"", options.schema));
    owner->script(drop_all(options.schema, tables_of(*owner, options.schema)));
    return {std::move(options), std::move(owner)};
  } catch (const db::SessionError& error) {
    log::error("there is no place to rebuild a database", {{"module", module_}, {"error", error.what()}});
    if (error.kind == db::SessionError::Kind::denied)
      throw no_place(fmt::format("The role {} may not make the schema in which {} would be rebuilt. Run polyshop provision again, or let an administrator run in that database, once: CREATE SCHEMA \"{}\" AUTHORIZATION \"{}\"", role, module_, options.schema, role));
    throw db::problem_of(error);
  }
}

// A module that keeps in memory what it read (db::Kept) cannot be replaced: the generations of the new database begin anew.
void Database::replace_with(Database& fresh, Beside& beside) {
  fresh.close();
  gate_.shut();
  close();
  std::exception_ptr failure;
  try {
    if (engine() == Engine::sqlite) {
      replace_file(fresh.file(), file());
    } else {
      const auto runs = db::target_of(options_.url).role, owns = db::target_of(migration_options().target).role;
      replace_tables(*beside.owner, fresh.schema(), schema(), runs == owns ? std::string() : runs);
    }
  } catch (const db::SessionError& error) {
    log::error("a database could not be replaced", {{"module", module_}, {"error", error.what()}});
    failure = std::make_exception_ptr(db::problem_of(error));
  } catch (...) {
    failure = std::current_exception();
  }
  open();
  gate_.open();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace polyshop
