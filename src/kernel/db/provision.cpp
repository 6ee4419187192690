#include "kernel/db/provision.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "kernel/db/session.hpp"
#include "kernel/observe/log.hpp"

namespace polyshop::db {
namespace {

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out += quote;
}
std::string identifier(std::string_view name) { return quoted(name, '"'); }
std::string literal(std::string_view text) { return quoted(text, '\''); }

void check(const std::vector<Place>& places) {
  std::map<std::string, std::string> module_of;  // by server and role
  for (const auto& place : places) {
    const auto refuse = [&](const std::string& why) { return Problem::invalid("bad_place", fmt::format("{}: {}", place.module, why), "database." + place.module); };
    if (place.runs.server() != place.migrates.server() || place.runs.database != place.migrates.database)
      throw refuse(fmt::format("the URL leads to {} on {}, the migrate_url to {} on {}. Let both lead to the same database.", place.runs.database, place.runs.server(), place.migrates.database, place.migrates.server()));
    if (place.runs.role == place.migrates.role) throw refuse(fmt::format("it runs and migrates as {}. Name two roles: the one that runs must not own the tables.", place.runs.role));
    for (const auto& role : {place.runs.role, place.migrates.role}) {
      const auto [found, is_new] = module_of.emplace(place.runs.server() + "/" + role, place.module);
      if (!is_new) throw refuse(fmt::format("its role {} is also the one of {}. Give each module roles of its own, such as shop_{{module}}.", role, found->second));
    }
  }
}

class Steps {
 public:
  Steps(const std::string& server, const std::map<std::string, std::string>& verifiers, std::vector<ProvisionStep>& into) : server_(server), verifiers_(verifiers), into_(into) {}

  void role(const std::string& name) {
    const auto quoted_name = identifier(name);
    into_.push_back({server_, {}, fmt::format("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT", quoted_name), name, {}, {}});
    if (const auto verifier = verifiers_.find(name); verifier != verifiers_.end())
      into_.push_back({server_, {}, fmt::format("ALTER ROLE {} PASSWORD {}", quoted_name, literal(verifier->second)), {}, {}, fmt::format("ALTER ROLE {} PASSWORD ...", quoted_name)});
  }

  void database(const std::string& name, const std::vector<const Place*>& places) {
    into_.push_back({server_, {}, fmt::format("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", identifier(name)), {}, name, {}});
    add({}, fmt::format("REVOKE ALL ON DATABASE {} FROM PUBLIC", identifier(name)));
    for (const auto* place : places) add({}, fmt::format("GRANT CONNECT ON DATABASE {} TO {}, {}", identifier(name), identifier(place->migrates.role), identifier(place->runs.role)));
  }

  void schema(const Place& place) {
    const auto schema = identifier(place.module), owner = identifier(place.migrates.role), runs = identifier(place.runs.role);
    const auto in = [&](std::string sql) { add(place.runs.database, std::move(sql)); };
    // An administrator who is no superuser acts for a role only as its member.
    in(fmt::format("GRANT {} TO CURRENT_USER", owner));
    in(fmt::format("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}", schema, owner));
    in(fmt::format("ALTER SCHEMA {} OWNER TO {}", schema, owner));
    if (place.is_projection) in(fmt::format("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}", identifier(rebuild_schema(place.module)), owner));
    // Tables that another role has made, as in a shop that ran with one role before.
    in(fmt::format("DO $$ DECLARE t record; BEGIN FOR t IN SELECT cast(oid AS regclass) AS name FROM pg_class WHERE relnamespace = cast({} AS regnamespace) AND relkind IN ('r', 'p') "
                   "AND relowner <> cast({} AS regrole) LOOP EXECUTE format('ALTER TABLE %s OWNER TO {}', t.name); END LOOP; END $$",
                   literal(schema), literal(owner), owner));
    in(fmt::format("REVOKE ALL ON SCHEMA {} FROM PUBLIC", schema));
    in(fmt::format("GRANT USAGE ON SCHEMA {} TO {}", schema, runs));
    in(fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}", schema, runs));
    in(fmt::format("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}", owner, schema, runs));
    // PUBLIC may by default execute what is created. No migration creates a function; this holds where one does by hand.
    in(fmt::format("ALTER DEFAULT PRIVILEGES FOR ROLE {} REVOKE EXECUTE ON ROUTINES FROM PUBLIC", owner));
    in(fmt::format("REVOKE {} FROM CURRENT_USER", owner));
  }

