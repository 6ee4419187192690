#pragma once

#include "entries.hpp"

namespace polyshop::@module@ {

// Entries with a title.
class Module {
 public:
  explicit Module(Platform& platform);
  const Facade& facade() const { return facade_; }
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  Entries entries_;
  Facade facade_;
};

void add_routes(http::ModuleRoutes routes, Entries& entries);

}  // namespace polyshop::@module@
