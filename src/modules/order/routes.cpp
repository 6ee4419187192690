#include "module.hpp"

namespace polyshop::order {

void add_routes(http::ModuleRoutes routes, Checkout& checkout, Orders& orders) {
  using namespace http;
  const auto may_read = staff("order.read");
  const auto may_write = staff("order.write");
  const Options keyed{Idempotency::required};

  routes.post("/v1/store/carts/{id}/complete", "Turn a cart into an order", everyone(),
              [&](const Call& call, const Request& request, const Path<cart::CartId>& path) { return checkout.complete(call, path.get(), std::string(request.field("Cart-Token"))); },
              {.idempotency = Idempotency::required, .stage = Stage::goes_on});
  routes.get("/v1/store/orders", "List my orders, the latest first", http::customer(), [&](const Call& call, const Params<ListOwnOrders>& wanted) { return orders.list_own(call, wanted); });
  routes.get("/v1/store/orders/{id}", "Read an order: a customer their own, a guest with the Cart-Token", everyone(),
             [&](const Call& call, const Request& request, const Path<OrderId>& path) { return orders.get_own(call, path.get(), std::string(request.field("Cart-Token"))); });

  routes.get("/v1/admin/orders", "List orders, the latest first", may_read, [&](const Call& call, const Params<ListOrders>& wanted) { return orders.list(call, wanted); });
  routes.get("/v1/admin/orders/{id}", "Read an order", may_read, [&](const Call& call, const Path<OrderId>& path) { return orders.get(call, path.get()); });
  routes.get("/v1/admin/orders/{id}/history", "What happened to an order", may_read, [&](const Call& call, const Path<OrderId>& path) { return Listed<HistoryEntry>{orders.history(call, path.get()), {}, {}, {}}; });
  routes.get("/v1/admin/orders/{id}/cancellations", "List an order's cancellations", may_read,
             [&](const Call& call, const Path<OrderId>& path) { return Listed<Cancellation>{orders.cancellations(call, path.get()), {}, {}, {}}; });
  routes.post("/v1/admin/orders/{id}/cancellations", "Cancel an order: refund what was paid and put the goods back", may_write,
              [&](const Call& call, const Path<OrderId>& path, const Body<CancelOrder>& wanted) { return orders.cancel(call, path.get(), wanted); }, keyed);
}

}  // namespace polyshop::order
