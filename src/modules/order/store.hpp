#pragma once

#include "kernel/db/database.hpp"
#include "order/facade.hpp"

// Every SQL statement of the orders, one function each.
namespace polyshop::order {

using CancellationId = Id<"can">;
using SagaRef = Id<"saga">;

enum class CancellationState { pending, done, failed };
BOOST_DESCRIBE_ENUM(CancellationState, pending, done, failed)

struct Cancellation {
  CancellationId id;
  OrderId order_id;
  std::string reason;
  CancellationState state = CancellationState::pending;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Cancellation, (), (id, order_id, reason, state, created_ms))

struct HistoryEntry {
  std::int64_t version = 0;
  OrderState state = OrderState::pending;
  std::string reason;
  std::string actor;
  Timestamp time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(HistoryEntry, (), (version, state, reason, actor, time_ms))

namespace store {

struct Stored {
  Order order;
  SagaRef saga_id;
};

bool insert_order(Tx& tx, const Order& order, const SagaRef& saga);  // false where the cart has a living order
std::optional<Stored> find_order(Tx& tx, const OrderId& id);
std::optional<SagaRef> find_saga_under_way(Tx& tx, const OrderId& id);  // of an order: nothing where none goes on about it
std::optional<Stored> find_living_of_cart(Tx& tx, const cart::CartId& cart);
// The next state, where it is in one of the expected; answers the new version.
std::optional<std::int64_t> change_state(Tx& tx, const OrderId& id, OrderState from, OrderState to);
std::optional<std::int64_t> place(Tx& tx, const OrderId& id, const std::string& number);  // the same for one that is pending, with what it has from then on
void set_saga(Tx& tx, const OrderId& id, const SagaRef& saga);
std::vector<Order> list_orders(Tx& tx, const std::optional<OrderId>& before, const std::optional<std::string>& customer, const std::optional<OrderState>& state, const std::optional<std::string>& number,
                               const std::optional<std::string>& email, std::int64_t limit);
std::vector<OrderMoney> list_money(Tx& tx, const std::optional<OrderId>& after, std::int64_t limit);

void insert_history(Tx& tx, const OrderId& id, std::int64_t version, OrderState state, const std::string& reason, const std::string& actor);
std::vector<HistoryEntry> list_history(Tx& tx, const OrderId& id);

void insert_cancellation(Tx& tx, const Cancellation& cancellation, const SagaRef& saga);
void end_cancellation(Tx& tx, const CancellationId& id, CancellationState state);
std::vector<Cancellation> list_cancellations(Tx& tx, const OrderId& order);

std::int64_t take_numbers(Tx& tx, std::int64_t count);  // the first of a block

std::int64_t count_wrong_totals(Tx& tx);
std::vector<SagaRef> list_sagas_under_way(Tx& tx);  // of orders that something is still to happen to
std::int64_t count_placed_without_number(Tx& tx);

}  // namespace store
}  // namespace polyshop::order
