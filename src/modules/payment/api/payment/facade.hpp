#pragma once

#include "cart/facade.hpp"
#include "kernel/facade/operation.hpp"

namespace polyshop::payment {

using PaymentId = Id<"pay">;
using RefundId = Id<"ref">;

// created: a session the shopper opened. unknown: the provider was asked and did not answer; left only by asking it.
enum class PaymentState { created, authorizing, requires_action, authorized, declined, capturing, captured, voiding, voided, unknown };
BOOST_DESCRIBE_ENUM(PaymentState, created, authorizing, requires_action, authorized, declined, capturing, captured, voiding, voided, unknown)

// 0 <= refunded <= captured <= authorized, in minor units.
struct Payment {
  PaymentId id;
  cart::CartId cart_id;
  std::string order_id;            // once an order claims it
  std::string provider;
  PaymentState state = PaymentState::created;
  Money amount;
  std::int64_t authorized = 0;
  std::int64_t captured = 0;
  std::int64_t refunded = 0;
  std::string decline_code;        // of the provider, where declined
  std::string action_url;          // where requires_action: the shopper goes there
  std::int64_t version = 0;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Payment, (), (id, cart_id, order_id, provider, state, amount, authorized, captured, refunded, decline_code, action_url, version, created_ms))

struct OfCart {
  cart::CartId cart_id;
};
BOOST_DESCRIBE_STRUCT(OfCart, (), (cart_id))

struct OfPayment {
  PaymentId id;
};
BOOST_DESCRIBE_STRUCT(OfPayment, (), (id))

// Claims the payment for an order and asks the provider. Only the order that claimed it may go on with it.
struct AuthorizePayment {
  PaymentId id;
  std::string order_id;
  Money amount;  // must be the session's
  bool capture = false;  // as well, where the provider authorizes it at once and in this module's own books; otherwise capture follows
};
BOOST_DESCRIBE_STRUCT(AuthorizePayment, (), (id, order_id, amount, capture))

enum class RefundState { pending, done, failed, unknown };
BOOST_DESCRIBE_ENUM(RefundState, pending, done, failed, unknown)

struct RefundPayment {
  PaymentId id;
  std::int64_t amount = 0;  // minor units, 1 to what is captured and not refunded
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(RefundPayment, (), (id, amount, reason))

struct Refund {
  RefundId id;
  PaymentId payment_id;
  Money amount;
  RefundState state = RefundState::pending;
  std::string reason;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Refund, (), (id, payment_id, amount, state, reason, version, created_ms))

struct AuditFinding {
  std::string check;
  std::int64_t violations = 0;
  std::string example;
};
BOOST_DESCRIBE_STRUCT(AuditFinding, (), (check, violations, example))

struct ExportPayments {
  std::optional<PaymentId> after;
  std::int64_t limit = 500;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(ExportPayments, (), (after, limit))

// authorize, capture, voiding and refund wait for nobody: where the provider does not answer at once they answer the state before it
// has (authorizing, capturing, ...), and payment.payment_changed.v1 tells the rest. Repeated, they answer how it stands now.
struct Facade {
  Query<OfCart, std::vector<Payment>> list_of_cart;  // the latest first
  Query<OfPayment, Payment> get_payment;
  Command<AuthorizePayment, Payment> authorize;
  Command<OfPayment, Payment> capture;    // all that is authorized
  Command<OfPayment, Payment> cancel;     // voids an authorization; one never claimed or declined stays as it is; captured: refund it
  Command<RefundPayment, Refund> refund;
  Query<ExportPayments, std::vector<Payment>> export_payments;
  Query<Nothing, std::vector<AuditFinding>> audit;
};
BOOST_DESCRIBE_STRUCT(Facade, (), (list_of_cart, get_payment, authorize, capture, cancel, refund, export_payments, audit))

}  // namespace polyshop::payment
