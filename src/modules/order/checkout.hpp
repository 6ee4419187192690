#pragma once

#include "bus/node.hpp"
#include "inventory/facade.hpp"
#include "store.hpp"

namespace polyshop::order {

struct Others {
  cart::Facade cart;
  inventory::Facade inventory;
  payment::Facade payment;
};

// What people call orders: "1000042". A process takes them in blocks, so that orders placed at the same moment do not wait
// for each other at one row; a restart leaves a gap.
class Numbers {
 public:
  explicit Numbers(bus::Node& node) : node_(node) {}
  std::string next();

 private:
  void take_block();
  bus::Node& node_;
  std::mutex mutex_;
  std::int64_t next_ = 0;
  std::int64_t end_ = 0;
  std::vector<Signal*> waiting_;  // for the next block, the first of them takes it
};

// What a completion's key stands for: the order it made or found.
struct Claim {
  OrderId order_id;
  bus::SagaId saga_id;
};
BOOST_DESCRIBE_STRUCT(Claim, (), (order_id, saga_id))

// From a cart to an order. The order is written first, as pending, with everything as it is charged; then the checkout saga
// reserves, authorizes, holds the reservation, captures, closes the cart and confirms. The goods leave by the event of the order that is placed.
class Checkout {
 public:
  Checkout(bus::Node& node, const Others& others);

  // The route's answer: the order, or how far it is. `key` opens the cart.
  http::Outcome complete(const Call& call, const cart::CartId& cart, const std::string& token);

 private:
  static http::Response shown(const Order& order, int status);
  http::Outcome answer(const Call& call, const Claim& claim, const std::optional<bus::Saga>& found, bool is_ours, bool is_replayed, Deadline give_up);
  bus::SagaDefinition definition();
  payment::Payment captured(const Call& call, const payment::PaymentId& id);

  bus::Node& node_;
  const Others& others_;
  Numbers numbers_;
};

}  // namespace polyshop::order
