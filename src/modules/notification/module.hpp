#pragma once

#include "messages.hpp"

namespace polyshop::notification {

// Mails to shoppers about their orders.
class Module {
 public:
  Module(Platform& platform, bus::Node& orders, const order::Facade& order);
  ~Module();
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  const order::Facade order_;
  Templates templates_;
  Messages messages_;
};

void add_routes(http::ModuleRoutes routes, Templates& templates, Messages& messages);

}  // namespace polyshop::notification
