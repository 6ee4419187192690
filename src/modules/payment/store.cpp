#include "store.hpp"

namespace polyshop::payment {

Payment payment_of(const PaymentRow& row) {
  return {row.id, row.cart_id, row.order_id, row.provider, row.state, {row.amount, row.currency}, row.authorized, row.captured, row.refunded, row.decline_code, row.action_url, row.version, row.created_ms};
}

Refund refund_of(const RefundRow& row) { return {row.id, row.payment_id, {row.amount, row.currency}, row.state, row.reason, row.version, row.created_ms}; }

}  // namespace polyshop::payment

namespace polyshop::payment::store {
namespace {

struct Count {
  std::int64_t violations = 0;
  std::string example;
};
BOOST_DESCRIBE_STRUCT(Count, (), (violations, example))

// An optional filter keeps SQLite from an index, so that an order that is asked for stands once more, by itself.
constexpr auto listed = db::shared(R"(SELECT id, cart_id, order_id, provider, token, return_url, state, operation_key, cancel_asked, amount, currency, authorized, captured, refunded, refunding, decline_code, action_url, version, created_ms
                                      FROM payment WHERE id < :before AND (cast(:state as text) IS NULL OR state = :state) AND (cast(:order_id as text) IS NULL OR order_id = :order_id) )"_part);
constexpr auto newest_first = " ORDER BY id DESC LIMIT :limit"_part;

AuditFinding finding(std::string check, Count&& count) { return {std::move(check), count.violations, std::move(count.example)}; }

}  // namespace

bool insert_payment(Tx& tx, const PaymentRow& row) {
  return tx.exec(R"(INSERT INTO payment (id, cart_id, order_id, provider, token, return_url, state, operation_key, cancel_asked, amount, currency, authorized, captured, refunded, refunding, decline_code, action_url, version, created_ms, updated_ms)
                    VALUES (:id, :cart_id, :order_id, :provider, :token, :return_url, :state, :operation_key, :cancel_asked, :amount, :currency, :authorized, :captured, :refunded, :refunding, :decline_code, :action_url, :version, :created_ms, :created_ms))"_sql,
                 row) == 1;
}

bool update_payment(Tx& tx, const PaymentRow& before, const PaymentRow& next) {
  return tx.exec(R"(UPDATE payment SET order_id = :order_id, token = :token, state = :state, operation_key = :operation_key, cancel_asked = :cancel_asked, authorized = :authorized, captured = :captured,
                      decline_code = :decline_code, action_url = :action_url, version = version + 1, updated_ms = :now
                    WHERE id = :id AND state = :state_before AND version = :version)"_sql,
                 next, tx.now(), before.state) == 1;
}

std::optional<PaymentRow> find_payment(Tx& tx, const PaymentId& id) {
  return tx.find<PaymentRow>(R"(SELECT id, cart_id, order_id, provider, token, return_url, state, operation_key, cancel_asked, amount, currency, authorized, captured, refunded, refunding, decline_code, action_url, version, created_ms
                                FROM payment WHERE id = :id)"_sql,
                             id);
}

std::int64_t count_of_cart(Tx& tx, const cart::CartId& id) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM payment WHERE cart_id = :id"_sql, id); }

std::vector<PaymentRow> list_of_cart(Tx& tx, const cart::CartId& id) {
  return tx.list<PaymentRow>(R"(SELECT id, cart_id, order_id, provider, token, return_url, state, operation_key, cancel_asked, amount, currency, authorized, captured, refunded, refunding, decline_code, action_url, version, created_ms
                                FROM payment WHERE cart_id = :id ORDER BY id DESC)"_sql,
                             id);
}

std::vector<PaymentRow> list_payments(Tx& tx, const std::optional<PaymentId>& before, const std::optional<PaymentState>& state, const std::optional<std::string>& order_id, std::int64_t limit) {
  const auto list = [&](auto statement) { return tx.list<PaymentRow>(statement, before ? before->str() : after_all_ids, state, order_id, limit); };
  return order_id ? list(db::sql(listed + "AND order_id = :order_id"_part + newest_first)) : list(db::sql(listed + newest_first));
}

std::vector<PaymentRow> export_payments(Tx& tx, const std::optional<PaymentId>& after, std::int64_t limit) {
  return tx.list<PaymentRow>(R"(SELECT id, cart_id, order_id, provider, token, return_url, state, operation_key, cancel_asked, amount, currency, authorized, captured, refunded, refunding, decline_code, action_url, version, created_ms
                                FROM payment WHERE id > :after ORDER BY id LIMIT :limit)"_sql,
                             after ? after->str() : std::string(), limit);
}

bool has_other_payment(Tx& tx, const std::string& order_id, const PaymentId& but_not) {
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM payment WHERE order_id = :order_id AND id <> :id AND state NOT IN ('created', 'declined', 'voided')"_sql, order_id, but_not) > 0;
}

