#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/db/sql.hpp"

namespace polyshop::ownership {

// A statement that is compiled into an object. db::Sql has its text, place and dialect as template arguments, so they stand
// in the name of the symbol `storage` that registers it; every statement of an object is found there, also where nothing in
// the program refers to the object.
struct CompiledStatement {
  std::string text;
  std::string file;  // relative to the root
  int line = 0;
  db::Dialect dialect = db::Dialect::common;
  auto operator<=>(const CompiledStatement&) const = default;
};

// Nothing where the symbol is not a statement's storage. Throws Problem `unreadable_statement` where it is one in a form that
// is not understood.
std::optional<CompiledStatement> statement_of(std::string_view symbol);
std::set<CompiledStatement> statements_of(const std::set<std::string>& defined_symbols);

}  // namespace polyshop::ownership
