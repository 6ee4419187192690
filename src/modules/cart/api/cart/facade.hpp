#pragma once

#include "auth/facade.hpp"
#include "catalog/types.hpp"
#include "customer/types.hpp"
#include "pricing/facade.hpp"
#include "shipping/facade.hpp"

namespace polyshop::cart {

using CartId = Id<"cart">;
using LineId = Id<"line">;

enum class CartState { open, completed };
BOOST_DESCRIBE_ENUM(CartState, open, completed)

struct Line {
  LineId id;
  std::string sku;
  std::int64_t quantity = 0;
  std::string name;                                  // in the cart's language
  std::map<std::string, std::string> option_values;
  std::int64_t weight_g = 0;                         // of one
  std::optional<Money> unit_price;                   // absent: not for sale in this currency
  pricing::QuotedAmount amount;
};
BOOST_DESCRIBE_STRUCT(Line, (), (id, sku, quantity, name, option_values, weight_g, unit_price, amount))

struct Delivery {
  shipping::MethodId method_id;
  std::string name;
  Money price;
  pricing::QuotedAmount amount;
};
BOOST_DESCRIBE_STRUCT(Delivery, (), (method_id, name, price, amount))

// What is still missing before the cart can be completed.
struct Requirement {
  std::string code;     // lines_required, email_required, shipping_address_required, delivery_required, price_missing, not_for_sale
  std::string pointer;
};
BOOST_DESCRIBE_STRUCT(Requirement, (), (code, pointer))

// What has changed since the shopper looked, or will not work out.
struct Warning {
  std::string code;     // price_changed, stock_lowered, sold_out
  std::string pointer;
  std::string detail;
};
BOOST_DESCRIBE_STRUCT(Warning, (), (code, pointer, detail))

struct Cart {
  CartId id;
  CartState state = CartState::open;
  std::optional<auth::UserId> customer_id;
  std::string channel;
  std::string language;
  Currency currency;
  std::optional<std::string> email;
  std::optional<customer::Address> shipping_address;
  std::optional<customer::Address> billing_address;  // the shipping address where absent
  std::vector<Line> lines;
  std::optional<Delivery> delivery;
  pricing::Totals totals;
  std::string rounding;
  std::vector<Requirement> requirements;
  std::vector<Warning> warnings;
  std::vector<pricing::Reason> trace;
  std::int64_t version = 0;
  Timestamp expires_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Cart, (), (id, state, customer_id, channel, language, currency, email, shipping_address, billing_address, lines, delivery, totals, rounding, requirements, warnings, trace, version, expires_ms))

// Throws Problem 409 `sold_out` where there is nothing left of a line's article: nobody need go on with such a cart. Whether there is
// enough of the others is decided when the order reserves them.
inline void check_nothing_is_gone(const Cart& cart) {
  auto sold_out = Problem::conflict("sold_out", "Some of this is sold out. Remove these lines.");
  for (const auto& warning : cart.warnings)
    if (warning.code == "sold_out") sold_out.errors.push_back({warning.pointer.substr(0, warning.pointer.rfind('/')), "sold_out", warning.detail});
  if (!sold_out.errors.empty()) throw sold_out;
}

struct GetCart {
  CartId id;
  std::string token;  // of a guest's cart; a customer's is opened by the call's actor
};
BOOST_DESCRIBE_STRUCT(GetCart, (), (id, token))

struct CompleteCart {
  CartId id;
  std::string order_id;
};
BOOST_DESCRIBE_STRUCT(CompleteCart, (), (id, order_id))

struct Facade {
  Query<GetCart, Cart> get_cart;          // quoted anew; 404 where the caller may not see it
  Command<CompleteCart, void> complete;   // closes it for good
};
BOOST_DESCRIBE_STRUCT(Facade, (), (get_cart, complete))

}  // namespace polyshop::cart
