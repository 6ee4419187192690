#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/database.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/durable_file.hpp"

// A database that is made anew beside the one in use, and put in its place.
namespace polyshop {
namespace {

constexpr const char* suffix = "_rebuild";  // of the schema beside the module's own
constexpr const char* folder = "rebuild";   // in the data folder

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

// The tables change their schema in one transaction, so that other instances see the one or the other.
void replace_tables(const db::SessionOptions& owner, const std::string& from, const std::string& to, const std::string& runs) {
  auto session = db::open_session(owner);
  constexpr int tries = 5;
  for (int i = 1;; ++i) {
    session->begin(true);
    try {
      std::string script = drop_all(to, tables_of(*session, to));
      for (const auto& table : tables_of(*session, from)) script += fmt::format("ALTER TABLE \"{}\".\"{}\" SET SCHEMA \"{}\";", from, table, to);
      if (!runs.empty()) script += fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \"{}\" TO \"{}\";", to, runs);
      session->script(script);
      session->commit();
      return;
    } catch (const db::SessionError& error) {
      session->rollback();
      using Kind = db::SessionError::Kind;
      const bool may_pass = error.kind == Kind::timeout || error.kind == Kind::conflict;  // other instances hold the tables
      if (!may_pass || i == tries) throw;
    }
  }
}

}  // namespace

DatabaseOptions Database::make_place_beside() const {
  auto options = options_;
  if (engine() == Engine::sqlite) {
    options.folder = options_.folder / folder;
    std::filesystem::create_directories(options.folder);
    for (const auto* end : {".db", ".db-wal", ".db-shm"}) std::filesystem::remove(options.folder / (module_ + end));
    return options;
  }
  options.schema = module_ + suffix;
  options.url = migration_options().target;
  options.migrate_url.clear();
  options.lanes = 2;
  auto owner = migration_options();
  owner.schema = options.schema;
  try {
    auto session = db::open_session(owner);
    Tx tx(*session, 0, nullptr);
    if (tx.get<std::int64_t>("SELECT count(*) AS n FROM pg_namespace WHERE nspname = :schema"_postgresql, options.schema) == 0) session->script(fmt::format("CREATE SCHEMA \"{}\"", options.schema));
    session->script(drop_all(options.schema, tables_of(*session, options.schema)));
  } catch (const db::SessionError& error) {
    log::error("there is no place to rebuild a database", {{"module", module_}, {"error", error.what()}});
    const auto role = db::target_of(owner.target).role;
    if (error.kind == db::SessionError::Kind::denied)
      throw Problem(409, "no_place_to_rebuild", fmt::format("The role {} may not make the schema in which {} would be rebuilt. Let an administrator run in that database, once: CREATE SCHEMA \"{}\" AUTHORIZATION \"{}\"", role, module_, options.schema, role));
    throw db::problem_of(error);
  }
  return options;
}

void Database::replace_with(Database& fresh) {
  fresh.close();
  gate_.shut();
  close();
  std::exception_ptr failure;
  try {
    if (engine() == Engine::sqlite) {
      replace_file(fresh.file(), file());
    } else {
      const auto runs = db::target_of(options_.url).role, owns = db::target_of(migration_options().target).role;
      replace_tables(migration_options(), fresh.schema(), schema(), runs == owns ? std::string() : runs);
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
