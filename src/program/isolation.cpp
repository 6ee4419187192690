#include "program/isolation.hpp"

#include <fmt/format.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/isolation.hpp"
#include "kernel/observe/log.hpp"

namespace polyshop {
namespace {

void refuse(const std::vector<db::IsolationFault>& faults) {
  if (faults.empty()) return;
  Problem problem(409, "not_isolated", "The modules' data are not kept apart or not kept safely, so nothing is opened:");
  for (const auto& fault : faults) problem.errors.push_back({fault.module, "not_isolated", fmt::format("{}. To mend it: {}.", fault.what, fault.remedy)});
  throw problem;
}

std::vector<Database*> databases_of(const std::vector<bus::Node*>& nodes) {
  std::vector<Database*> databases;
  for (auto* node : nodes) databases.push_back(&node->db);
  return databases;
}

// The databases of other modules that a connection of this one reaches: those on its server, but for its own.
std::vector<std::string> foreign_to(const Database& database, const std::vector<Database*>& all) {
  if (database.engine() != Engine::postgresql) return {};
  const auto own = db::target_of(database.options().url);
  std::vector<std::string> names;
  for (const auto* other : all) {
    if (other->engine() != Engine::postgresql) continue;
    const auto target = db::target_of(other->options().url);
    if (target.server() == own.server() && target.database != own.database) names.push_back(target.database);
  }
  return names;
}

}  // namespace

void check_places(const std::vector<bus::Node*>& nodes, bool shared_role) { refuse(db::shared_places(databases_of(nodes), shared_role)); }

void check_connections(const std::vector<bus::Node*>& nodes, bool shared_role) {
  const auto databases = databases_of(nodes);
  auto faults = db::shared_places(databases, shared_role);  // once more: a link may have led nowhere before
  for (auto* database : databases) std::ranges::move(db::isolation_faults(*database, foreign_to(*database, databases), shared_role), std::back_inserter(faults));
  refuse(faults);
  if (shared_role && std::ranges::any_of(databases, [](const auto* database) { return database->engine() == Engine::postgresql; }))
    log::warning("database.shared_role is set: only the program keeps a module from another's tables. It is for development only", {});
}

}  // namespace polyshop
