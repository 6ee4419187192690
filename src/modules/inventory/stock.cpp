#include "stock.hpp"

#include <fmt/format.h>

#include "inventory/events.hpp"
#include "kernel/observe/log.hpp"
#include "store.hpp"

namespace polyshop::inventory {
namespace {

constexpr std::int64_t settled_at_once = 200;

std::int64_t limit_of(const std::optional<Range<1, 100>>& limit) { return limit ? static_cast<std::int64_t>(*limit) : 25; }

// Takes the row too many that says that there are more.
template <class T, class Position>
http::Listed<T> page_of(std::vector<T> rows, std::int64_t limit, Position position) {
  http::Listed<T> page;
  page.data = std::move(rows);
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(position(page.data.back()));
  }
  return page;
}

// -1 and 1: the reason says which way it goes; 0: either.
int sign_of(AdjustmentReason reason) {
  switch (reason) {
    case AdjustmentReason::received:
    case AdjustmentReason::found:
    case AdjustmentReason::returned: return 1;
    case AdjustmentReason::damaged:
    case AdjustmentReason::lost: return -1;
    case AdjustmentReason::correction: break;
  }
  return 0;
}

}  // namespace

Band Bands::of(std::int64_t available) const {
  if (available <= 0) return Band::sold_out;
  return available <= low_stock_at_ ? Band::low : Band::in_stock;
}

bool Bands::change(Tx& tx, const std::string& sku, std::int64_t delta) {
  const auto item = store::change_available(tx, sku, delta);
  if (!item) return false;
  available_.forget(tx, sku);
  const auto band = of(item->available);
  if (band != item->band) tx.publish(AvailabilityChanged{sku, band, store::update_band(tx, sku, band)});
  return true;
}

void Bands::settle(const Call& call) {
  while (true) {
    const auto strayed = node_.db.read(call, [&](Tx& tx) { return store::list_strayed_bands(tx, low_stock_at_, settled_at_once); });
    if (strayed.empty()) return;
    node_.db.write(call.unkeyed(), [&](Tx& tx) {
      for (const auto& sku : strayed) change(tx, sku, 0);
    });
  }
}

std::vector<Availability> Bands::available(const Call& call, const std::vector<std::string>& skus) {
  const auto mark = available_.mark();
  std::vector<Availability> all;
  all.reserve(skus.size());
  std::vector<std::size_t> others;
  for (const auto& sku : skus) {
    const auto kept = available_.find(sku);
    if (!kept) others.push_back(all.size());
    all.push_back({sku, kept.value_or(0), of(kept.value_or(0))});
  }
  if (others.empty()) return all;
  db::Json<std::vector<std::string>> asked;
  for (const auto i : others) asked.value.push_back(all[i].sku);
  const auto found = node_.db.read_once(call, [&](Tx& tx) { return store::find_available_of(tx, asked); });
  for (const auto i : others) {
    const auto stocked = found.find(all[i].sku);
    all[i].available = stocked == found.end() ? 0 : stocked->second;
    all[i].band = of(all[i].available);
    available_.keep(mark, all[i].sku, all[i].available);
  }
  return all;
}

std::vector<Availability> Stock::get_availability(const Call& call, const GetAvailability& wanted) {
  if (wanted.skus.size() > 1000) throw Problem::invalid("too_many", "Ask for at most 1,000 SKUs at once.", "/skus");
  return bands_.available(call, wanted.skus);
}

std::vector<BandOfSku> Stock::export_bands(const Call& call, const ExportBands& wanted) {
  return node_.db.read(call, [&](Tx& tx) { return store::list_bands(tx, wanted.after, std::clamp<std::int64_t>(wanted.limit, 1, 1000)); });
}

std::vector<AuditFinding> Stock::audit(const Call& call) {
  return node_.db.read(call, [](Tx& tx) { return store::audit(tx); });
}

