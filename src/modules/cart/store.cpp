#include "store.hpp"

namespace polyshop::cart::store {
namespace {

constexpr auto of_cart = db::shared(R"(id, token_hash, state, customer_id, channel, language, currency, email, shipping_address, billing_address, delivery_method_id,
                                       coalesce(order_id, '') AS order_id, version, created_ms, expires_ms )"_part);

}  // namespace

void insert_cart(Tx& tx, const CartRow& cart) {
  tx.exec(R"(INSERT INTO cart (id, token_hash, state, customer_id, channel, language, currency, email, shipping_address, billing_address, delivery_method_id, order_id, version, created_ms, expires_ms)
             VALUES (:id, :token_hash, :state, :customer_id, :channel, :language, :currency, :email, :shipping_address, :billing_address, :delivery_method_id, :order_id, :version, :created_ms, :expires_ms))"_sql,
          cart);
}

std::optional<CartRow> find_cart(Tx& tx, const CartId& id) {
  return tx.find<CartRow>(db::sql("SELECT "_part + of_cart + "FROM cart WHERE id = :id"_part), id);
}

std::optional<CartRow> touch(Tx& tx, const CartId& id) {
  return tx.find<CartRow>(db::sql("UPDATE cart SET version = version + 1 WHERE id = :id AND state = 'open' AND expires_ms >= :now RETURNING "_part + of_cart), id, tx.now());
}

void keep_until(Tx& tx, const CartId& id, Timestamp expires_ms) { tx.exec("UPDATE cart SET expires_ms = :expires WHERE id = :id"_sql, expires_ms, id); }

void update_cart(Tx& tx, const CartRow& cart) {
  tx.exec(R"(UPDATE cart SET token_hash = :token_hash, customer_id = :customer_id, language = :language, currency = :currency, email = :email,
                    shipping_address = :shipping_address, billing_address = :billing_address, delivery_method_id = :delivery_method_id WHERE id = :id)"_sql,
          cart);
}

bool complete(Tx& tx, const CartId& id, const std::string& order_id, Timestamp expires_ms) {
  return tx.exec("UPDATE cart SET state = 'completed', order_id = :order, version = version + 1, expires_ms = :expires WHERE id = :id AND (state = 'open' OR order_id = :order)"_sql, order_id, expires_ms,
                 id) == 1;
}

void remove_cart(Tx& tx, const CartId& id) { tx.exec("DELETE FROM cart WHERE id = :id"_sql, id); }

std::int64_t remove_expired(Tx& tx, Timestamp now, std::int64_t limit) {
  return tx.exec("DELETE FROM cart WHERE id IN (SELECT id FROM cart WHERE expires_ms < :now ORDER BY expires_ms LIMIT :limit)"_sql, now, limit);
}

std::optional<CartRow> find_open_of_customer(Tx& tx, const auth::UserId& customer, const CartId& but_not) {
  return tx.find<CartRow>(db::sql("SELECT "_part + of_cart + R"(FROM cart
                                   WHERE customer_id = :customer AND state = 'open' AND id <> :but_not AND expires_ms >= :now ORDER BY id DESC LIMIT 1)"_part),
                          customer, but_not, tx.now());
}

std::vector<LineRow> list_lines(Tx& tx, const CartId& id) {
  return tx.list<LineRow>("SELECT id, cart_id, position, sku, quantity, seen_unit_price FROM cart_line WHERE cart_id = :id ORDER BY position, id"_sql, id);
}

void insert_line(Tx& tx, const LineRow& line) {
  tx.exec("INSERT INTO cart_line (id, cart_id, position, sku, quantity, seen_unit_price) VALUES (:id, :cart_id, :position, :sku, :quantity, :seen_unit_price)"_sql, line);
}

bool update_line(Tx& tx, const LineRow& line) {
  return tx.exec("UPDATE cart_line SET quantity = :quantity, seen_unit_price = :seen_unit_price WHERE id = :id AND cart_id = :cart_id"_sql, line) == 1;
}

void forget_seen_prices(Tx& tx, const CartId& cart) { tx.exec("UPDATE cart_line SET seen_unit_price = NULL WHERE cart_id = :cart"_sql, cart); }

bool delete_line(Tx& tx, const CartId& cart, const LineId& id) { return tx.exec("DELETE FROM cart_line WHERE id = :id AND cart_id = :cart"_sql, id, cart) == 1; }

void move_lines(Tx& tx, const CartId& from, const CartId& to, std::int64_t position_offset) {
  tx.exec("UPDATE cart_line SET cart_id = :to, position = position + :offset WHERE cart_id = :from"_sql, to, position_offset, from);
}

}  // namespace polyshop::cart::store