std::int64_t delete_unclaimed(Tx& tx, Timestamp created_before) { return tx.exec("DELETE FROM payment WHERE state = 'created' AND created_ms < :before"_sql, created_before); }

bool hold_for_refund(Tx& tx, const PaymentId& id, std::int64_t amount) {
  return tx.exec(R"(UPDATE payment SET refunding = refunding + :amount, version = version + 1, updated_ms = :now
                    WHERE id = :id AND state = 'captured' AND captured - refunded - refunding >= :amount)"_sql,
                 amount, tx.now(), id) == 1;
}

void settle_refund(Tx& tx, const PaymentId& id, std::int64_t held, std::int64_t refunded) {
  tx.exec("UPDATE payment SET refunding = refunding - :held, refunded = refunded + :refunded, version = version + 1, updated_ms = :now WHERE id = :id"_sql, held, refunded, tx.now(), id);
}

bool insert_refund(Tx& tx, const RefundRow& row) {
  return tx.exec(R"(INSERT INTO payment_refund (id, payment_id, request_key, amount, currency, state, reason, decline_code, version, created_ms, updated_ms)
                    VALUES (:id, :payment_id, :request_key, :amount, :currency, :state, :reason, :decline_code, :version, :created_ms, :created_ms) ON CONFLICT (request_key) DO NOTHING)"_sql,
                 row) == 1;
}

bool update_refund(Tx& tx, const RefundRow& row, RefundState state, const std::string& decline_code) {
  return tx.exec(R"(UPDATE payment_refund SET state = :new_state, decline_code = :new_code, version = version + 1, updated_ms = :now
                    WHERE id = :id AND state = :state AND version = :version)"_sql,
                 row, state, decline_code, tx.now()) == 1;
}

std::optional<RefundRow> find_refund(Tx& tx, const RefundId& id) {
  return tx.find<RefundRow>("SELECT id, payment_id, request_key, amount, currency, state, reason, decline_code, version, created_ms FROM payment_refund WHERE id = :id"_sql, id);
}

std::optional<RefundRow> find_refund_of_request(Tx& tx, const std::string& request_key) {
  return tx.find<RefundRow>("SELECT id, payment_id, request_key, amount, currency, state, reason, decline_code, version, created_ms FROM payment_refund WHERE request_key = :request_key"_sql, request_key);
}

std::vector<RefundRow> list_refunds(Tx& tx, const PaymentId& id) {
  return tx.list<RefundRow>("SELECT id, payment_id, request_key, amount, currency, state, reason, decline_code, version, created_ms FROM payment_refund WHERE payment_id = :id ORDER BY id"_sql, id);
}

void insert_posting(Tx& tx, const PaymentId& id, const Posting& posting) {
  tx.exec("INSERT INTO payment_posting (entry_id, account, payment_id, currency, amount, time_ms) VALUES (:entry_id, :account, :payment, :currency, :amount, :time_ms)"_sql, posting, id);
}

std::vector<Posting> list_postings(Tx& tx, const PaymentId& id) {
  return tx.list<Posting>("SELECT entry_id, account, currency, amount, time_ms FROM payment_posting WHERE payment_id = :id ORDER BY time_ms, entry_id, account"_sql, id);
}

