#pragma once

#include <filesystem>
#include <string>

#include "ownership_check/compiled_statement.hpp"
#include "ownership_check/postgresql_schemas.hpp"

namespace polyshop::ownership {

// Whether a module's statement is stopped when it runs after all, on the connection that the program gives the module: the file that
// the kernel makes for the module in `folder`, or the module's role. Whatever it changes is rolled back.
bool is_stopped_on_sqlite(const std::string& module, const CompiledStatement& statement, const std::filesystem::path& folder);
bool is_stopped_on_postgresql(const std::string& module, const CompiledStatement& statement, const PostgresqlSchemas& schemas);

}  // namespace polyshop::ownership
