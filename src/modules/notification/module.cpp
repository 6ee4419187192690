#include "module.hpp"

namespace polyshop::notification {

Module::Module(Platform& platform, bus::Node& orders, const order::Facade& order)
    : node_(platform, "notification"), order_(node_.use(order, "order")), templates_(node_), messages_(node_, Delivery(platform)) {
  auto& events = node_.subscribe(orders);
  events.on<order::OrderPlaced, order::Order>([this](const Call& call, const order::OrderPlaced& placed) { return order_.get_order(call, {placed.id}); },
                                              [this](Tx& tx, const bus::Event& event, const order::OrderPlaced&, const order::Order& found) { messages_.order_placed(tx, event, found); });
  events.on<order::OrderCancelled, order::Order>([this](const Call& call, const order::OrderCancelled& cancelled) { return order_.get_order(call, {cancelled.id}); },
                                                 [this](Tx& tx, const bus::Event& event, const order::OrderCancelled& cancelled, const order::Order& found) { messages_.order_cancelled(tx, event, cancelled, found); });
  add_routes(node_.routes(), templates_, messages_);
}

// Mails that are on their way still need what goes before the node does.
Module::~Module() { node_.workers.stop(); }

}  // namespace polyshop::notification