Adjustment Stock::adjust(const Call& call, const AdjustStock& wanted) {
  const std::int64_t delta = wanted.delta;
  if (delta == 0) throw Problem::invalid("delta_zero", "Say how many more or fewer there are.", "/delta");
  if (delta * sign_of(wanted.reason) < 0)
    throw Problem::invalid("delta_of_wrong_sign", fmt::format("What is {} makes {}; use the other sign or another reason.", json::enum_name(wanted.reason), delta > 0 ? "less" : "more"), "/delta");
  const bool is_sold = !known_skus(call, {wanted.sku}).empty();
  return node_.db.write(call, [&](Tx& tx) {
    if (!is_sold && !store::find_available(tx, wanted.sku)) throw Problem::invalid("unknown_sku", fmt::format("There is no variant with the SKU {}.", wanted.sku.str()), "/sku");
    const auto location = wanted.location_id.value_or(*LocationId::parse(main_location));
    if (!store::find_location(tx, location)) throw Problem::invalid("unknown_location", fmt::format("There is no stock location {}.", location.view()), "/location_id");
    store::lock_item(tx, wanted.sku);
    const auto level = store::lock_level(tx, wanted.sku, location);
    if (level.on_hand + delta < level.reserved)
      throw Problem::conflict("below_reserved", fmt::format("{} are on hand there and {} of them are reserved; fewer than those cannot be left.", level.on_hand, level.reserved), "/delta");
    Adjustment adjustment{AdjustmentId::make(tx.now()), wanted.sku, location, delta, wanted.reason, wanted.note.value_or(Text<0, 500>()), actor_of(call), tx.now()};
    add(tx, {MovementId::make(tx.now()), adjustment.sku, location, delta, *json::enum_value<MovementReason>(json::enum_name(wanted.reason)), adjustment.id.str(), adjustment.note, adjustment.actor, tx.now()});
    return adjustment;
  });
}

// With the item and the level locked, and enough there.
void Stock::add(Tx& tx, const Movement& movement) {
  if (!bands_.change(tx, movement.sku, movement.delta) || !store::change_on_hand(tx, movement.sku, movement.location_id, movement.delta))
    throw broken("less is available than the levels say", movement.sku);
  store::insert_movement(tx, movement);
}

Adjustment Stock::get_adjustment(const Call& call, const AdjustmentId& id) {
  auto adjustment = node_.db.read(call, [&](Tx& tx) { return store::find_adjustment(tx, id); });
  if (!adjustment) throw Problem::not_found("stock adjustment", id.view());
  return std::move(*adjustment);
}

http::Listed<Adjustment> Stock::list_adjustments(const Call& call, const ListAdjustments& wanted) {
  const auto before = http::cursor_as<AdjustmentId>(wanted.cursor);
  const auto limit = limit_of(wanted.limit);
  return page_of(node_.db.read(call, [&](Tx& tx) { return store::list_adjustments(tx, before, limit + 1); }), limit, [](const auto& a) { return a.id; });
}

http::Listed<Movement> Stock::list_movements(const Call& call, const ListMovements& wanted) {
  const auto before = http::cursor_as<MovementId>(wanted.cursor);
  const auto limit = limit_of(wanted.limit);
  return page_of(node_.db.read(call, [&](Tx& tx) { return store::list_movements(tx, before, wanted.filter_sku, limit + 1); }), limit, [](const auto& m) { return m.id; });
}

http::Listed<Level> Stock::list_levels(const Call& call, const ListLevels& wanted) {
  const auto after = http::cursor_as<LevelPosition>(wanted.cursor).value_or(LevelPosition{});
  const auto limit = limit_of(wanted.limit);
  return page_of(node_.db.read(call, [&](Tx& tx) { return store::list_levels(tx, after, wanted.filter_sku, wanted.filter_location_id, limit + 1); }), limit,
                 [](const auto& l) { return LevelPosition{l.sku, l.location_id.str()}; });
}

std::vector<std::string> Stock::known_skus(const Call& call, std::vector<std::string> skus) { return catalog_.find_skus(call.unkeyed(), {std::move(skus)}); }

std::string actor_of(const Call& call) { return call.actor.id.empty() ? "anonymous" : call.actor.id; }

Problem broken(std::string_view what, const std::string& sku) {
  log::error("the stock contradicts itself; run the auditor", {{"what", what}, {"sku", sku}});
  return Problem::internal();
}

}  // namespace polyshop::inventory
