#pragma once

#include "orders.hpp"

namespace polyshop::order {

// Orders: the checkout that makes them, and what happens to them afterwards.
class Module {
 public:
  Module(Platform& platform, bus::Node& payments, const cart::Facade& cart, const inventory::Facade& inventory, const payment::Facade& payment);
  const Facade& facade() const { return facade_; }
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  const Others others_;
  Checkout checkout_;
  Orders orders_;
  Facade facade_;
};

void add_routes(http::ModuleRoutes routes, Checkout& checkout, Orders& orders);

}  // namespace polyshop::order
