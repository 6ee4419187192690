#pragma once

#include "payments.hpp"

namespace polyshop::payment {

// What orders are paid with: sessions that shoppers open, authorizations, captures, cancellations and refunds at providers, with
// books of every cent.
class Module {
 public:
  Module(Platform& platform, const cart::Facade& cart);
  ~Module();
  const Facade& facade() const { return facade_; }
  bus::Node& node() { return node_; }
  // Before the node is opened. A name that is taken is replaced.
  void add_provider(std::string name, std::unique_ptr<Provider> provider) { payments_.add_provider(std::move(name), std::move(provider)); }

 private:
  bus::Node node_;
  Payments payments_;
  Facade facade_;
};

void add_routes(http::ModuleRoutes routes, Payments& payments);

}  // namespace polyshop::payment
