#pragma once

#include "customers.hpp"

namespace polyshop::customer {

// Customers with their addresses. Registration makes the account, the profile and a session in one call.
class Module {
 public:
  Module(Platform& platform, bus::Node& users, const auth::Facade& auth);
  const Facade& facade() const { return facade_; }
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  const auth::Facade auth_;
  Customers customers_;
  Facade facade_;
};

void add_routes(http::ModuleRoutes routes, Customers& customers);

}  // namespace polyshop::customer
