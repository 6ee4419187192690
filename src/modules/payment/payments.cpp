#include "payments.hpp"

#include <fmt/format.h>

#include "kernel/observe/log.hpp"
#include "payment/events.hpp"

namespace polyshop::payment {
namespace {

bool waits_for_answer(PaymentState state) { return state == PaymentState::authorizing || state == PaymentState::capturing || state == PaymentState::voiding; }

// What is asked of the provider for a payment whose operation has begun.
ProviderCall call_of(const PaymentRow& row, Operation operation) {
  ProviderCall call;
  call.key = row.operation_key;
  call.authorization = rules::authorization_of(row.id);
  call.amount = {operation == Operation::capture ? row.authorized : row.amount, row.currency};
  if (operation == Operation::authorize) {
    call.token = row.token;
    call.return_url = row.return_url;
  }
  return call;
}

std::vector<Payment> payments_of(const std::vector<PaymentRow>& rows) {
  std::vector<Payment> payments;
  for (const auto& row : rows) payments.push_back(payment_of(row));
  return payments;
}

}  // namespace

// What is asked of a provider and not settled.
struct Payments::Pending {
  std::string provider;
  Operation operation = Operation::authorize;
  ProviderCall call;
  bool waits_for_shopper = false;
};

Payments::Payments(bus::Node& node, const cart::Facade& cart, Limits limits) : node_(node), cart_(node.use(cart, "cart")), limits_(limits) {
  const auto handle = [this](const std::string& kind, bool ask_first) {
    bus::Effects::Handler handler;
    handler.perform = [this, ask_first](const Call& call, const std::string&, const std::string& key, bus::Effects::Done done) { call_provider(call, key, ask_first, std::move(done)); };
    handler.record = [this](Tx& tx, const std::string&, const std::string& key, const bus::EffectResult& result) {
      if (!result.text.empty()) apply_answer(tx, key, json::from_text<Answer>(result.text, json::Mode::lenient));
    };
    handler.attempts_max = std::numeric_limits<std::int64_t>::max();  // money is never given up on
    node_.effects.handle(kind, std::move(handler));
  };
  handle("payment.call", false);
  handle("payment.ask", true);
  node_.every("forget payment sessions nobody used", 3600'000, [this](const Call& call) {
    node_.db.write(call, [&](Tx& tx) { store::delete_unclaimed(tx, tx.now() - limits_.unclaimed_days * 24 * 3600'000); });
  });
}

void Payments::add_provider(std::string name, std::unique_ptr<Provider> provider) { providers_.insert_or_assign(std::move(name), std::move(provider)); }

PaymentRow Payments::get_row(Tx& tx, const PaymentId& id) {
  auto row = store::find_payment(tx, id);
  if (!row) throw Problem::not_found("payment", id.view());
  return std::move(*row);
}

void Payments::publish(Tx& tx, const PaymentRow& row) { tx.publish(PaymentChanged{row.id, row.order_id, row.state, row.authorized, row.captured, row.refunded, row.version}); }

// The one place where a payment's row changes: decides on the row as it is, writes it where it still is, and does what
// follows from the difference. On PostgreSQL somebody may have come between; then it decides again.
PaymentRow Payments::change(Tx& tx, const PaymentId& id, const std::string& entry, const Next& next_of, std::string* asked, bool then_capture) {
  for (int tries = 0; tries < tries_max; ++tries) {
    const auto before = get_row(tx, id);
    auto next = next_of(tx, before);
    if (!next) return before;
    const auto key = waits_for_answer(next->state) ? next->operation_key : std::string();
    const auto answered = key.empty() ? std::nullopt : answered_within(tx, *next);
    if (answered) next = answered;
    if (then_capture && next->state == PaymentState::authorized) next = captured_within(tx, *next);
    if (!store::update_payment(tx, before, *next)) {
      if (answered) Tx::start_over("the payment has changed since its provider was asked");
      continue;
    }
    ++next->version;
    for (const auto& [account, amount] : rules::postings_between(before, *next)) store::insert_posting(tx, id, {answered ? key : entry, account, next->currency, amount, tx.now()});
    if (next->state == before.state) return *next;
    if (!waits_for_answer(next->state))
      publish(tx, *next);
    else if (asked)
      node_.effects.enqueue_to_perform(tx, "payment.call", *asked = next->operation_key, next->operation_key);
    else
      node_.effects.enqueue(tx, "payment.call", next->operation_key, next->operation_key);
    if (next->state == PaymentState::unknown || next->state == PaymentState::requires_action)
      node_.effects.enqueue(tx, "payment.ask", fmt::format("{}.ask.{}", next->operation_key, next->version), next->operation_key, next->state == PaymentState::unknown ? ask_after_timeout_ms : ask_after_action_ms);
    return *next;
  }
  throw Problem::unavailable("busy", "The payment is being changed by others. Try again.");
}

// How a payment that is about to ask its provider stands once that has answered, where it does so within this transaction.
std::optional<PaymentRow> Payments::answered_within(Tx& tx, const PaymentRow& asking) {
  const auto provider = providers_.find(asking.provider);
  const auto operation = rules::operation_of(asking.operation_key);
  if (provider == providers_.end() || !operation) return {};
  const auto answer = provider->second->answer_within(tx, *operation, call_of(asking, *operation));
  return answer ? rules::answered(asking, asking.operation_key, *answer) : std::nullopt;
}

// How it stands once it is captured, where its provider does that within this transaction; as it is, where not.
PaymentRow Payments::captured_within(Tx& tx, const PaymentRow& authorized) {
  const auto capturing = rules::begun(authorized, Operation::capture);
  return waits_for_answer(capturing.state) ? answered_within(tx, capturing).value_or(authorized) : capturing;
}

// Answers what the provider says where it says so at once, else that it was asked. Without the call's key: a repetition answers
// how the payment stands then.
Payment Payments::change_and_ask(const Call& call, const PaymentId& id, const std::string& entry, const Next& next_of, bool then_capture) {
  std::string asked;
  std::optional<Pending> pending;
  const auto row = node_.db.write(call.unkeyed(), [&](Tx& tx) {
    asked.clear();
    auto next = change(tx, id, entry, next_of, &asked, then_capture);
    if (!asked.empty()) pending = find_pending(tx, asked);
    return next;
  });
  if (asked.empty()) return payment_of(row);
  node_.effects.perform("payment.call", asked, asked, [&](const Call&, bus::Effects::Done done) { ask_provider(*pending, false, std::move(done)); });
  return get(call, id);
}

Payment Payments::authorize(const Call& call, const AuthorizePayment& wanted) {
  if (wanted.order_id.empty()) throw Problem::invalid("order_required", "Say which order the payment is for.", "/order_id");
  // In the transaction of the change, so that of two payments of an order one is refused.
  const auto claimed = [&](Tx& tx, const PaymentRow& row) -> std::optional<PaymentRow> {
    if (row.order_id == wanted.order_id) return {};
    if (!row.order_id.empty()) throw Problem::conflict("payment_claimed", "The payment belongs to another order.");
    if (wanted.amount != Money{row.amount, row.currency}) throw Problem::conflict("total_changed", "The payment was opened for another amount. Open a new payment session.", "/amount");
    if (store::has_other_payment(tx, wanted.order_id, row.id)) throw Problem::conflict("order_has_payment", "The order is being paid, or was paid, with another payment.");
    auto next = rules::begun(row, Operation::authorize);
    next.order_id = wanted.order_id;
    return next;
  };
  return change_and_ask(call, wanted.id, rules::authorization_of(wanted.id), claimed, wanted.capture);
}

Payment Payments::capture(const Call& call, const PaymentId& id) {
  return change_and_ask(call, id, "", [](Tx&, const PaymentRow& row) -> std::optional<PaymentRow> {
    if (row.state == PaymentState::authorized) return rules::begun(row, Operation::capture);
    if (row.state == PaymentState::captured || row.state == PaymentState::capturing || rules::operation_of(row.operation_key) == Operation::capture) return {};
    throw Problem::conflict("not_authorized", fmt::format("Only an authorized payment is captured; this one is {}.", json::enum_name(row.state)));
  });
}

Payment Payments::cancel(const Call& call, const PaymentId& id) {
  return node_.db.write(call.unkeyed(), [&](Tx& tx) {
    return payment_of(change(tx, id, "", [](Tx&, const PaymentRow& row) -> std::optional<PaymentRow> {
      if (row.state == PaymentState::authorized || row.state == PaymentState::requires_action) return rules::begun(row, Operation::cancel);
      // The provider is being asked for the authorization. A cancellation that overtook it would leave the money held, so it
      // follows when the answer is there.
      if (row.cancel_asked || rules::operation_of(row.operation_key) != Operation::authorize) return {};
      auto next = row;
      next.cancel_asked = true;
      return next;
    }));
  });
}

// Where every answer of a provider ends, to a call, to a question or as a notice; one that comes again changes nothing.
void Payments::apply_answer(Tx& tx, const std::string& key, const Answer& answer) {
  const auto operation = rules::operation_of(key);
  if (!operation) return;
  if (*operation == Operation::refund) return apply_refund_answer(tx, *RefundId::parse(key), answer);
  change(tx, *PaymentId::parse(std::string_view(key).substr(0, PaymentId::size)), key, [&](Tx&, const PaymentRow& row) { return rules::answered(row, key, answer); });
}

void Payments::take_notice(const Call& call, const std::string& provider, const http::Request& request) {
  const auto found = providers_.find(provider);
  if (found == providers_.end()) throw Problem::not_found("hook");
  const auto notice = found->second->read_notice(call, request);
  node_.db.write(call.unkeyed(), [&](Tx& tx) {
    const auto pending = find_pending(tx, notice.key);
    if (pending && pending->provider == provider) apply_answer(tx, notice.key, notice.answer);
  });
}

std::optional<Payments::Pending> Payments::find_pending(Tx& tx, const std::string& key) {
  const auto operation = rules::operation_of(key);
  if (!operation) return {};
  Pending pending;
  pending.operation = *operation;
  std::optional<PaymentRow> row;
  if (*operation == Operation::refund) {
    const auto refund = store::find_refund(tx, *RefundId::parse(key));
    if (!refund || (refund->state != RefundState::pending && refund->state != RefundState::unknown)) return {};
    row = get_row(tx, refund->payment_id);
    pending.call.amount = {refund->amount, refund->currency};
    pending.call.key = key;
    pending.call.authorization = rules::authorization_of(row->id);
  } else {
    row = store::find_payment(tx, *PaymentId::parse(std::string_view(key).substr(0, PaymentId::size)));
    if (!row || row->operation_key != key) return {};
    pending.call = call_of(*row, *operation);
  }
  pending.provider = row->provider;
  pending.waits_for_shopper = row->state == PaymentState::requires_action;
  return pending;
}

// Carries an operation to its provider. After a time-out the provider is asked what became of it; it is only called again, with the
// same key, where it says that it did nothing: the first call may still be on its way.
void Payments::call_provider(const Call& call, const std::string& key, bool ask_first, bus::Effects::Done done) {
  const auto pending = node_.db.read(call, [&](Tx& tx) { return find_pending(tx, key); });
  if (!pending) return done({bus::EffectResult::Kind::done, "", 0});  // a notice was faster
  ask_provider(*pending, ask_first, std::move(done));
}

void Payments::ask_provider(const Pending& pending, bool ask_first, bus::Effects::Done done) {
  using bus::EffectResult;
  const auto found = providers_.find(pending.provider);
  if (found == providers_.end()) {
    log::error("a payment's provider is not there any more", {{"provider", pending.provider}, {"operation", pending.call.key}});
    return done({EffectResult::Kind::again, "the provider is not there", 0});
  }
  auto& provider = *found->second;
  const auto start = [&provider, operation = pending.operation, request = pending.call](Provider::Done answered) {
    switch (operation) {
      case Operation::authorize: return provider.authorize(request, std::move(answered));
      case Operation::capture: return provider.capture(request, std::move(answered));
      case Operation::cancel: return provider.cancel(request, std::move(answered));
      case Operation::refund: return provider.refund(request, std::move(answered));
    }
  };
  if (!ask_first) return start([done = std::move(done)](Answer answer) mutable { done({EffectResult::Kind::done, json::to_text(answer), 0}); });
  const auto settle = [waits_for_shopper = pending.waits_for_shopper](bus::Effects::Done& finished, const Answer& answer) {
    if (answer.verdict == Verdict::unknown || answer.verdict == Verdict::nothing) return finished({EffectResult::Kind::again, "the provider does not answer", 0});
    if (answer.verdict == Verdict::requires_action && waits_for_shopper) return finished({EffectResult::Kind::again, "the shopper has not acted", ask_after_action_ms});
    finished({EffectResult::Kind::done, json::to_text(answer), 0});
  };
  provider.ask(pending.call.key, [start, settle, done = std::move(done)](Answer answer) mutable {
    if (answer.verdict != Verdict::nothing) return settle(done, answer);
    start([settle, done = std::move(done)](Answer second) mutable { settle(done, second); });
  });
}

Payment Payments::get(const Call& call, const PaymentId& id) {
  return node_.db.read_once(call, [&](Tx& tx) { return payment_of(get_row(tx, id)); });
}

PaymentDetail Payments::detail(const Call& call, const PaymentId& id) {
  PaymentDetail detail;
  node_.db.read(call, [&](Tx& tx) {
    static_cast<Payment&>(detail) = payment_of(get_row(tx, id));
    detail.postings = store::list_postings(tx, id);
    detail.refunds.clear();
    for (const auto& row : store::list_refunds(tx, id)) detail.refunds.push_back(admin_refund_of(row));
  });
  return detail;
}

std::vector<Payment> Payments::list_of_cart(const Call& call, const cart::CartId& id) {
  return payments_of(node_.db.read_once(call, [&](Tx& tx) { return store::list_of_cart(tx, id); }));
}

http::Listed<Payment> Payments::list(const Call& call, const ListPayments& wanted) {
  const auto before = http::cursor_as<PaymentId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  const auto order_id = wanted.filter_order_id ? std::optional<std::string>(*wanted.filter_order_id) : std::nullopt;
  http::Listed<Payment> page;
  page.data = payments_of(node_.db.read(call, [&](Tx& tx) { return store::list_payments(tx, before, wanted.filter_state, order_id, limit + 1); }));
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

std::vector<Payment> Payments::export_page(const Call& call, const ExportPayments& wanted) {
  return payments_of(node_.db.read(call, [&](Tx& tx) { return store::export_payments(tx, wanted.after, std::clamp<std::int64_t>(wanted.limit, 1, 1000)); }));
}

std::vector<AuditFinding> Payments::audit(const Call& call) {
  return node_.db.read(call, [](Tx& tx) {
    return std::vector{store::audit_entries(tx), store::audit_amounts(tx), store::audit_postings(tx), store::audit_refunds(tx), store::audit_orders(tx), store::audit_sandbox(tx)};
  });
}

}  // namespace polyshop::payment
