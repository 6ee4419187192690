#pragma once

#include "cart/facade.hpp"
#include "kernel/facade/operation.hpp"
#include "payment/facade.hpp"

namespace polyshop::order {

using OrderId = Id<"ord">;

// pending: the checkout is under way. placed: paid and confirmed. cancelled: nothing is owed any more, or never was.
enum class OrderState { pending, placed, cancelling, cancelled };
BOOST_DESCRIBE_ENUM(OrderState, pending, placed, cancelling, cancelled)

struct OrderLine {
  std::string sku;
  std::int64_t quantity = 0;
  std::string name;
  std::map<std::string, std::string> option_values;
  std::int64_t unit_price = 0;
  pricing::QuotedAmount amount;
};
BOOST_DESCRIBE_STRUCT(OrderLine, (), (sku, quantity, name, option_values, unit_price, amount))

// Everything as it was when it was placed: nothing in it changes when a price, a name or a tax does.
struct Order {
  OrderId id;
  std::string number;   // what people call it: "1000042"; given when it is placed
  OrderState state = OrderState::pending;
  cart::CartId cart_id;
  std::optional<auth::UserId> customer_id;
  std::string channel;
  std::string language;
  std::string email;
  customer::Address shipping_address;
  customer::Address billing_address;
  Currency currency;
  std::vector<OrderLine> lines;
  std::optional<cart::Delivery> delivery;
  pricing::Totals totals;
  std::string rounding;
  payment::PaymentId payment_id;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
  std::optional<Timestamp> placed_ms;
};
BOOST_DESCRIBE_STRUCT(Order, (), (id, number, state, cart_id, customer_id, channel, language, email, shipping_address, billing_address, currency, lines, delivery, totals, rounding, payment_id, version, created_ms, placed_ms))

struct GetOrder {
  OrderId id;
};
BOOST_DESCRIBE_STRUCT(GetOrder, (), (id))

struct AuditFinding {
  std::string check;
  std::int64_t violations = 0;
  std::string example;
};
BOOST_DESCRIBE_STRUCT(AuditFinding, (), (check, violations, example))

struct ExportOrders {
  std::optional<OrderId> after;
  std::int64_t limit = 500;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(ExportOrders, (), (after, limit))

struct OrderMoney {
  OrderId id;
  OrderState state = OrderState::pending;
  payment::PaymentId payment_id;
  Money total;
};
BOOST_DESCRIBE_STRUCT(OrderMoney, (), (id, state, payment_id, total))

struct Facade {
  Query<GetOrder, Order> get_order;
  Query<ExportOrders, std::vector<OrderMoney>> export_orders;  // in the order of ids
  Query<Nothing, std::vector<AuditFinding>> audit;
};
BOOST_DESCRIBE_STRUCT(Facade, (), (get_order, export_orders, audit))

}  // namespace polyshop::order
