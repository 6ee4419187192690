#include "ownership_check/check.hpp"

#include <algorithm>

#include <sys/stat.h>

#include "kernel/types/problem.hpp"
#include "ownership_check/postgresql_layers.hpp"
#include "ownership_check/sqlite_layers.hpp"

namespace polyshop::ownership {
namespace {

std::int64_t modified_ns(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return 0;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::set<std::string> defined_by_floors(const Tree& tree) {
  std::set<std::string> defined;
  for (const auto& library : tree.floors) defined.merge(defined_in_archive(library));
  return defined;
}

}  // namespace

std::set<CompiledStatement> statements_in(const Module& module, const ModuleSymbols& symbols, ModuleReport& report) {
  std::set<CompiledStatement> statements;
  try {
    statements = statements_of(symbols.defined);
  } catch (const Problem& problem) {
    report.findings.push_back({"OWN-SQL-9", Layer::statements, "", module.name, "", 0, problem.detail, "", "", "", ""});
  }
  report.counts.statements += static_cast<std::int64_t>(statements.size());
  return statements;
}

Checker::Checker(const Tree& tree) : tree_(tree), log_(tree.build), floor_(defined_by_floors(tree)), schemas_(tree) {}

std::vector<Unit> Checker::units_of(const Module& module) const {
  std::vector<Unit> units;
  for (const auto& object : module.objects) {
    auto& unit = units.emplace_back(Unit{object, {}});
    const auto* record = log_.of(object.lexically_relative(tree_.build).string());
    // An object that is younger than its record was made by somebody else.
    if (!record || record->object_time_ns < modified_ns(object)) continue;
    for (const auto& file : record->files) unit.dependencies.emplace_back(fs::path(file).is_absolute() ? fs::path(file) : tree_.build / file);
  }
  return units;
}

ModuleReport Checker::check(const Module& module, const std::vector<Unit>& units) {
  ModuleReport report;
  report.module = module.name;
  check_includes(tree_, module, units, log_, report);
  const auto symbols = symbols_of(tree_, module, units, report);
  check_symbols(tree_, module, units, symbols, floor_, report);
  auto everything = check_migrations_on_sqlite(tree_, module, schemas_, report);
  check_statements_on_sqlite(tree_, module, statements_in(module, symbols, report), schemas_, everything, report);
  sort_and_unite(report.findings);
  return report;
}

void Checker::check_on(PostgresqlSchemas& schemas, std::vector<ModuleReport>& reports) {
  // All migrate before a statement is looked at, so that every table is there to be found.
  for (const auto& name : schemas.modules()) {
    const auto report = std::ranges::find(reports, name, &ModuleReport::module);
    ModuleReport of_nobody;
    check_migrations_on_postgresql(tree_, Module{name, {}, {}}, schemas_, schemas, report == reports.end() ? of_nobody : *report);
  }
  for (auto& report : reports)
    if (const auto found = tree_.modules.find(report.module); found != tree_.modules.end()) {
      ModuleReport of_symbols;
      const auto symbols = symbols_of(tree_, found->second, units_of(found->second), of_symbols);
      check_statements_on_postgresql(tree_, found->second, statements_in(found->second, symbols, of_symbols), schemas_, schemas, report);
      sort_and_unite(report.findings);
    }
}

ModuleReport Checker::check_bus() {
  ModuleReport report;
  report.module = "bus";
  check_migrations_on_sqlite(tree_, Module{"bus", {}, {}}, schemas_, report);
  sort_and_unite(report.findings);
  return report;
}

}  // namespace polyshop::ownership
