#pragma once

#include <set>

#include "ownership_check/compiled_statement.hpp"
#include "ownership_check/finding.hpp"
#include "ownership_check/schemas.hpp"

namespace polyshop::ownership {

// 4, on SQLite: runs the module's migrations on a database that holds everybody else's tables, which tells what they touch, and
// looks at what came of them on one of its own. Answers the former, which then holds everything.
SqliteDatabase check_migrations_on_sqlite(const Tree& tree, const Module& module, SqliteSchemas& schemas, ModuleReport& report);

// 3, on SQLite: prepares the module's statements on a database with everybody's tables, which tells whose tables they touch, and on
// one with its own tables only, which is the proof.
void check_statements_on_sqlite(const Tree& tree, const Module& module, const std::set<CompiledStatement>& statements, SqliteSchemas& schemas, SqliteDatabase& everything, ModuleReport& report);

}  // namespace polyshop::ownership
