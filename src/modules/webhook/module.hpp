#pragma once

#include "deliveries.hpp"

namespace polyshop::webhook {

// Events for the outside: who wants to be told of which, and what became of telling them.
class Module {
 public:
  // Of the events that the sources publish.
  Module(Platform& platform, std::vector<bus::Node*> sources);
  ~Module();
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  const bool allow_private_;
  Endpoints endpoints_;
  Deliveries deliveries_;
};

void add_routes(http::ModuleRoutes routes, Endpoints& endpoints, Deliveries& deliveries);

}  // namespace polyshop::webhook
