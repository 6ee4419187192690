#include "store.hpp"

namespace polyshop::order::store {
namespace {

// The columns that lists, uniqueness and the auditor need; the order as it was placed is the document.
struct OrderRow {
  OrderId id;
  std::optional<std::string> number;
  OrderState state = OrderState::pending;
  cart::CartId cart_id;
  std::optional<auth::UserId> customer_id;
  std::string email;
  payment::PaymentId payment_id;
  Currency currency;
  std::int64_t lines_net = 0;
  std::int64_t delivery_net = 0;
  std::int64_t discounts = 0;
  std::int64_t tax = 0;
  std::int64_t total = 0;
  db::Json<Order> document;
  SagaRef saga_id;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
  std::optional<Timestamp> placed_ms;
};
BOOST_DESCRIBE_STRUCT(OrderRow, (), (id, number, state, cart_id, customer_id, email, payment_id, currency, lines_net, delivery_net, discounts, tax, total, document, saga_id, version, created_ms, placed_ms))

struct ShownRow {
  std::optional<std::string> number;
  OrderState state = OrderState::pending;
  db::Json<Order> document;
  SagaRef saga_id;
  std::int64_t version = 0;
  std::optional<Timestamp> placed_ms;
};
BOOST_DESCRIBE_STRUCT(ShownRow, (), (number, state, document, saga_id, version, placed_ms))

struct MoneyRow {
  OrderId id;
  OrderState state = OrderState::pending;
  payment::PaymentId payment_id;
  std::int64_t total = 0;
  Currency currency;
};
BOOST_DESCRIBE_STRUCT(MoneyRow, (), (id, state, payment_id, total, currency))

Order order_of(ShownRow&& row) {
  auto order = std::move(row.document.value);
  order.number = row.number.value_or("");
  order.state = row.state;
  order.version = row.version;
  order.placed_ms = row.placed_ms;
  return order;
}

std::optional<Stored> stored_of(std::optional<ShownRow>&& row) {
  if (!row) return {};
  const auto saga = row->saga_id;
  return Stored{order_of(std::move(*row)), saga};
}

// An optional filter keeps SQLite from an index, so what is asked for most narrowly stands once more, by itself.
constexpr auto listed = db::shared(R"(SELECT number, state, document, saga_id, version, placed_ms FROM shop_order
                                      WHERE id < :before AND (cast(:customer as text) IS NULL OR customer_id = :customer) AND (cast(:state as text) IS NULL OR state = :state)
                                        AND (cast(:number as text) IS NULL OR number = :number) AND (cast(:email as text) IS NULL OR email = :email) )"_part);
constexpr auto newest_first = " ORDER BY id DESC LIMIT :limit"_part;

}  // namespace

bool insert_order(Tx& tx, const Order& order, const SagaRef& saga) {
  const OrderRow row{order.id, {}, order.state, order.cart_id, order.customer_id, order.email, order.payment_id, order.currency, order.totals.lines, order.totals.delivery, order.totals.discounts, order.totals.tax,
                     order.totals.total, {order}, saga, order.version, order.created_ms, {}};
  return tx.exec(R"(INSERT INTO shop_order (id, number, state, cart_id, customer_id, email, payment_id, currency, lines_net, delivery_net, discounts, tax, total, document, saga_id, version, created_ms, placed_ms)
                    VALUES (:id, :number, :state, :cart_id, :customer_id, :email, :payment_id, :currency, :lines_net, :delivery_net, :discounts, :tax, :total, :document, :saga_id, :version, :created_ms, :placed_ms)
                    ON CONFLICT DO NOTHING)"_sql,
                 row) == 1;
}

std::optional<Stored> find_order(Tx& tx, const OrderId& id) { return stored_of(tx.find<ShownRow>("SELECT number, state, document, saga_id, version, placed_ms FROM shop_order WHERE id = :id"_sql, id)); }

std::optional<SagaRef> find_saga_under_way(Tx& tx, const OrderId& id) { return tx.find<SagaRef>("SELECT saga_id FROM shop_order WHERE id = :id AND state IN ('pending', 'cancelling')"_sql, id); }

std::optional<Stored> find_living_of_cart(Tx& tx, const cart::CartId& cart) {
  return stored_of(tx.find<ShownRow>("SELECT number, state, document, saga_id, version, placed_ms FROM shop_order WHERE cart_id = :cart AND state <> 'cancelled'"_sql, cart));
}

