#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ownership_check/postgresql.hpp"
#include "ownership_check/schemas.hpp"

namespace polyshop::ownership {

// The schemas of a tree in a PostgreSQL database made for it: a schema for each module, with the bus's tables as in every module's
// database, one for the bus alone, a role that owns it and one that runs. Database and roles are gone when this is.
class PostgresqlSchemas {
 public:
  // `administrator` is the connection string of somebody who may create databases and roles. Runs no migration yet.
  PostgresqlSchemas(const Tree& tree, std::string administrator);
  ~PostgresqlSchemas();
  PostgresqlSchemas(const PostgresqlSchemas&) = delete;
  PostgresqlSchemas& operator=(const PostgresqlSchemas&) = delete;

  struct Ran {
    Migration migration;
    MigrationStatement statement;
    Postgresql::Answer answer;
  };
  // Runs the migrations of the module that have not run yet, the bus's first, as the role that owns the schema; answers what
  // became of those of the module.
  std::vector<Ran> migrate(const std::string& module, const std::vector<Migration>& migrations);

  // As whoever may do everything; as the role that owns the module's schema; as the one that runs.
  Postgresql as_administrator() const;
  Postgresql as_owner(const std::string& module) const;
  Postgresql as_module(const std::string& module) const;
  std::string connection_of(const std::string& module) const { return connection(database_, role(module)); }
  const std::set<std::string>& modules() const { return modules_; }

  // From here on in a copy of the database, until back().
  void into_copy();
  void back();

 private:
  std::string connection(const std::string& database, const std::string& role) const;
  std::string role(const std::string& module) const { return name_ + "_" + module; }

  const std::string administrator_;
  const std::string name_;
  std::string database_;
  std::set<std::string> modules_;
  std::set<std::string> applied_;  // "module/place"
  std::set<std::string> applied_before_copy_;
};

// The statements of a PostgreSQL script, with the lines they start in.
std::vector<MigrationStatement> statements_of_script(std::string_view text);

// Functions of PostgreSQL that compute from what they are given.
bool is_harmless_postgresql_function(std::string_view name);

}  // namespace polyshop::ownership
