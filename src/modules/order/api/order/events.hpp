#pragma once

#include "order/facade.hpp"

namespace polyshop::order {

// No personal data: who needs the address or the lines asks the facade.
struct OrderPlaced {
  static constexpr std::string_view event_name = "order.order_placed.v1";
  OrderId id;
  std::string number;
  Money total;
  std::int64_t version = 0;
  std::string aggregate() const { return id.str(); }
};
BOOST_DESCRIBE_STRUCT(OrderPlaced, (), (id, number, total, version))

struct OrderCancelled {
  static constexpr std::string_view event_name = "order.order_cancelled.v1";
  OrderId id;
  std::string number;
  Money refunded;
  std::int64_t version = 0;
  std::string aggregate() const { return id.str(); }
};
BOOST_DESCRIBE_STRUCT(OrderCancelled, (), (id, number, refunded, version))

}  // namespace polyshop::order
