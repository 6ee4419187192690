#pragma once

#include "ownership_check/layers.hpp"
#include "ownership_check/postgresql_schemas.hpp"
#include "ownership_check/schemas.hpp"

namespace polyshop::ownership {

// The checker of a tree: reads once what all modules share.
class Checker {
 public:
  // Throws Problem where the tree, the schemas, the dependency log or the floor's libraries cannot be read.
  explicit Checker(const Tree& tree);

  // The module's units as the build made them.
  std::vector<Unit> units_of(const Module& module) const;
  // All that needs no server, in a report whose findings are in the order of places.
  ModuleReport check(const Module& module, const std::vector<Unit>& units);
  ModuleReport check(const Module& module) { return check(module, units_of(module)); }
  // What needs a server as well, for all modules of the tree: migrates `schemas`, then adds to the reports.
  void check_on(PostgresqlSchemas& schemas, std::vector<ModuleReport>& reports);
  // The migrations of the bus, which every module's database has.
  ModuleReport check_bus();

 private:
  const Tree& tree_;
  const DependencyLog log_;
  std::set<std::string> floor_;
  SqliteSchemas schemas_;
};

// The statements of a module's units.
std::set<CompiledStatement> statements_in(const Module& module, const ModuleSymbols& symbols, ModuleReport& report);

}  // namespace polyshop::ownership
