#include "ownership_check/schemas.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace polyshop::ownership {
namespace {

Migration migration_at(const Tree& tree, const std::string& place) {
  Migration migration;
  migration.place = place;
  // Nothing else is ever run.
  if (place.ends_with(".sql")) migration.text = tree.text_at(place);
  auto rest = std::string_view(place).substr(std::string_view("schemas/").size());
  const auto slash = std::min(rest.find('/'), rest.size());
  migration.owner = rest.substr(0, slash);
  const auto name = rest.substr(std::min(slash + 1, rest.size()));
  if (name.ends_with(".sqlite.sql")) migration.dialect = db::Dialect::sqlite;
  if (name.ends_with(".postgres.sql")) migration.dialect = db::Dialect::postgresql;
  int number = 0;
  if (name.size() > 9 && name.ends_with(".sql") && name[4] == '_' && std::from_chars(name.data(), name.data() + 4, number).ptr == name.data() + 4) migration.number = number;
  return migration;
}

std::vector<std::string> tables_in(SqliteDatabase& database) {
  std::vector<std::string> tables;
  for (const auto& row : database.rows("SELECT name FROM sqlite_master WHERE type = 'table' UNION ALL SELECT name FROM sqlite_temp_master WHERE type = 'table'", 1)) tables.push_back(lower_case(row[0]));
  return tables;
}

}  // namespace

std::string TableOrigin::made_by() const { return place.empty() ? "" : fmt::format("{}:{}", place, line); }

std::string lower_case(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

std::vector<Migration> read_migrations(const Tree& tree) {
  std::vector<Migration> migrations;
  for (const auto& place : tree.places_below("schemas", "")) migrations.push_back(migration_at(tree, place));
  std::ranges::stable_sort(migrations, {}, [](const auto& m) { return std::tuple(m.owner, m.number, m.dialect); });
  return migrations;
}

void for_each_statement(SqliteDatabase& database, std::string_view text, const SqliteDatabase::Judge& judge, const std::function<void(const MigrationStatement&, SqliteDatabase::Prepared&&)>& ran) {
  int line = 1;
  const auto skip = [&](std::size_t count) {
    line += static_cast<int>(std::ranges::count(text.substr(0, count), '\n'));
    text.remove_prefix(count);
  };
  while (!text.empty()) {
    // To where the statement starts, past blanks and comments.
    const auto start = text.find_first_not_of(" \t\r\n;");
    if (start == text.npos) return;
    skip(start);
    if (text.starts_with("--")) {
      skip(std::min(text.find('\n'), text.size()));
      continue;
    }
    const auto at = line;
    auto result = database.run(text, judge);
    const auto used = result.used == 0 ? text.size() : result.used;
    const MigrationStatement statement{std::string(text.substr(0, used)), at};
    skip(used);
    if (!result.is_empty) ran(statement, std::move(result));
  }
}

SqliteSchemas::SqliteSchemas(const Tree& tree) : migrations_(read_migrations(tree)) {
  for (const auto& [name, _] : tree.modules) own_.try_emplace(name);
  for (const auto& migration : migrations_) own_.try_emplace(migration.owner);
  origins_["schema_migration"].push_back({"kernel", "src/kernel/db/migration.cpp", 0});
  for (const auto& migration : migrations_) {
    if (migration.dialect == db::Dialect::postgresql) continue;
    auto& database = own_.at(migration.owner);
    auto known = tables_in(database);
    for_each_statement(database, migration.text, {}, [&](const MigrationStatement& statement, SqliteDatabase::Prepared&& result) {
      auto& ran = ran_.emplace_back(Ran{&migration, statement, std::move(result), {}});
      for (const auto& table : tables_in(database)) {
        if (std::ranges::count(known, table) > 0) continue;
        known.push_back(table);
        ran.made.push_back(table);
        auto& origins = origins_[table];
        if (std::ranges::find(origins, migration.owner, &TableOrigin::owner) == origins.end()) origins.push_back({migration.owner, migration.place, statement.line});
      }
    });
  }
}

std::vector<Migration> SqliteSchemas::of(std::string_view owner) const {
  std::vector<Migration> own;
  std::ranges::copy_if(migrations_, std::back_inserter(own), [&](const auto& m) { return m.owner == owner; });
  return own;
}

const std::vector<TableOrigin>& SqliteSchemas::origins_of(std::string_view table) const {
  static const std::vector<TableOrigin> none;
  const auto found = origins_.find(lower_case(table));
  return found == origins_.end() ? none : found->second;
}

bool SqliteSchemas::owns(std::string_view owner, std::string_view table) const { return std::ranges::count(origins_of(table), owner, &TableOrigin::owner) > 0; }

std::vector<std::string> SqliteSchemas::tables_of(std::string_view owner) const {
  std::vector<std::string> tables;
  for (const auto& [table, origins] : origins_)
    if (std::ranges::count(origins, owner, &TableOrigin::owner) > 0) tables.push_back(table);
  return tables;
}

SqliteDatabase SqliteSchemas::without(std::string_view owner) const {
  SqliteDatabase all;
  all.run("CREATE TABLE schema_migration (owner text NOT NULL, number bigint NOT NULL, name text NOT NULL, checksum text NOT NULL, applied_ms bigint NOT NULL, PRIMARY KEY (owner, number))");
  for (const auto& migration : migrations_) {
    if (migration.owner == owner || migration.dialect == db::Dialect::postgresql) continue;
    // What reaches into another's tables fails here; its own owner's check says so.
    const auto judge = [&](const Access& access) {
      if (access.action == SQLITE_DROP_TABLE || access.action == SQLITE_ALTER_TABLE) return owns(migration.owner, access.action == SQLITE_DROP_TABLE ? access.first : access.second);
      return true;
    };
    for_each_statement(all, migration.text, judge, [](const MigrationStatement&, SqliteDatabase::Prepared&&) {});
  }
  return all;
}

}  // namespace polyshop::ownership
