#pragma once

#include "locations.hpp"
#include "reservations.hpp"

namespace polyshop::inventory {

// What there is of each SKU, where it is, and for whom it is set aside. It never sells what it has not. The stock of a
// product that was removed stays: the goods exist.
class Module {
 public:
  Module(Platform& platform, const catalog::Facade& catalog);
  const Facade& facade() const { return facade_; }
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  Bands bands_;
  Locations locations_;
  Stock stock_;
  Reservations reservations_;
  Facade facade_;
};

void add_routes(http::ModuleRoutes routes, Locations& locations, Stock& stock, Reservations& reservations);

}  // namespace polyshop::inventory
