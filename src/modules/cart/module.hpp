#pragma once

#include "carts.hpp"

namespace polyshop::cart {

// What shoppers want: guest and customer carts with lines, addresses and a way of delivery, priced anew whenever they are
// shown. A cart says itself what is missing before it can be completed.
class Module {
 public:
  Module(Platform& platform, const catalog::Facade& catalog, const pricing::Facade& pricing, const inventory::Facade& inventory, const shipping::Facade& shipping);
  const Facade& facade() const { return facade_; }
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  Carts carts_;
  Facade facade_;
};

void add_routes(http::ModuleRoutes routes, Carts& carts);

}  // namespace polyshop::cart
