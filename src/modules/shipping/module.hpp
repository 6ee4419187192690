#pragma once

#include "methods.hpp"
#include "zones.hpp"

namespace polyshop::shipping {

// How goods get to where they are wanted, and what that costs: zones of countries, and methods with rates.
class Module {
 public:
  explicit Module(Platform& platform);
  const Facade& facade() const { return facade_; }
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  Zones zones_;
  Methods methods_;
  Facade facade_;
};

void add_routes(http::ModuleRoutes routes, Zones& zones, Methods& methods);

}  // namespace polyshop::shipping
