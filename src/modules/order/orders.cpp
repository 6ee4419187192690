#include "orders.hpp"

#include <fmt/format.h>

#include "bus/saga_audit.hpp"
#include "kernel/json/problem_json.hpp"

namespace polyshop::order {
namespace {

using bus::Advance;

constexpr std::string_view kind = "cancellation";

struct CancellationSaga {
  OrderId order_id;
  CancellationId id;
  payment::PaymentId payment_id;
  std::string reason;
  std::int64_t to_refund = -1;  // minor units; -1 until it is known
  Currency currency;
  std::string number;
};
BOOST_DESCRIBE_STRUCT(CancellationSaga, (), (order_id, id, payment_id, reason, to_refund, currency, number))

struct Claimed {
  Cancellation cancellation;
  bus::SagaId saga_id;
};
BOOST_DESCRIBE_STRUCT(Claimed, (), (cancellation, saga_id))

}  // namespace

Orders::Orders(bus::Node& node, const Others& others) : node_(node), others_(others) { node_.sagas.define(cancellation_saga()); }

bus::SagaDefinition Orders::cancellation_saga() {
  bus::SagaDefinition saga;
  saga.kind = kind;

  bus::SagaStep refund;
  refund.name = "refund";
  refund.pivot = true;
  refund.run = bus::saga_step<CancellationSaga>([this](const Call& call, CancellationSaga& state) {
    const auto payment = others_.payment.get_payment(call, {state.payment_id});
    if (state.to_refund < 0) state.to_refund = payment.captured - payment.refunded;
    if (payment.refunded >= payment.captured) return Advance::next();
    const auto made = others_.payment.refund(call, {state.payment_id, state.to_refund, "order " + state.number + " cancelled"});
    if (made.state == payment::RefundState::failed) throw Problem::conflict("refund_failed", "The provider refused the refund; the order stays as it was.");
    return made.state == payment::RefundState::unknown ? Advance::unknown(1000) : Advance::wait(1000);
  });
  refund.record_compensation = [](Tx& tx, std::string& text, const std::string& outcome) {
    const auto state = json::from_text<CancellationSaga>(text, json::Mode::lenient);
    if (const auto version = store::change_state(tx, state.order_id, OrderState::cancelling, OrderState::placed))
      store::insert_history(tx, state.order_id, *version, OrderState::placed, json::problem_from_text(outcome, 409).code, "cancellation");
    store::end_cancellation(tx, state.id, CancellationState::failed);
  };
  saga.steps.push_back(std::move(refund));

  bus::SagaStep restock;
  restock.name = "restock";
  restock.run = bus::saga_step<CancellationSaga>([this](const Call& call, CancellationSaga& state) {
    try {
      others_.inventory.restock(call, {state.order_id.str()});
    } catch (const Problem& problem) {
      if (problem.code != "reservation_not_consumed") throw;
      others_.inventory.consume(call, {{state.order_id.str()}});  // cancelled before its goods had left
      others_.inventory.restock(call, {state.order_id.str()});
    }
    return Advance::next();
  });
  restock.record = bus::saga_record<CancellationSaga>([](Tx& tx, CancellationSaga& state) {
    const auto version = store::change_state(tx, state.order_id, OrderState::cancelling, OrderState::cancelled);
    if (!version) die("the order " + state.order_id.str() + " was cancelled and is not cancelling");
    store::insert_history(tx, state.order_id, *version, OrderState::cancelled, state.reason, "cancellation");
    store::end_cancellation(tx, state.id, CancellationState::done);
    tx.publish(OrderCancelled{state.order_id, state.number, {state.to_refund, state.currency}, *version});
  });
  saga.steps.push_back(std::move(restock));
  return saga;
}

Order Orders::get(const Call& call, const OrderId& id) {
  auto stored = node_.db.read_once(call, [&](Tx& tx) { return store::find_order(tx, id); });
  if (!stored) throw Problem::not_found("order", id.view());
  return std::move(stored->order);
}

Order Orders::get_own(const Call& call, const OrderId& id, const std::string& cart_token) {
  auto order = get(call, id);
  if (order.customer_id) {
    if (call.actor.kind != Actor::Kind::customer || call.actor.id != order.customer_id->view()) throw Problem::not_found("order", id.view());
    return order;
  }
  try {
    others_.cart.get_cart(call, {order.cart_id, cart_token});
  } catch (const Problem& problem) {
    if (problem.status == 404) throw Problem::not_found("order", id.view());
    throw;
  }
  return order;
}

http::Listed<Order> Orders::page(const Call& call, const ListOrders& wanted, const std::optional<std::string>& customer) {
  const auto before = http::cursor_as<OrderId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  http::Listed<Order> page;
  page.data = node_.db.read(call, [&](Tx& tx) {
    return store::list_orders(tx, before, customer, wanted.filter_state, wanted.filter_number ? std::optional<std::string>(*wanted.filter_number) : std::nullopt,
                              wanted.filter_email ? std::optional<std::string>(*wanted.filter_email) : std::nullopt, limit + 1);
  });
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

http::Listed<Order> Orders::list(const Call& call, const ListOrders& wanted) { return page(call, wanted, {}); }
http::Listed<Order> Orders::list_own(const Call& call, const ListOwnOrders& wanted) { return page(call, {wanted.limit, wanted.cursor, {}, {}, {}}, call.actor.id); }

std::vector<HistoryEntry> Orders::history(const Call& call, const OrderId& id) {
  get(call, id);
  return node_.db.read(call, [&](Tx& tx) { return store::list_history(tx, id); });
}

std::vector<Cancellation> Orders::cancellations(const Call& call, const OrderId& id) {
  get(call, id);
  return node_.db.read(call, [&](Tx& tx) { return store::list_cancellations(tx, id); });
}

http::Outcome Orders::cancel(const Call& call, const OrderId& id, const CancelOrder& wanted) {
  const auto claimed = node_.db.write(call, [&](Tx& tx) {
    const auto stored = store::find_order(tx, id);
    if (!stored) throw Problem::not_found("order", id.view());
    const auto& order = stored->order;
    const auto version = store::change_state(tx, id, OrderState::placed, OrderState::cancelling);
    if (!version) throw Problem::conflict("not_cancellable", fmt::format("The order is {}; only a placed one can be cancelled.", json::enum_name(order.state)));
    Cancellation cancellation{CancellationId::make(tx.now()), id, wanted.reason, CancellationState::pending, tx.now()};
    const auto saga = node_.sagas.start(tx, std::string(kind), json::to_text(CancellationSaga{id, cancellation.id, order.payment_id, wanted.reason, -1, order.currency, order.number}));
    store::set_saga(tx, id, saga);
    store::insert_cancellation(tx, cancellation, saga);
    store::insert_history(tx, id, *version, OrderState::cancelling, wanted.reason, call.actor.id);
    return Claimed{cancellation, saga};
  });
  return answer(call, claimed.cancellation, claimed.saga_id, call.deadline - std::chrono::seconds(2));
}

http::Outcome Orders::answer(const Call& call, const Cancellation& cancellation, const bus::SagaId& saga_id, Deadline give_up) {
  const auto found = node_.sagas.drive(saga_id);
  if (!found) throw Problem::not_found("cancellation", cancellation.id.view());
  const auto& saga = *found;
  if (saga.state == bus::SagaState::compensated) throw json::problem_from_text(saga.outcome, 409);
  if (!bus::Sagas::has_ended(saga.state) && std::chrono::steady_clock::now() < give_up) {
    http::Deferred deferred;
    deferred.seconds_max = std::chrono::duration<double>(give_up - std::chrono::steady_clock::now()).count();
    deferred.start = [this, saga_id, version = saga.version](std::move_only_function<void()> resume) { node_.sagas.when_moved(saga_id, version, std::move(resume)); };
    deferred.finish = [this, call, cancellation, saga_id, give_up] { return answer(call, cancellation, saga_id, give_up); };
    return deferred;
  }
  auto shown = cancellation;
  if (saga.state == bus::SagaState::done) shown.state = CancellationState::done;
  http::Response response;
  response.status = saga.state == bus::SagaState::done ? 201 : 202;
  response.fields.emplace_back("Location", "/v1/admin/orders/" + cancellation.order_id.str() + "/cancellations");
  response.body = json::to_text(shown);
  return response;
}

void Orders::take_out_goods(const Call& call, std::span<const OrderPlaced> placed) {
  constexpr std::size_t orders_max = 8;  // at once: shoppers wait for the same lane
  for (std::size_t from = 0; from < placed.size(); from += orders_max) {
    inventory::OfReferences goods;
    for (const auto& order : placed.subspan(from, std::min(orders_max, placed.size() - from))) goods.references.push_back(order.id.str());
    try {
      others_.inventory.consume(call, goods);
    } catch (const Problem& problem) {
      // Of one that was cancelled meanwhile they have left, and come back.
      const bool is_cancelled = problem.code == "reservation_ended" && placed.size() == 1 && get(call, placed.front().id).state != OrderState::placed;
      if (!is_cancelled) throw;
    }
  }
}

std::vector<OrderMoney> Orders::export_page(const Call& call, const ExportOrders& wanted) {
  return node_.db.read(call, [&](Tx& tx) { return store::list_money(tx, wanted.after, std::clamp<std::int64_t>(wanted.limit, 1, 1000)); });
}

std::vector<AuditFinding> Orders::audit(const Call& call) {
  return node_.db.read(call, [](Tx& tx) {
    const auto sagas = store::list_sagas_under_way(tx);
    const auto without_saga = std::ranges::count_if(sagas, [&](const auto& saga) { return !bus::is_saga_open(tx, saga); });
    return std::vector<AuditFinding>{{"order total = lines + delivery - discounts + tax", store::count_wrong_totals(tx), ""},
                                     {"every saga ends within its deadline or is stuck", bus::count_overdue_sagas(tx), ""},
                                     {"an order under way has a saga that is", without_saga, ""},
                                     {"a placed order has its number and time", store::count_placed_without_number(tx), ""}};
  });
}

}  // namespace polyshop::order
