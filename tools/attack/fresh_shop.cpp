#include "attack/fresh_shop.hpp"

#include <fmt/format.h>

namespace polyshop::attack {

FreshShop::FreshShop(const Run& run, const std::filesystem::path& data) : shop(run.program, data, {}) {
  if (run.engine != "postgresql") return;
  database.emplace();
  for (const auto& [variable, value] : database->settings()) shop.set(variable, value);
  shop.command({"provision", "--execute"});
}

std::string refusal_of(live::Shop& shop, const std::vector<std::string>& command) {
  try {
    return "it was done: " + shop.command(command);
  } catch (const Problem& problem) {
    if (problem.code == "interrupted") throw;
    return problem.detail;
  }
}

void expect(Run& run, std::string_view what, const std::string& text, std::string_view part) {
  if (text.find(part) == std::string::npos) run.report.mismatch(fmt::format("{}: {}", what, text));
}

}  // namespace polyshop::attack
