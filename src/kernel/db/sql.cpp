#include "kernel/db/sql.hpp"

namespace polyshop::db {
namespace {

constinit const Statement* first = nullptr;  // filled before main, by the initialisers of the literals

}  // namespace

const Statement* all_statements() { return first; }

const Statement* register_statement(Statement& statement) {
  statement.next = first;
  first = &statement;
  return &statement;
}

}  // namespace polyshop::db
