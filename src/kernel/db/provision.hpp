#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/db/connection_string.hpp"

namespace polyshop::db {

// Where a module's schema lies in PostgreSQL, and its two roles: one owns the tables and migrates them, one runs.
struct Place {
  std::string module;
  Target runs;
  Target migrates;
  bool is_projection = false;  // and is made anew in a schema beside its own
};

// Where a module's tables are made anew before they take the place of the old ones.
std::string rebuild_schema(const std::string& module);

// A statement that an administrator runs to make what is missing and to take away what is too much. Running it again
// changes nothing.
struct ProvisionStep {
  std::string server;    // "db:5432", as the modules reach it
  std::string database;  // empty: whichever the administrator is connected to
  std::string sql;
  std::string unless_role{};      // only where there is no role of this name yet
  std::string unless_database{};  // only where there is no database of this name yet
  std::string shown{};            // what may be said of it where the statement itself holds a secret
};

// What gives every module its schema and roles with the least rights: the role that runs may connect to its own database,
// and read and write the rows of its own tables, those of later migrations included. Nothing is left to PUBLIC in the
// databases. `verifiers` are of passwords, by role; a role that has none keeps the password it has. `whole_server` takes CONNECT on
// the server's other databases from PUBLIC as well, for a server that only the shop uses. Throws Problem 422 `bad_place`
// where two modules share a role or a module's roles do not lie together.
std::vector<ProvisionStep> provision_steps(const std::vector<Place>& places, const std::map<std::string, std::string>& verifiers, bool whole_server);

// The steps as a script for psql.
std::string psql_script(const std::vector<ProvisionStep>& steps);

// Runs the steps of one server as `administrator`, a connection string. Throws Problem 409 `not_provisioned`, which names the
// step; the log says why.
void run_provision(const std::vector<ProvisionStep>& steps, const std::string& administrator);

}  // namespace polyshop::db
