#include "module.hpp"

#include "payment/events.hpp"

namespace polyshop::order {

Module::Module(Platform& platform, bus::Node& payments, const cart::Facade& cart, const inventory::Facade& inventory, const payment::Facade& payment)
    : node_(platform, "order"), others_{node_.use(cart, "cart"), node_.use(inventory, "inventory"), node_.use(payment, "payment")}, checkout_(node_, others_), orders_(node_, others_) {
  node_.publishes<OrderPlaced, OrderCancelled>();

  facade_.get_order = [this](const Call& call, const GetOrder& wanted) { return orders_.get(call, wanted.id); };
  facade_.export_orders = [this](const Call& call, const ExportOrders& wanted) { return orders_.export_page(call, wanted); };
  facade_.audit = [this](const Call& call, const Nothing&) { return orders_.audit(call); };

  // What the provider has answered lets the order's saga go on.
  node_.subscribe(payments).on<payment::PaymentChanged>([this](Tx& tx, const bus::Event&, const payment::PaymentChanged& changed) {
    const auto id = OrderId::parse(changed.order_id);
    if (const auto saga = id ? store::find_saga_under_way(tx, *id) : std::nullopt) node_.sagas.wake(tx, *saga);
  });

  node_.subscribe(node_).on_several<OrderPlaced>([this](const Call& call, const std::vector<OrderPlaced>& placed) { orders_.take_out_goods(call, placed); });

  add_routes(node_.routes(), checkout_, orders_);
}

}  // namespace polyshop::order
