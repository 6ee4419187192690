#pragma once

#include "sessions.hpp"
#include "users.hpp"

namespace polyshop::auth {

// Who signs in: users of two kinds, their credentials and sessions, and the roles of staff.
class Module {
 public:
  explicit Module(Platform& platform);
  const Facade& facade() const { return facade_; }
  bus::Node& node() { return node_; }

 private:
  bus::Node node_;
  Users users_;
  Sessions sessions_;
  Facade facade_;
};

void add_routes(http::ModuleRoutes routes, Users& users, Sessions& sessions);

}  // namespace polyshop::auth