  void add(const std::string& database, std::string sql) { into_.push_back({server_, database, std::move(sql)}); }

 private:
  const std::string& server_;
  const std::map<std::string, std::string>& verifiers_;
  std::vector<ProvisionStep>& into_;
};

std::int64_t count_of(ControlledSession& session, const ProvisionStep& step) {
  Tx tx(session, 0, nullptr);
  if (!step.unless_role.empty()) return tx.get<std::int64_t>("SELECT count(*) AS n FROM pg_roles WHERE rolname = :name"_postgresql, step.unless_role);
  if (!step.unless_database.empty()) return tx.get<std::int64_t>("SELECT count(*) AS n FROM pg_database WHERE datname = :name"_postgresql, step.unless_database);
  return 0;
}

}  // namespace

std::string rebuild_schema(const std::string& module) { return module + "_rebuild"; }

std::vector<ProvisionStep> provision_steps(const std::vector<Place>& places, const std::map<std::string, std::string>& verifiers, bool whole_server) {
  check(places);
  std::map<std::string, std::map<std::string, std::vector<const Place*>>> by_server;  // and database
  for (const auto& place : places) by_server[place.runs.server()][place.runs.database].push_back(&place);
  std::vector<ProvisionStep> all;
  for (const auto& [server, databases] : by_server) {
    Steps steps(server, verifiers, all);
    for (const auto& [database, inside] : databases)
      for (const auto* place : inside) {
        steps.role(place->migrates.role);
        steps.role(place->runs.role);
      }
    for (const auto& [database, inside] : databases) steps.database(database, inside);
    if (whole_server)
      for (const auto* database : {"postgres", "template1"}) steps.add({}, fmt::format("REVOKE ALL ON DATABASE {} FROM PUBLIC", identifier(database)));
    for (const auto& [database, inside] : databases) {
      steps.add(database, "REVOKE ALL ON SCHEMA public FROM PUBLIC");
      for (const auto* place : inside) steps.schema(*place);
    }
  }
  return all;
}

std::string psql_script(const std::vector<ProvisionStep>& steps) {
  const auto servers = [&] {
    std::set<std::string> names;
    for (const auto& step : steps) names.insert(step.server);
    return names.size();
  }();
  std::string out = "\\set ON_ERROR_STOP on\n";
  std::string server;
  std::string database;
  for (const auto& step : steps) {
    if (step.server != server) {
      server = step.server;
      database.clear();
      const auto colon = server.rfind(':');
      fmt::format_to(std::back_inserter(out), "\n-- On the server {}.\n", server);
      if (servers > 1) fmt::format_to(std::back_inserter(out), "\\connect postgres - {} {}\n", colon == 0 ? "-" : server.substr(0, colon), server.substr(colon + 1));
    }
    if (step.database != database) {
      database = step.database;
      fmt::format_to(std::back_inserter(out), "\n\\connect {}\n", identifier(database));
    }
    if (!step.unless_role.empty())
      fmt::format_to(std::back_inserter(out), "SELECT {} WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {}) \\gexec\n", literal(step.sql), literal(step.unless_role));
    else if (!step.unless_database.empty())
      fmt::format_to(std::back_inserter(out), "SELECT {} WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {}) \\gexec\n", literal(step.sql), literal(step.unless_database));
    else
      fmt::format_to(std::back_inserter(out), "{};\n", step.sql);
  }
  return out;
}

void run_provision(const std::vector<ProvisionStep>& steps, const std::string& administrator) {
  std::unique_ptr<ControlledSession> session;
  std::string connected;
  const std::string* shown = nullptr;
  try {
    for (const auto& step : steps) {
      shown = step.shown.empty() ? &step.sql : &step.shown;
      if (!session || (!step.database.empty() && step.database != connected)) {
        session.reset();
        session = open_session({Engine::postgresql, step.database.empty() ? administrator : with_setting(administrator, "dbname", step.database), "public", false});
        connected = step.database;
      }
      if (count_of(*session, step) == 0) session->script(step.sql);
    }
  } catch (const SessionError& error) {
    log::error("provisioning stopped", {{"error", error.what()}});
    if (error.kind == SessionError::Kind::lost) throw Problem(503, "database_unavailable", "The administrator's connection, database.admin_url, cannot be made; the line above says why.");
    throw Problem(409, "not_provisioned", fmt::format("PostgreSQL refused a step; the line above says why. It can be run again once that is mended: {}", *shown));
  }
}

}  // namespace polyshop::db