std::optional<std::int64_t> change_state(Tx& tx, const OrderId& id, OrderState from, OrderState to) {
  return tx.find<std::int64_t>("UPDATE shop_order SET state = :to, version = version + 1 WHERE id = :id AND state = :from RETURNING version"_sql, to, id, from);
}

std::optional<std::int64_t> place(Tx& tx, const OrderId& id, const std::string& number) {
  return tx.find<std::int64_t>("UPDATE shop_order SET state = 'placed', number = :number, placed_ms = :now, version = version + 1 WHERE id = :id AND state = 'pending' RETURNING version"_sql, number, tx.now(), id);
}

void set_saga(Tx& tx, const OrderId& id, const SagaRef& saga) { tx.exec("UPDATE shop_order SET saga_id = :saga WHERE id = :id"_sql, saga, id); }

std::vector<Order> list_orders(Tx& tx, const std::optional<OrderId>& before, const std::optional<std::string>& customer, const std::optional<OrderState>& state, const std::optional<std::string>& number,
                               const std::optional<std::string>& email, std::int64_t limit) {
  const auto list = [&](auto statement) { return tx.list<ShownRow>(statement, before ? before->str() : after_all_ids, customer, state, number, email, limit); };
  std::vector<Order> orders;
  for (auto& row : number     ? list(db::sql(listed + "AND number = :number"_part + newest_first))
                   : customer ? list(db::sql(listed + "AND customer_id = :customer"_part + newest_first))
                   : email    ? list(db::sql(listed + "AND email = :email"_part + newest_first))
                   : state    ? list(db::sql(listed + "AND state = :state"_part + newest_first))
                              : list(db::sql(listed + newest_first)))
    orders.push_back(order_of(std::move(row)));
  return orders;
}

std::vector<OrderMoney> list_money(Tx& tx, const std::optional<OrderId>& after, std::int64_t limit) {
  std::vector<OrderMoney> all;
  for (const auto& row : tx.list<MoneyRow>("SELECT id, state, payment_id, total, currency FROM shop_order WHERE id > :after ORDER BY id LIMIT :limit"_sql, after ? after->str() : std::string(), limit))
    all.push_back({row.id, row.state, row.payment_id, {row.total, row.currency}});
  return all;
}

void insert_history(Tx& tx, const OrderId& id, std::int64_t version, OrderState state, const std::string& reason, const std::string& actor) {
  tx.exec("INSERT INTO order_history (order_id, version, state, reason, actor, time_ms) VALUES (:id, :version, :state, :reason, :actor, :now)"_sql, id, version, state, reason, actor, tx.now());
}

std::vector<HistoryEntry> list_history(Tx& tx, const OrderId& id) {
  return tx.list<HistoryEntry>("SELECT version, state, reason, actor, time_ms FROM order_history WHERE order_id = :id ORDER BY version"_sql, id);
}

void insert_cancellation(Tx& tx, const Cancellation& cancellation, const SagaRef& saga) {
  tx.exec("INSERT INTO order_cancellation (id, order_id, reason, state, saga_id, created_ms) VALUES (:id, :order_id, :reason, :state, :saga, :created_ms)"_sql, cancellation, saga);
}

void end_cancellation(Tx& tx, const CancellationId& id, CancellationState state) { tx.exec("UPDATE order_cancellation SET state = :state WHERE id = :id"_sql, state, id); }

std::vector<Cancellation> list_cancellations(Tx& tx, const OrderId& order) {
  return tx.list<Cancellation>("SELECT id, order_id, reason, state, created_ms FROM order_cancellation WHERE order_id = :id ORDER BY id"_sql, order);
}

std::int64_t take_numbers(Tx& tx, std::int64_t count) { return tx.get<std::int64_t>("UPDATE order_counter SET next = next + :count RETURNING next"_sql, count) - count; }

std::int64_t count_wrong_totals(Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM shop_order WHERE total <> lines_net + delivery_net - discounts + tax"_sql); }

std::vector<SagaRef> list_sagas_under_way(Tx& tx) { return tx.list<SagaRef>("SELECT saga_id FROM shop_order WHERE state IN ('pending', 'cancelling')"_sql); }

std::int64_t count_placed_without_number(Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM shop_order WHERE state = 'placed' AND (number IS NULL OR placed_ms IS NULL)"_sql); }

}  // namespace polyshop::order::store
