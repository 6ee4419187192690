#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe.hpp>

namespace polyshop::ownership {

// The ways in which a module could reach what is not its own, each looked at by a layer of its own.
enum class Layer { includes, symbols, statements, migrations };
BOOST_DESCRIBE_ENUM(Layer, includes, symbols, statements, migrations)

// What is wrong: who, where, what, whose, and what to do instead.
struct Finding {
  std::string code;     // stable: OWN-SQL-1; docs/ownership.md explains each
  Layer layer = Layer::includes;
  std::string engine;   // "sqlite" or "postgresql" where an engine found it, else empty
  std::string module;   // who
  std::string file;     // where, relative to the root; empty where there is no file
  std::int64_t line = 0;  // 0 where the file as a whole is meant
  std::string what;     // a clause that follows the place: "order reads stock_level"
  std::string subject;  // the table, symbol, header or function
  std::string owner;    // whose it is: a module, "bus", "kernel", or empty
  std::string made_by;  // the migration that made the table, with its line
  std::string advice;   // what to do instead
};
BOOST_DESCRIBE_STRUCT(Finding, (), (code, layer, engine, module, file, line, what, subject, owner, made_by, advice))

// What was looked at, so that nothing can be left out unnoticed.
struct Counts {
  std::int64_t translation_units = 0;
  std::int64_t dependencies = 0;           // files that these units read, each counted once a unit
  std::int64_t symbols = 0;                // external names that the units define or need, each counted once
  std::int64_t statements = 0;
  std::int64_t statements_on_sqlite = 0;   // prepared on SQLite
  std::int64_t statements_on_postgresql = 0;
  std::int64_t migrations = 0;
  std::int64_t migrations_on_sqlite = 0;
  std::int64_t migrations_on_postgresql = 0;
  std::int64_t tables = 0;
  Counts& operator+=(const Counts& other);
};
BOOST_DESCRIBE_STRUCT(Counts, (), (translation_units, dependencies, symbols, statements, statements_on_sqlite, statements_on_postgresql, migrations, migrations_on_sqlite, migrations_on_postgresql, tables))

struct ModuleReport {
  std::string module;
  Counts counts;
  std::vector<Finding> findings;
};
BOOST_DESCRIBE_STRUCT(ModuleReport, (), (module, counts, findings))

// The finding as a compiler says it: file:line: code: what; advice.
std::string text_of(const Finding& finding);
// The counts of a module, or of all, in a line.
std::string text_of(const Counts& counts);
// In the order of files and lines; what was found twice stands there once.
void sort_and_unite(std::vector<Finding>& findings);

}  // namespace polyshop::ownership
