#pragma once

#include "payment/facade.hpp"

namespace polyshop::payment {

// A payment has come into another state, or was refunded in part.
struct PaymentChanged {
  static constexpr std::string_view event_name = "payment.payment_changed.v1";
  PaymentId id;
  std::string order_id;
  PaymentState state = PaymentState::created;
  std::int64_t authorized = 0;
  std::int64_t captured = 0;
  std::int64_t refunded = 0;
  std::int64_t version = 0;
  std::string aggregate() const { return id.str(); }
};
BOOST_DESCRIBE_STRUCT(PaymentChanged, (), (id, order_id, state, authorized, captured, refunded, version))

}  // namespace polyshop::payment
