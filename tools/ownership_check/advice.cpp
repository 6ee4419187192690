#include "ownership_check/advice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace polyshop::ownership {

std::string advice_for(const Tree& tree, const std::string& module, const std::string& owner, bool writes) {
  if (owner == "bus" || owner == "kernel") return "events, sagas and effects are used through bus::Node and Tx::publish";
  if (!tree.modules.contains(owner)) return {};
  const auto api = tree.api_of(owner);
  std::vector<std::string> operations;
  for (const auto& operation : api.operations)
    if (operation.is_command == writes && operation.name != "audit") operations.push_back(operation.name);  // which is the auditor's
  std::vector<std::string> events;
  if (!writes)
    for (const auto& event : api.events) events.push_back(fmt::format("{}::{}", owner, event));

  if (tree.reaches(owner, module)) {
    // A facade call would close a cycle; only facts that the owner publishes, or what it passes along, can come this way.
    auto text = fmt::format("{0} uses {1}, so {1} cannot call it: let {0} pass what {1} needs in its call", owner, module);
    if (!api.events.empty() && !events.empty()) text += fmt::format(", or subscribe to {}", fmt::join(events, ", "));
    return text;
  }
  std::string text;
  if (!operations.empty()) text = fmt::format("{} {}::Facade::{}", writes ? "call" : "ask", owner, fmt::join(operations, ", "));
  if (!events.empty()) text += fmt::format("{}subscribe to {}", text.empty() ? "" : ", or ", fmt::join(events, ", "));
  if (text.empty()) return fmt::format("{0} offers {1}: add an operation to src/modules/{0}/api/{0}/facade.hpp", owner, api.operations.empty() && api.events.empty() ? "nothing to others" : writes ? "no command for it" : "no query for it");
  if (tree.modules.contains(module) && !tree.module(module).uses.contains(owner)) text += fmt::format(" (and add {} to the USES of {} in src/modules/CMakeLists.txt)", owner, module);
  return text;
}

}  // namespace polyshop::ownership
