#pragma once

#include "checkout.hpp"
#include "order/events.hpp"

namespace polyshop::order {

struct ListOrders {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<OrderState> filter_state;
  std::optional<Text<1, 40>> filter_number;
  std::optional<Text<1, 254>> filter_email;
};
BOOST_DESCRIBE_STRUCT(ListOrders, (), (limit, cursor, filter_state, filter_number, filter_email))

struct ListOwnOrders {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(ListOwnOrders, (), (limit, cursor))

struct CancelOrder {
  Text<1, 500> reason;
};
BOOST_DESCRIBE_STRUCT(CancelOrder, (), (reason))

// Orders once they exist: reading them, and cancelling one, which refunds what was paid and brings the goods back.
class Orders {
 public:
  Orders(bus::Node& node, const Others& others);

  Order get(const Call& call, const OrderId& id);                                       // whoever asks
  Order get_own(const Call& call, const OrderId& id, const std::string& cart_token);    // a customer's, or a guest's with the cart's token
  http::Listed<Order> list(const Call& call, const ListOrders& wanted);
  http::Listed<Order> list_own(const Call& call, const ListOwnOrders& wanted);
  std::vector<HistoryEntry> history(const Call& call, const OrderId& id);
  http::Outcome cancel(const Call& call, const OrderId& id, const CancelOrder& wanted);
  std::vector<Cancellation> cancellations(const Call& call, const OrderId& id);
  void take_out_goods(const Call& call, std::span<const OrderPlaced> placed);  // of the stock: they are sold
  std::vector<OrderMoney> export_page(const Call& call, const ExportOrders& wanted);
  std::vector<AuditFinding> audit(const Call& call);

 private:
  http::Listed<Order> page(const Call& call, const ListOrders& wanted, const std::optional<std::string>& customer);
  http::Outcome answer(const Call& call, const Cancellation& cancellation, const bus::SagaId& saga, Deadline give_up);
  bus::SagaDefinition cancellation_saga();
  bus::Node& node_;
  const Others& others_;
};

}  // namespace polyshop::order
