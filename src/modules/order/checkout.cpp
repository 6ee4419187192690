#include "checkout.hpp"

#include <fmt/format.h>

#include "kernel/json/problem_json.hpp"
#include "order/events.hpp"

namespace polyshop::order {
namespace {

using bus::Advance;
using payment::PaymentState;

constexpr std::string_view kind = "checkout";

struct CheckoutState {
  OrderId order_id;
  cart::CartId cart_id;
  payment::PaymentId payment_id;
  Money total;
  std::string action_url;  // where the shopper has to go before the payment goes on
  std::string number;
  std::optional<std::int64_t> version;  // of the order, once it is placed
  std::optional<Timestamp> placed_ms;
  Timestamp held_until_ms = 0;  // by when the payment has to be there, or the goods may expire; 0 where they may already
  bool is_captured = false;     // together with the authorization
};
BOOST_DESCRIBE_STRUCT(CheckoutState, (), (order_id, cart_id, payment_id, total, action_url, number, version, placed_ms, held_until_ms, is_captured))

struct Action {
  std::string type = "redirect";
  std::string url;
};
BOOST_DESCRIBE_STRUCT(Action, (), (type, url))

// The answer to a checkout that has not ended.
struct Pending {
  OrderId order_id;
  OrderState state = OrderState::pending;
  std::optional<Action> payment_action;
};
BOOST_DESCRIBE_STRUCT(Pending, (), (order_id, state, payment_action))

Order order_of(const Call& call, const cart::Cart& cart, const payment::PaymentId& payment) {
  Order order;
  order.id = OrderId::make(call.now);
  order.cart_id = cart.id;
  order.customer_id = cart.customer_id;
  order.channel = cart.channel;
  order.language = cart.language;
  order.email = *cart.email;
  order.shipping_address = *cart.shipping_address;
  order.billing_address = cart.billing_address.value_or(*cart.shipping_address);
  order.currency = cart.currency;
  for (const auto& line : cart.lines) order.lines.push_back({line.sku, line.quantity, line.name, line.option_values, line.unit_price->amount, line.amount});
  order.delivery = cart.delivery;
  order.totals = cart.totals;
  order.rounding = cart.rounding;
  order.payment_id = payment;
  order.version = 1;
  order.created_ms = call.now;
  return order;
}

Problem missing(const std::vector<cart::Requirement>& requirements) {
  auto problem = Problem::invalid("cart_incomplete", "The cart cannot be completed yet; see requirements.");
  for (const auto& one : requirements) problem.errors.push_back({one.pointer, one.code, "Still missing."});
  return std::move(problem).with("requirements", json::to_text(requirements));
}

// The provider has not answered yet, or nobody can say what.
Advance asked_again(const payment::Payment& payment) { return payment.state == PaymentState::unknown ? Advance::unknown(1000) : Advance::wait(1000); }

// The session to pay with: the latest that no attempt has used.
payment::PaymentId usable_payment(const std::vector<payment::Payment>& sessions, const cart::Cart& cart) {
  for (const auto& session : sessions) {
    if (session.state != PaymentState::created || !session.order_id.empty()) continue;
    if (session.amount != Money{cart.totals.total, cart.currency})
      throw Problem::conflict("total_changed", fmt::format("The total is {} now and the payment was opened for {}. Show the shopper the cart and open a new payment session.",
                                                           format_amount(cart.totals.total, cart.currency), format_amount(session.amount.amount, session.amount.currency)));
    return session.id;
  }
  throw missing({{"payment_session_required", "/payment_sessions"}});
}

}  // namespace

// No job holds the mutex while it waits: one takes the next block, and the others are told.
std::string Numbers::next() {
  std::unique_lock lock(mutex_);
  while (next_ == end_) {
    Signal taken;
    const bool is_first = waiting_.empty();
    waiting_.push_back(&taken);
    lock.unlock();
    if (is_first)
      take_block();
    else
      taken.wait();
    lock.lock();
  }
  return std::to_string(next_++);
}

void Numbers::take_block() {
  constexpr std::int64_t block = 100;
  std::exception_ptr failure;
  std::int64_t first = 0;
  try {
    first = node_.db.write(node_.system_call("numbers"), [](Tx& tx) { return store::take_numbers(tx, block); });
  } catch (...) {
    failure = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    if (!failure) {
      next_ = first;
      end_ = first + block;
    }
    for (auto* const waiting : std::exchange(waiting_, {})) waiting->set();  // where there is none yet, the next takes it
  }
  if (failure) std::rethrow_exception(failure);
}

Checkout::Checkout(bus::Node& node, const Others& others) : node_(node), others_(others), numbers_(node) { node_.sagas.define(definition()); }

bus::SagaDefinition Checkout::definition() {
  bus::SagaDefinition checkout;
  checkout.kind = kind;
  checkout.expired = "The checkout took too long and was given up; nothing was charged.";
  const auto add = [&](std::string name) -> bus::SagaStep& {
    checkout.steps.push_back({});
    checkout.steps.back().name = std::move(name);
    return checkout.steps.back();
  };

  // Every step answers a repetition as it did, so one commit logs them all.
  auto& reserve = add("reserve");
  reserve.logged_with_next = true;
  reserve.run = bus::saga_step<CheckoutState>([this](const Call& call, CheckoutState& state) {
    const auto stored = node_.db.read_once(call, [&](Tx& tx) { return store::find_order(tx, state.order_id); });
    inventory::ReserveStock wanted{state.order_id.str(), {}, true};
    for (std::size_t i = 0; i < stored->order.lines.size(); ++i) wanted.lines.push_back({stored->order.lines[i].sku, stored->order.lines[i].quantity, fmt::format("/lines/{}", i)});
    const auto reservation = others_.inventory.reserve(call, wanted);
    state.held_until_ms = reservation.state == inventory::ReservationState::held ? call.now + (reservation.expires_ms - call.now) / 2 : 0;
    return Advance::next();
  });
  reserve.compensate = bus::saga_compensation<CheckoutState>([this](const Call& call, CheckoutState& state) { others_.inventory.release(call, {state.order_id.str()}); });
  // The first step is the last to be undone: then the attempt is over.
  reserve.record_compensation = [](Tx& tx, std::string& text, const std::string& outcome) {
    const auto state = json::from_text<CheckoutState>(text, json::Mode::lenient);
    const auto problem = json::problem_from_text(outcome, 409);
    if (const auto version = store::change_state(tx, state.order_id, OrderState::pending, OrderState::cancelled))
      store::insert_history(tx, state.order_id, *version, OrderState::cancelled, problem.code, "checkout");
  };

  auto& authorize = add("authorize");
  authorize.logged_with_next = true;
  authorize.run = bus::saga_step<CheckoutState>([this](const Call& call, CheckoutState& state) {
    const bool is_late = call.now > state.held_until_ms;
    const auto payment = others_.payment.authorize(call, {state.payment_id, state.order_id.str(), state.total, !is_late});
    state.action_url = payment.state == PaymentState::requires_action ? payment.action_url : "";
    state.is_captured = payment.state == PaymentState::captured;
    switch (payment.state) {
      case PaymentState::authorized:
      case PaymentState::capturing:
      case PaymentState::captured: return Advance::next();
      case PaymentState::declined:
      case PaymentState::voiding:
      case PaymentState::voided:
        throw Problem::payment_required("payment_declined", "The payment was declined; nothing was charged. Open another payment session to try again.").with("decline_code", json::to_text(payment.decline_code));
      default: break;
    }
    // Goods are not kept from others for a payment that takes long. Where there was no answer they are: it may have been captured.
    if (is_late) others_.inventory.let_expire(call, {state.order_id.str()});
    return asked_again(payment);
  });
  authorize.compensate = bus::saga_compensation<CheckoutState>([this](const Call& call, CheckoutState& state) {
    auto payment = others_.payment.get_payment(call, {state.payment_id});
    if (payment.state == PaymentState::created && payment.order_id.empty()) return Advance::next();
    if (payment.state != PaymentState::declined && payment.state != PaymentState::voided) payment = others_.payment.cancel(call, {state.payment_id});
    if (payment.state == PaymentState::declined || payment.state == PaymentState::voided || payment.state == PaymentState::created) return Advance::next();
    // The provider has not confirmed yet that nothing is owed.
    return asked_again(payment);
  });

  auto& hold = add("hold");
  hold.logged_with_next = true;
  hold.run = bus::saga_step<CheckoutState>([this](const Call& call, CheckoutState& state) {
    if (!state.is_captured) others_.inventory.hold(call, {state.order_id.str()});
    return Advance::next();
  });

  auto& capture = add("capture");
  capture.pivot = true;
  capture.logged_with_next = true;
  capture.may_have_happened = [this](const Call& call, const std::string& text) {
    const auto state = json::from_text<CheckoutState>(text, json::Mode::lenient);
    const auto payment = others_.payment.get_payment(call, {state.payment_id});
    if (payment.order_id != state.order_id.view()) return false;
    return payment.captured > 0 || payment.state == PaymentState::captured || payment.state == PaymentState::capturing || (payment.state == PaymentState::unknown && payment.authorized > 0);
  };
  capture.run = bus::saga_step<CheckoutState>([this](const Call& call, CheckoutState& state) {
    if (state.is_captured) return Advance::next();
    const auto payment = captured(call, state.payment_id);
    if (payment.state == PaymentState::captured) return Advance::next();
    if (payment.state == PaymentState::declined || payment.state == PaymentState::voided)
      throw Problem::payment_required("payment_declined", "The payment was declined; nothing was charged. Open another payment session to try again.");
    return asked_again(payment);
  });

  auto& close = add("close_cart");
  close.logged_with_next = true;
  close.run = bus::saga_step<CheckoutState>([this](const Call& call, CheckoutState& state) {
    others_.cart.complete(call, {state.cart_id, state.order_id.str()});
    state.number = numbers_.next();
    return Advance::next();
  });

  auto& confirm = add("confirm");
  confirm.run = [](const Call&, std::string&) { return Advance::next(); };
  confirm.record = bus::saga_record<CheckoutState>([](Tx& tx, CheckoutState& state) {
    const auto version = store::place(tx, state.order_id, state.number);
    if (!version) die("the order " + state.order_id.str() + " was confirmed and is not pending");
    store::insert_history(tx, state.order_id, *version, OrderState::placed, "", "checkout");
    tx.publish(OrderPlaced{state.order_id, state.number, state.total, *version});
    state.version = version;
    state.placed_ms = tx.now();
  });
  return checkout;
}

// How the payment stands that was asked to be captured, though it be one that cannot.
payment::Payment Checkout::captured(const Call& call, const payment::PaymentId& id) {
  try {
    return others_.payment.capture(call, {id});
  } catch (const Problem& problem) {
    if (problem.code != "not_authorized") throw;
    return others_.payment.get_payment(call, {id});
  }
}

http::Outcome Checkout::complete(const Call& call, const cart::CartId& id, const std::string& token) {
  const auto cart = others_.cart.get_cart(call.unkeyed(), {id, token});  // 404 for whom it does not belong to
  bool is_replayed = false;
  auto keyed = call;
  keyed.replayed = &is_replayed;
  std::optional<Order> fresh;
  std::optional<Problem> unready;  // why there is none
  if (cart.state != cart::CartState::open) {
    unready = Problem::conflict("cart_completed", "The cart was completed and its order has been cancelled since. Start a new cart.");
  } else {
    try {
      if (!cart.requirements.empty()) throw missing(cart.requirements);
      cart::check_nothing_is_gone(cart);
      fresh = order_of(call, cart, usable_payment(others_.payment.list_of_cart(call.unkeyed(), {id}), cart));
    } catch (const Problem& problem) {
      unready = problem;
      // Who asks again is answered as before, though the session that was used is no longer usable.
      const bool is_living = node_.db.read_once(call, [&](Tx& tx) { return store::find_living_of_cart(tx, id).has_value(); });
      if (!is_living && !node_.db.is_stored(call)) throw;
    }
  }
  std::optional<bus::Saga> started;
  const auto claim = node_.db.write(keyed, [&](Tx& tx) {
    started.reset();
    if (const auto living = store::find_living_of_cart(tx, id)) return Claim{living->order.id, living->saga_id};
    if (unready) throw *unready;  // where an order was living a moment ago, it has failed since
    started = node_.sagas.start_to_drive(tx, std::string(kind), json::to_text(CheckoutState{fresh->id, id, fresh->payment_id, {fresh->totals.total, fresh->currency}, "", "", {}, {}, 0}));
    if (!store::insert_order(tx, *fresh, started->id)) throw Problem::conflict("in_flight", "Another request is completing this cart. Ask again in a moment.");
    store::insert_history(tx, fresh->id, 1, OrderState::pending, "", "checkout");
    return Claim{fresh->id, started->id};
  });
  const auto give_up = call.deadline - std::chrono::seconds(2);
  if (is_replayed || !started) return answer(call, claim, node_.sagas.find(claim.saga_id), false, is_replayed, give_up);
  const auto driven = node_.sagas.drive(std::move(*started));
  if (!driven || driven->state != bus::SagaState::done) return answer(call, claim, driven, true, false, give_up);
  // Nothing has to be read again: this is the order that was written, and what has become of it.
  const auto state = json::from_text<CheckoutState>(driven->data, json::Mode::lenient);
  fresh->state = OrderState::placed;
  fresh->number = state.number;
  fresh->version = state.version.value();
  fresh->placed_ms = state.placed_ms;
  return shown(*fresh, 201);
}

http::Response Checkout::shown(const Order& order, int status) {
  http::Response response;
  response.status = status;
  response.fields.emplace_back("ETag", http::etag_of(order.version));
  response.fields.emplace_back("Location", "/v1/store/orders/" + order.id.str());
  response.body = json::to_text(order);
  return response;
}

http::Outcome Checkout::answer(const Call& call, const Claim& claim, const std::optional<bus::Saga>& found, bool is_ours, bool is_replayed, Deadline give_up) {
  const auto replayed = [&](http::Response response) {
    if (is_replayed) response.fields.emplace_back("Idempotency-Replayed", "true");
    return response;
  };
  // The order has its checkout behind it where another saga is its latest, or where it is gone: it ended long ago.
  if (!found || found->kind != kind || found->state == bus::SagaState::done) {
    const auto stored = node_.db.read_once(call, [&](Tx& tx) { return store::find_order(tx, claim.order_id); });
    return replayed(shown(stored->order, is_ours || is_replayed ? 201 : 200));
  }
  const auto& saga = *found;
  if (saga.state == bus::SagaState::compensated) {
    auto problem = json::problem_from_text(saga.outcome, 409);
    problem.status = static_cast<int>(json::parse(saga.outcome).at("status").as_int64());
    return replayed(http::response_of(problem, {}, call.request_id));
  }
  const auto state = json::from_text<CheckoutState>(saga.data, json::Mode::lenient);
  const bool needs_shopper = !state.action_url.empty();
  const bool is_late = std::chrono::steady_clock::now() > give_up || saga.state == bus::SagaState::stuck;
  if (!is_ours && !needs_shopper && !is_late) {
    auto problem = Problem::conflict("in_flight", "This cart is being completed. Ask again in a moment.");
    problem.retry_after_s = 1;
    throw problem;
  }
  if (needs_shopper || is_late) {
    http::Response response;
    response.status = 202;
    response.body = json::to_text(Pending{claim.order_id, OrderState::pending, needs_shopper ? std::optional(Action{"redirect", state.action_url}) : std::nullopt});
    return response;
  }
  http::Deferred deferred;
  deferred.seconds_max = std::max(0.0, std::chrono::duration<double>(give_up - std::chrono::steady_clock::now()).count());
  deferred.start = [this, id = claim.saga_id, version = saga.version](std::move_only_function<void()> resume) { node_.sagas.when_moved(id, version, std::move(resume)); };
  deferred.finish = [this, call, claim, is_replayed, give_up] { return answer(call, claim, node_.sagas.drive(claim.saga_id), true, is_replayed, give_up); };
  return deferred;
}

}  // namespace polyshop::order
