#include <fmt/format.h>

#include "locations.hpp"
#include "stock.hpp"
#include "store.hpp"

// Counts from a file become what is on hand. A row says all of a SKU at a location; repeated, it changes nothing.
namespace polyshop::inventory {
namespace {

// Thrown to leave a dry run's transaction without a trace.
struct DryRunEnds {};

Problem bad(std::string code, std::string detail) { return Problem::invalid(std::move(code), std::move(detail)); }

void check_row(const ImportedStock& row) {
  const auto sku_size = code_points(row.sku);
  if (sku_size < catalog::Sku::size_min || sku_size > catalog::Sku::size_max) throw bad("bad_sku", fmt::format("A SKU has 1 to {} characters; this one has {}.", catalog::Sku::size_max, sku_size));
  if (row.quantity < 0 || row.quantity > quantity_max) throw bad("bad_quantity", "A count is 0 to 1,000,000,000.");
  if (row.location && !is_location_code(*row.location)) throw bad("bad_location", "A location's code has 1 to 60 letters, digits, hyphens, dots and underscores.");
}

}  // namespace

ImportResult Stock::import(const Call& call, const ImportStock& rows) {
  if (rows.rows.size() > 1000) throw Problem::invalid("too_many", "Import at most 1,000 rows at once.", "/rows");
  std::vector<std::string> skus;
  for (const auto& row : rows.rows) skus.push_back(row.sku);
  const auto known = known_skus(call, std::move(skus));
  // SKUs in their order, which is that of locks; of rows with the same one the last has the last word.
  std::vector<std::size_t> order(rows.rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) -> const std::string& { return rows.rows[i].sku; });

  ImportResult result;
  const auto run = [&](Tx& tx) {
    result = {};
    std::map<std::size_t, ImportFault> faults;
    const auto each = [&](auto&& act) {
      for (const auto i : order) {
        if (faults.contains(i)) continue;
        const auto& row = rows.rows[i];
        try {
          act(row);
        } catch (const Problem& problem) {
          if (problem.status >= 500) throw;
          faults[i] = {row.line, problem.code, problem.detail};
        }
      }
    };
    std::map<std::string, std::optional<LocationId>> locations;
    each([&](const ImportedStock& row) {
      check_row(row);
      if (!std::ranges::binary_search(known, row.sku) && !store::find_available(tx, row.sku)) throw bad("unknown_sku", fmt::format("There is no variant with the SKU {}.", row.sku));
      if (row.location) locations[*row.location];
    });
    // Also in one order, whatever that of the rows is.
    for (auto& [code, id] : locations) id = location_of_code(tx, code);
    each([&](const ImportedStock& row) {
      const auto location = row.location ? *locations[*row.location] : *LocationId::parse(main_location);
      ++(count(tx, row, location, actor_of(call)) ? result.changed : result.unchanged);
    });
    for (auto& [i, fault] : faults) result.faults.push_back(std::move(fault));
  };
  if (!rows.dry_run)
    return node_.db.write(call, [&](Tx& tx) {
      run(tx);
      return result;
    });
  try {
    node_.db.write(call.unkeyed(), [&](Tx& tx) {
      run(tx);
      throw DryRunEnds();
    });
  } catch (const DryRunEnds&) {
  }
  return result;
}

bool Stock::count(Tx& tx, const ImportedStock& row, const LocationId& location, const std::string& actor) {
  if (store::find_on_hand(tx, row.sku, location).value_or(0) == row.quantity) return false;
  store::lock_item(tx, row.sku);
  const auto level = store::lock_level(tx, row.sku, location);
  if (row.quantity < level.reserved) throw bad("below_reserved", fmt::format("{} of {} are reserved there; release those reservations before you count less.", level.reserved, row.sku));
  const auto delta = row.quantity - level.on_hand;
  if (delta == 0) return false;
  add(tx, {MovementId::make(tx.now()), row.sku, location, delta, MovementReason::count, {}, {}, actor, tx.now()});
  return true;
}

}  // namespace polyshop::inventory
