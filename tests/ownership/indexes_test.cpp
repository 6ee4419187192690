#include <algorithm>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "ownership_check/schemas.hpp"
#include "tree.hpp"

namespace polyshop::ownership {

// One that serves none costs every write, and the list that it was meant for reads its whole table.
TEST_CASE("every index serves a statement, but for those that keep a rule") {
  auto database = SqliteSchemas(tree()).without("");  // of nobody, with everybody's tables
  std::vector<std::string> plans;
  for (const auto* statement = db::all_statements(); statement; statement = statement->next) {
    const bool is_own = statement->file.starts_with("src/bus/") || statement->file.starts_with("src/modules/");
    if (!is_own || statement->dialect == db::Dialect::postgresql) continue;
    // "SEARCH shop_order USING INDEX shop_order_state (state=? AND id<?)" is the last of four columns.
    for (const auto& step : database.rows(fmt::format("EXPLAIN QUERY PLAN {}", statement->text), 4)) plans.push_back(step.back() + ' ');
  }
  CHECK(plans.size() > 300);
  const auto indexes = database.rows("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE 'CREATE INDEX %'", 1);
  CHECK(indexes.size() > 30);
  for (const auto& index : indexes) {
    CAPTURE(index.front());
    CHECK(std::ranges::any_of(plans, [&](const auto& plan) { return plan.find(fmt::format(" INDEX {} ", index.front())) != std::string::npos; }));
  }
}

}  // namespace polyshop::ownership
