#pragma once

#include <string>
#include <vector>

#include "kernel/db/database.hpp"

namespace polyshop::db {

// Something that would let a module's connection reach beyond the module's own data, or lose what was acknowledged, and what
// to do about it.
struct IsolationFault {
  std::string module;
  std::string what;
  std::string remedy;
};

// Before anything is opened: files that several modules share under whatever name, roles of one server that several
// modules connect as. With `shared_role` roles may be shared.
std::vector<IsolationFault> shared_places(const std::vector<Database*>& databases, bool shared_role);

// What an open database's connections may do that they must not, or may not do that they must. SQLite: ATTACH. PostgreSQL: what
// its role is, whose member, and every grant, to it or to PUBLIC, on anything but its own schema and tables; `foreign` are
// the names of the other modules' databases. With `shared_role` only whether commits are durable.
std::vector<IsolationFault> isolation_faults(Database& database, const std::vector<std::string>& foreign, bool shared_role);

}  // namespace polyshop::db
