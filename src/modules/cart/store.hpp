#pragma once

#include "cart/facade.hpp"
#include "kernel/db/database.hpp"

// Every SQL statement of the carts, one function each.
namespace polyshop::cart::store {

struct CartRow {
  CartId id;
  std::string token_hash;  // empty once a customer owns it
  CartState state = CartState::open;
  std::optional<auth::UserId> customer_id;
  std::string channel;
  std::string language;
  Currency currency;
  std::optional<std::string> email;
  std::optional<db::Json<customer::Address>> shipping_address;
  std::optional<db::Json<customer::Address>> billing_address;
  std::optional<shipping::MethodId> delivery_method_id;
  std::string order_id;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
  Timestamp expires_ms = 0;
};
BOOST_DESCRIBE_STRUCT(CartRow, (), (id, token_hash, state, customer_id, channel, language, currency, email, shipping_address, billing_address, delivery_method_id, order_id, version, created_ms, expires_ms))

struct LineRow {
  LineId id;
  CartId cart_id;
  std::int64_t position = 0;
  std::string sku;
  std::int64_t quantity = 0;
  std::optional<std::int64_t> seen_unit_price;  // what the shopper was shown when the line was last touched
};
BOOST_DESCRIBE_STRUCT(LineRow, (), (id, cart_id, position, sku, quantity, seen_unit_price))

void insert_cart(Tx& tx, const CartRow& cart);
std::optional<CartRow> find_cart(Tx& tx, const CartId& id);
std::optional<CartRow> touch(Tx& tx, const CartId& id);  // takes the cart's row and raises its version; nothing where it is not open or has expired
void keep_until(Tx& tx, const CartId& id, Timestamp expires_ms);
void update_cart(Tx& tx, const CartRow& cart);               // everything but version and state
bool complete(Tx& tx, const CartId& id, const std::string& order_id, Timestamp expires_ms);
void remove_cart(Tx& tx, const CartId& id);
std::int64_t remove_expired(Tx& tx, Timestamp now, std::int64_t limit);
std::optional<CartRow> find_open_of_customer(Tx& tx, const auth::UserId& customer, const CartId& but_not);  // the latest that has not expired

std::vector<LineRow> list_lines(Tx& tx, const CartId& id);
void insert_line(Tx& tx, const LineRow& line);
bool update_line(Tx& tx, const LineRow& line);
void forget_seen_prices(Tx& tx, const CartId& cart);
bool delete_line(Tx& tx, const CartId& cart, const LineId& id);
void move_lines(Tx& tx, const CartId& from, const CartId& to, std::int64_t position_offset);

}  // namespace polyshop::cart::store
