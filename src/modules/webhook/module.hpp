#pragma once

#include "deliveries.hpp"

namespace polyshop::webhook {

// Events for the outside: who wants to be told of which, and what became of telling them.
class Module {
 public:
  explicit Module(Platform& platform);
  ~Module();
  // Of the events that those publish; before anything is opened.
  void tell_of(const std::vector<bus::Node*>& sources);
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  const bool allow_private_;
  Endpoints endpoints_;
  Deliveries deliveries_;
};

void add_routes(http::ModuleRoutes routes, Endpoints& endpoints, Deliveries& deliveries);

}  // namespace polyshop::webhook
