#include <fmt/format.h>

#include "kernel/security/token.hpp"
#include "payments.hpp"

namespace polyshop::payment {
namespace {

Problem not_refundable(const PaymentRow& row, std::int64_t amount) {
  if (row.state != PaymentState::captured) return Problem::conflict("not_captured", fmt::format("Only what is captured is refunded; this payment is {}.", json::enum_name(row.state)));
  const auto left = row.captured - row.refunded - row.refunding;
  return Problem::conflict("refund_too_large", fmt::format("{} cannot be refunded: {} of the payment are left, refunds under way taken off.", format_amount(amount, row.currency), format_amount(left, row.currency)), "/amount");
}

}  // namespace

AdminRefund admin_refund_of(const RefundRow& row) {
  AdminRefund refund;
  static_cast<Refund&>(refund) = refund_of(row);
  refund.decline_code = row.decline_code;
  return refund;
}

AdminRefund Payments::refund(const Call& call, const RefundPayment& wanted) {
  if (wanted.amount < 1) throw Problem::invalid("amount_out_of_range", "Refund an amount of at least 1 minor unit.", "/amount");
  if (wanted.reason.size() > 2000) throw Problem::invalid("too_long", "Give a reason of at most 2,000 bytes.", "/reason");
  if (rules::holds_card_number(wanted.reason)) throw Problem::invalid("card_number_refused", "Card numbers are not taken here in any field.", "/reason");
  RefundRow refund;
  refund.id = RefundId::make(call.now);
  refund.payment_id = wanted.id;
  refund.request_key = call.key.empty() ? refund.id.str() : sha256_hex(fmt::format("{}\n{}\n{}", call.actor.id, call.operation, call.key));
  refund.amount = wanted.amount;
  refund.reason = wanted.reason;
  refund.version = 1;
  refund.created_ms = call.now;
  const auto id = node_.db.write(call, [&](Tx& tx) {
    if (const auto before = store::find_refund_of_request(tx, refund.request_key)) {
      if (before->payment_id != wanted.id || before->amount != wanted.amount) throw Problem::invalid("key_reused", "This Idempotency-Key was used with another input. Use a new key for a new request.");
      return before->id;
    }
    const bool is_held = store::hold_for_refund(tx, wanted.id, wanted.amount);
    const auto row = get_row(tx, wanted.id);
    if (!is_held) throw not_refundable(row, wanted.amount);
    auto inserted = refund;
    inserted.currency = row.currency;
    if (!store::insert_refund(tx, inserted)) throw Problem::conflict("in_flight", "The same refund is being asked for by another request. Ask again in a moment.");
    node_.effects.enqueue(tx, "payment.call", refund.id.str(), refund.id.str());
    return refund.id;
  });
  return admin_refund_of(node_.db.read(call, [&](Tx& tx) { return store::find_refund(tx, id).value(); }));
}

void Payments::apply_refund_answer(Tx& tx, const RefundId& id, const Answer& answer) {
  if (answer.verdict == Verdict::nothing) return;
  for (int tries = 0; tries < tries_max; ++tries) {
    const auto refund = store::find_refund(tx, id);
    if (!refund || refund->state == RefundState::done || refund->state == RefundState::failed) return;
    const bool is_settled = answer.verdict == Verdict::approved || answer.verdict == Verdict::declined;
    if (!is_settled && refund->state == RefundState::unknown) return;
    const auto state = answer.verdict == Verdict::approved ? RefundState::done : answer.verdict == Verdict::declined ? RefundState::failed : RefundState::unknown;
    if (!store::update_refund(tx, *refund, state, is_settled ? answer.code : "")) continue;
    if (!is_settled) return node_.effects.enqueue(tx, "payment.ask", fmt::format("{}.ask.{}", id.view(), refund->version + 1), id.str(), ask_after_timeout_ms);
    store::settle_refund(tx, refund->payment_id, refund->amount, state == RefundState::done ? refund->amount : 0);
    const auto row = get_row(tx, refund->payment_id);
    auto before = row;
    before.refunded -= state == RefundState::done ? refund->amount : 0;
    for (const auto& [account, amount] : rules::postings_between(before, row)) store::insert_posting(tx, row.id, {id.str(), account, row.currency, amount, tx.now()});
    return publish(tx, row);
  }
  throw Problem::unavailable("busy", "The refund is being changed by others. Try again.");
}

std::vector<AdminRefund> Payments::list_refunds(const Call& call, const PaymentId& id) {
  return node_.db.read(call, [&](Tx& tx) {
    get_row(tx, id);
    std::vector<AdminRefund> refunds;
    for (const auto& row : store::list_refunds(tx, id)) refunds.push_back(admin_refund_of(row));
    return refunds;
  });
}

}  // namespace polyshop::payment
