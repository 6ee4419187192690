#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/db/sql.hpp"
#include "ownership_check/sqlite.hpp"
#include "ownership_check/tree.hpp"

namespace polyshop::ownership {

// A file below schemas/.
struct Migration {
  std::string owner;   // a module, or "bus"
  std::string place;   // schemas/catalog/0001_catalog.sql
  std::string text;
  int number = 0;      // 0 where the file is not named NNNN_name.sql
  db::Dialect dialect = db::Dialect::common;
};
// Of all owners, each owner's in their order.
std::vector<Migration> read_migrations(const Tree& tree);

// A statement of a migration and the line it starts in.
struct MigrationStatement {
  std::string text;
  int line = 0;
};

// Where a table came from.
struct TableOrigin {
  std::string owner;
  std::string place;
  int line = 0;
  std::string made_by() const;  // "schemas/inventory/0001_inventory.sql:19"
};

// Names of SQL are compared without their case.
std::string lower_case(std::string_view name);

// The schemas of a tree on SQLite: who owns which table, a database for each module that holds its own tables only, and one that
// holds everybody's.
class SqliteSchemas {
 public:
  explicit SqliteSchemas(const Tree& tree);

  const std::vector<Migration>& migrations() const { return migrations_; }
  std::vector<Migration> of(std::string_view owner) const;
  // The owners of a table of that name; more than one where two have made it. "kernel" has the ledger of migrations.
  const std::vector<TableOrigin>& origins_of(std::string_view table) const;
  bool owns(std::string_view owner, std::string_view table) const;
  std::vector<std::string> tables_of(std::string_view owner) const;
  SqliteDatabase& own(const std::string& owner) { return own_.at(owner); }

  // What happened when a migration ran on the owner's own database, statement by statement.
  struct Ran {
    const Migration* migration;
    MigrationStatement statement;
    SqliteDatabase::Prepared result;
    std::vector<std::string> made;  // tables
  };
  const std::vector<Ran>& ran() const { return ran_; }

  // A database with the tables of everybody but one.
  SqliteDatabase without(std::string_view owner) const;

 private:
  std::vector<Migration> migrations_;
  std::map<std::string, SqliteDatabase> own_;
  std::map<std::string, std::vector<TableOrigin>> origins_;
  std::vector<Ran> ran_;
};

// Runs the statements of a migration one by one, also those after one that failed.
void for_each_statement(SqliteDatabase& database, std::string_view text, const SqliteDatabase::Judge& judge, const std::function<void(const MigrationStatement&, SqliteDatabase::Prepared&&)>& ran);

// Functions that both a statement and a table may call on SQLite: those that compute from what they are given.
bool is_harmless_function(std::string_view name);

}  // namespace polyshop::ownership
