#pragma once

#include <string>

#include "kernel/db/sql.hpp"

namespace polyshop::db {

// Where POLYSHOP_TEST_STATEMENT_TRACE names a file, a line is added to it for a statement that a session prepares, which it does when the
// statement is first run on it. `tools/ownership --unexecuted` lists what is missing there after a run of the tests.
void trace_statement(const Statement& statement);
// The line, without its end: place, dialect and text, apart by tabs, with single blanks in the text.
std::string trace_line(std::string_view file, int line, Dialect dialect, std::string_view text);

}  // namespace polyshop::db
