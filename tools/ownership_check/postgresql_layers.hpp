#pragma once

#include "ownership_check/compiled_statement.hpp"
#include "ownership_check/finding.hpp"
#include "ownership_check/postgresql_schemas.hpp"

namespace polyshop::ownership {

// 4, on PostgreSQL: runs what has not run yet of the module's migrations as the role that owns its schema, among everybody else's
// tables, and looks at what came of them. `known` tells whose a table is.
void check_migrations_on_postgresql(const Tree& tree, const Module& module, const SqliteSchemas& known, PostgresqlSchemas& schemas, ModuleReport& report);

// 3, on PostgreSQL: has the statements analysed where everybody's tables are in sight, which tells whose they touch, and planned as
// the module's own role, which is the proof. Everybody's migrations have run.
void check_statements_on_postgresql(const Tree& tree, const Module& module, const std::set<CompiledStatement>& statements, const SqliteSchemas& known, PostgresqlSchemas& schemas, ModuleReport& report);

}  // namespace polyshop::ownership
