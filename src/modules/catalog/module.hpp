#pragma once

#include "categories.hpp"
#include "products.hpp"

namespace polyshop::catalog {

// What the shop sells: products with options and variants, in a tree of categories. Prices and stock are others' business.
class Module {
 public:
  explicit Module(Platform& platform);
  const Facade& facade() const { return facade_; }
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  Products products_;
  Categories categories_;
  Facade facade_;
};

void add_routes(http::ModuleRoutes routes, Products& products, Categories& categories);

}  // namespace polyshop::catalog
