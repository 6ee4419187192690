#pragma once

#include "prices.hpp"
#include "taxes.hpp"

namespace polyshop::pricing {

// What things cost: a price list by SKU and currency, the taxes of countries, and the quote that explains every amount.
class Module {
 public:
  Module(Platform& platform, bus::Node& catalog_node, const catalog::Facade& catalog);
  const Facade& facade() const { return facade_; }
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  const catalog::Facade catalog_;
  Prices prices_;
  Taxes taxes_;
  Facade facade_;
};

void add_routes(http::ModuleRoutes routes, Prices& prices, Taxes& taxes);

}  // namespace polyshop::pricing
