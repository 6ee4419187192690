#include "module.hpp"

namespace polyshop::inventory {

void add_routes(http::ModuleRoutes routes, Locations& locations, Stock& stock, Reservations& reservations) {
  using namespace http;
  const auto may_read = staff("inventory.read");
  const auto may_write = staff("inventory.write");

  routes.get("/v1/admin/stock-locations", "List the stock locations, the one to take from first first", may_read, [&](const Call& call) { return Listed<StockLocation>{locations.list(call), {}, {}, {}}; });
  routes.post("/v1/admin/stock-locations", "Create a stock location", may_write, [&](const Call& call, const Body<CreateLocation>& wanted) {
    auto location = locations.create(call, wanted);
    const auto address = "/v1/admin/stock-locations/" + location.id.str();
    return Created<StockLocation>{std::move(location), address};
  });
  routes.get("/v1/admin/stock-locations/{id}", "Read a stock location", may_read, [&](const Call& call, const Path<LocationId>& path) { return locations.get(call, path.get()); });
  routes.patch("/v1/admin/stock-locations/{id}", "Change a stock location's name or priority", may_write,
               [&](const Call& call, const Path<LocationId>& path, const Match& match, const Body<ChangeLocation>& change) { return locations.change(call, path.get(), match.version, change); });

  routes.get("/v1/admin/stock-levels", "List what is on hand and reserved, by SKU and location", may_read, [&](const Call& call, const Params<ListLevels>& wanted) { return stock.list_levels(call, wanted); });

  routes.post(
      "/v1/admin/stock-adjustments", "Add to or take from what is on hand", may_write,
      [&](const Call& call, const Body<AdjustStock>& wanted) {
        auto adjustment = stock.adjust(call, wanted);
        const auto address = "/v1/admin/stock-adjustments/" + adjustment.id.str();
        return Created<Adjustment>{std::move(adjustment), address};
      },
      {Idempotency::required});
  routes.get("/v1/admin/stock-adjustments", "List the stock adjustments, the latest first", may_read, [&](const Call& call, const Params<ListAdjustments>& wanted) { return stock.list_adjustments(call, wanted); });
  routes.get("/v1/admin/stock-adjustments/{id}", "Read a stock adjustment", may_read, [&](const Call& call, const Path<AdjustmentId>& path) { return stock.get_adjustment(call, path.get()); });
  routes.get("/v1/admin/stock-movements", "List what changed the stock, the latest first", may_read, [&](const Call& call, const Params<ListMovements>& wanted) { return stock.list_movements(call, wanted); });

  routes.get("/v1/admin/reservations", "List the reservations with their lines, the latest first", may_read, [&](const Call& call, const Params<ListReservations>& wanted) { return reservations.list(call, wanted); });
}

}  // namespace polyshop::inventory
