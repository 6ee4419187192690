#pragma once

#include "bus/node.hpp"
#include "provider.hpp"
#include "rules.hpp"
#include "store.hpp"

namespace polyshop::payment {

struct OpenSession {
  Text<1, 40> provider;
  Text<1, 500> token;
  std::optional<Text<1, 2000>> return_url;
};
BOOST_DESCRIBE_STRUCT(OpenSession, (), (provider, token, return_url))

struct ListPayments {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<PaymentState> filter_state;
  std::optional<Text<1, 100>> filter_order_id;
};
BOOST_DESCRIBE_STRUCT(ListPayments, (), (limit, cursor, filter_state, filter_order_id))

// A refund as staff see it.
struct AdminRefund : Refund {
  std::string decline_code;  // of the provider, where failed
};
BOOST_DESCRIBE_STRUCT(AdminRefund, (Refund), (decline_code))
AdminRefund admin_refund_of(const RefundRow& row);

struct PaymentDetail : Payment {
  std::vector<AdminRefund> refunds;
  std::vector<Posting> postings;
};
BOOST_DESCRIBE_STRUCT(PaymentDetail, (Payment), (refunds, postings))

// Payments and their refunds. A change that needs the provider commits the intent and the key it is asked with, in one transaction;
// the answer comes to apply_answer(), whichever way it comes. A provider that keeps its books here answers in that transaction.
class Payments {
 public:
  struct Limits {
    std::int64_t sessions_of_cart_max = 0;
    std::int64_t unclaimed_days = 0;
  };
  Payments(bus::Node& node, const cart::Facade& cart, Limits limits);

  void add_provider(std::string name, std::unique_ptr<Provider> provider);

  Payment open_session(const Call& call, const cart::CartId& id, const std::string& cart_token, const OpenSession& wanted);
  std::vector<Payment> list_sessions(const Call& call, const cart::CartId& id, const std::string& cart_token);

  Payment authorize(const Call& call, const AuthorizePayment& wanted);
  Payment capture(const Call& call, const PaymentId& id);
  Payment cancel(const Call& call, const PaymentId& id);
  AdminRefund refund(const Call& call, const RefundPayment& wanted);
  void take_notice(const Call& call, const std::string& provider, const http::Request& request);

  Payment get(const Call& call, const PaymentId& id);
  PaymentDetail detail(const Call& call, const PaymentId& id);
  std::vector<Payment> list_of_cart(const Call& call, const cart::CartId& id);
  http::Listed<Payment> list(const Call& call, const ListPayments& wanted);
  std::vector<AdminRefund> list_refunds(const Call& call, const PaymentId& id);
  std::vector<Payment> export_page(const Call& call, const ExportPayments& wanted);
  std::vector<AuditFinding> audit(const Call& call);

 private:
  static constexpr int tries_max = 10;  // of a compare-and-set that others come before
  // A provider that timed out gets a moment to finish. A shopper takes minutes, and mostly the notice comes first.
  static constexpr Timestamp ask_after_timeout_ms = 2'000;
  static constexpr Timestamp ask_after_action_ms = 60'000;
  struct Pending;
  using Next = std::function<std::optional<PaymentRow>(Tx& tx, const PaymentRow& row)>;

  PaymentRow get_row(Tx& tx, const PaymentId& id);
  // A provider that can answers within the transaction. Any other is asked after the commit: by the caller where `asked` is given, under the key it then holds.
  PaymentRow change(Tx& tx, const PaymentId& id, const std::string& entry, const Next& next_of, std::string* asked = nullptr, bool then_capture = false);
  std::optional<PaymentRow> answered_within(Tx& tx, const PaymentRow& asking);
  PaymentRow captured_within(Tx& tx, const PaymentRow& authorized);
  Payment change_and_ask(const Call& call, const PaymentId& id, const std::string& entry, const Next& next_of, bool then_capture = false);
  void publish(Tx& tx, const PaymentRow& row);
  void apply_answer(Tx& tx, const std::string& key, const Answer& answer);
  void apply_refund_answer(Tx& tx, const RefundId& id, const Answer& answer);

  std::optional<Pending> find_pending(Tx& tx, const std::string& key);
  void call_provider(const Call& call, const std::string& key, bool ask_first, bus::Effects::Done done);
  void ask_provider(const Pending& pending, bool ask_first, bus::Effects::Done done);

  bus::Node& node_;
  const cart::Facade cart_;
  const Limits limits_;
  std::map<std::string, std::unique_ptr<Provider>, std::less<>> providers_;
};

}  // namespace polyshop::payment