AuditFinding audit_entries(Tx& tx) {
  return finding("payment.entries_balance", tx.get<Count>(R"(SELECT count(*) AS violations, coalesce(min(entry_id), '') AS example
                                                             FROM (SELECT entry_id FROM payment_posting GROUP BY entry_id, currency HAVING sum(amount) <> 0) AS unbalanced)"_sql));
}

AuditFinding audit_amounts(Tx& tx) {
  return finding("payment.refunded_captured_authorized", tx.get<Count>(R"(SELECT count(*) AS violations, coalesce(min(id), '') AS example FROM payment
                                                                          WHERE NOT (0 <= refunded AND 0 <= refunding AND refunded + refunding <= captured AND captured <= authorized AND authorized <= amount))"_sql));
}

AuditFinding audit_postings(Tx& tx) {
  return finding("payment.postings_agree",
                 tx.get<Count>(R"(SELECT count(*) AS violations, coalesce(min(p.id), '') AS example
                                  FROM payment AS p LEFT JOIN (
                                    SELECT payment_id, min(currency) AS least, max(currency) AS most,
                                           sum(CASE WHEN account = 'authorized' THEN amount ELSE 0 END) AS held,
                                           sum(CASE WHEN account = 'provider' THEN amount ELSE 0 END) AS had,
                                           sum(CASE WHEN account = 'shopper' THEN amount ELSE 0 END) AS owed
                                    FROM payment_posting GROUP BY payment_id) AS s ON s.payment_id = p.id
                                  WHERE coalesce(s.held, 0) <> p.authorized - p.captured OR coalesce(s.had, 0) <> p.captured - p.refunded OR coalesce(s.owed, 0) <> p.refunded - p.authorized
                                     OR coalesce(s.least, p.currency) <> p.currency OR coalesce(s.most, p.currency) <> p.currency)"_sql));
}

AuditFinding audit_refunds(Tx& tx) {
  return finding("payment.refunds_agree",
                 tx.get<Count>(R"(SELECT count(*) AS violations, coalesce(min(p.id), '') AS example
                                  FROM payment AS p LEFT JOIN (
                                    SELECT payment_id, sum(CASE WHEN state = 'done' THEN amount ELSE 0 END) AS done, sum(CASE WHEN state IN ('pending', 'unknown') THEN amount ELSE 0 END) AS open_sum
                                    FROM payment_refund GROUP BY payment_id) AS r ON r.payment_id = p.id
                                  WHERE coalesce(r.done, 0) <> p.refunded OR coalesce(r.open_sum, 0) <> p.refunding)"_sql));
}

AuditFinding audit_orders(Tx& tx) {
  return finding("payment.one_charge_per_order",
                 tx.get<Count>(R"(SELECT count(*) AS violations, coalesce(min(order_id), '') AS example
                                  FROM (SELECT order_id FROM payment WHERE captured > 0 GROUP BY order_id HAVING count(*) > 1) AS charged_twice)"_sql));
}

// What the sandbox has in its books, where nothing is under way, is what the payments say.
AuditFinding audit_sandbox(Tx& tx) {
  return finding("payment.provider_agrees",
                 tx.get<Count>(R"(SELECT count(*) AS violations, coalesce(min(p.id), '') AS example
                                  FROM payment AS p LEFT JOIN sandbox_operation AS s ON s.operation_key = p.id || '.authorize'
                                  WHERE p.provider = 'sandbox' AND p.operation_key = '' AND p.refunding = 0
                                    AND (coalesce(s.taken, 0) <> p.captured OR coalesce(s.given_back, 0) <> p.refunded
                                      OR CASE WHEN s.verdict = 'approved' AND s.released = 0 THEN s.amount ELSE 0 END <> p.authorized))"_sql));
}

bool insert_sandbox(Tx& tx, const SandboxRow& row) {
  return tx.exec(R"(INSERT INTO sandbox_operation (operation_key, authorization_key, kind, token, return_url, amount, currency, verdict, code, taken, given_back, released, created_ms)
                    VALUES (:operation_key, :authorization_key, :kind, :token, :return_url, :amount, :currency, :verdict, :code, 0, 0, 0, :now) ON CONFLICT (operation_key) DO NOTHING)"_sql,
                 row, tx.now()) == 1;
}

std::optional<SandboxRow> find_sandbox(Tx& tx, const std::string& key) {
  return tx.find<SandboxRow>("SELECT operation_key, authorization_key, kind, token, return_url, amount, currency, verdict, code FROM sandbox_operation WHERE operation_key = :key"_sql, key);
}

bool decide_sandbox(Tx& tx, const std::string& key, Verdict verdict, const std::string& code) {
  return tx.exec("UPDATE sandbox_operation SET verdict = :verdict, code = :code WHERE operation_key = :key AND verdict = 'nothing'"_sql, verdict, code, key) == 1;
}

bool complete_sandbox(Tx& tx, const std::string& key, Verdict verdict, const std::string& code) {
  return tx.exec("UPDATE sandbox_operation SET verdict = :verdict, code = :code WHERE operation_key = :key AND verdict = 'requires_action'"_sql, verdict, code, key) == 1;
}

bool take_sandbox(Tx& tx, const std::string& authorization, std::int64_t amount) {
  return tx.exec("UPDATE sandbox_operation SET taken = :amount WHERE operation_key = :key AND verdict = 'approved' AND released = 0 AND taken = 0 AND amount >= :amount"_sql, amount, authorization) == 1;
}

bool give_back_sandbox(Tx& tx, const std::string& authorization, std::int64_t amount) {
  return tx.exec("UPDATE sandbox_operation SET given_back = given_back + :amount WHERE operation_key = :key AND taken - given_back >= :amount"_sql, amount, authorization) == 1;
}

bool release_sandbox(Tx& tx, const std::string& authorization) {
  return tx.exec(R"(UPDATE sandbox_operation SET released = 1, code = CASE WHEN verdict = 'requires_action' THEN 'cancelled' ELSE code END,
                      verdict = CASE WHEN verdict = 'requires_action' THEN 'declined' ELSE verdict END
                    WHERE operation_key = :key AND taken = 0)"_sql,
                 authorization) == 1;
}

}  // namespace polyshop::payment::store
