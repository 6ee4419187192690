#pragma once

#include "kernel/db/database.hpp"
#include "payment/facade.hpp"
#include "provider.hpp"

namespace polyshop::payment {

// A payment with what only this module knows of it.
struct PaymentRow {
  PaymentId id;
  cart::CartId cart_id;
  std::string order_id;
  std::string provider;
  std::string token;
  std::string return_url;
  PaymentState state = PaymentState::created;
  std::string operation_key;
  bool cancel_asked = false;
  std::int64_t amount = 0;
  Currency currency;
  std::int64_t authorized = 0;
  std::int64_t captured = 0;
  std::int64_t refunded = 0;
  std::int64_t refunding = 0;
  std::string decline_code;
  std::string action_url;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(PaymentRow, (), (id, cart_id, order_id, provider, token, return_url, state, operation_key, cancel_asked, amount, currency, authorized, captured, refunded, refunding, decline_code, action_url, version, created_ms))

struct RefundRow {
  RefundId id;
  PaymentId payment_id;
  std::string request_key;
  std::int64_t amount = 0;
  Currency currency;
  RefundState state = RefundState::pending;
  std::string reason;
  std::string decline_code;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(RefundRow, (), (id, payment_id, request_key, amount, currency, state, reason, decline_code, version, created_ms))

enum class Account { authorized, provider, shopper };
BOOST_DESCRIBE_ENUM(Account, authorized, provider, shopper)

struct Posting {
  std::string entry_id;
  Account account = Account::shopper;
  Currency currency;
  std::int64_t amount = 0;
  Timestamp time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Posting, (), (entry_id, account, currency, amount, time_ms))

// An operation in the sandbox's books.
struct SandboxRow {
  std::string operation_key;
  std::string authorization_key;
  std::string kind;
  std::string token;
  std::string return_url;
  std::int64_t amount = 0;
  Currency currency;
  Verdict verdict = Verdict::nothing;
  std::string code;
};
BOOST_DESCRIBE_STRUCT(SandboxRow, (), (operation_key, authorization_key, kind, token, return_url, amount, currency, verdict, code))

Payment payment_of(const PaymentRow& row);
Refund refund_of(const RefundRow& row);

}  // namespace polyshop::payment

// Every SQL statement of payment, one function each.
namespace polyshop::payment::store {

bool insert_payment(Tx& tx, const PaymentRow& row);
// Writes `next` as version + 1 where the state and version are still those of `before`.
bool update_payment(Tx& tx, const PaymentRow& before, const PaymentRow& next);
std::optional<PaymentRow> find_payment(Tx& tx, const PaymentId& id);
std::int64_t count_of_cart(Tx& tx, const cart::CartId& id);
std::vector<PaymentRow> list_of_cart(Tx& tx, const cart::CartId& id);  // the latest first
std::vector<PaymentRow> list_payments(Tx& tx, const std::optional<PaymentId>& before, const std::optional<PaymentState>& state, const std::optional<std::string>& order_id, std::int64_t limit);  // the latest first
std::vector<PaymentRow> export_payments(Tx& tx, const std::optional<PaymentId>& after, std::int64_t limit);
bool has_other_payment(Tx& tx, const std::string& order_id, const PaymentId& but_not);  // one that holds money or may come to
std::int64_t delete_unclaimed(Tx& tx, Timestamp created_before);

// Sets an amount aside for a refund where that much is captured and neither refunded nor set aside.
bool hold_for_refund(Tx& tx, const PaymentId& id, std::int64_t amount);
void settle_refund(Tx& tx, const PaymentId& id, std::int64_t held, std::int64_t refunded);

bool insert_refund(Tx& tx, const RefundRow& row);  // false where its request key was used
bool update_refund(Tx& tx, const RefundRow& row, RefundState state, const std::string& decline_code);  // where state and version are still the row's
std::optional<RefundRow> find_refund(Tx& tx, const RefundId& id);
std::optional<RefundRow> find_refund_of_request(Tx& tx, const std::string& request_key);
std::vector<RefundRow> list_refunds(Tx& tx, const PaymentId& id);

void insert_posting(Tx& tx, const PaymentId& id, const Posting& posting);
std::vector<Posting> list_postings(Tx& tx, const PaymentId& id);

AuditFinding audit_entries(Tx& tx);
AuditFinding audit_amounts(Tx& tx);
AuditFinding audit_postings(Tx& tx);
AuditFinding audit_refunds(Tx& tx);
AuditFinding audit_orders(Tx& tx);
AuditFinding audit_sandbox(Tx& tx);

bool insert_sandbox(Tx& tx, const SandboxRow& row);  // false where the key was seen before
std::optional<SandboxRow> find_sandbox(Tx& tx, const std::string& key);
bool decide_sandbox(Tx& tx, const std::string& key, Verdict verdict, const std::string& code);    // where nothing was done under the key
bool complete_sandbox(Tx& tx, const std::string& key, Verdict verdict, const std::string& code);  // where the shopper had to act
bool take_sandbox(Tx& tx, const std::string& authorization, std::int64_t amount);
bool give_back_sandbox(Tx& tx, const std::string& authorization, std::int64_t amount);
bool release_sandbox(Tx& tx, const std::string& authorization);

}  // namespace polyshop::payment::store
