#pragma once

#include "documents.hpp"
#include "storefront.hpp"

namespace polyshop::search {

// The read side of storefronts. All it has follows from what catalog, pricing and inventory say; nobody calls it.
class Module {
 public:
  Module(Platform& platform, bus::Node& catalog, bus::Node& pricing, bus::Node& inventory);
  bus::Node& node() { return node_; }
  // From where the whole of it can be made anew.
  void rebuilds_from(const catalog::Facade& catalog, const pricing::Facade& pricing, const inventory::Facade& inventory);

  // Whether the documents are what their sources say, check by check. Changes nothing but what was due anyway.
  std::vector<AuditFinding> audit(const Call& call, const catalog::Facade& catalog, const pricing::Facade& pricing, const inventory::Facade& inventory) {
    return documents_.audit(call, catalog, pricing, inventory);
  }

 private:
  bool render_marked();
  bus::Node node_;
  Documents documents_;
  Storefront storefront_;
  Timestamp rendered_ms_ = 0;  // when that was done the last time, of the steady clock
};

void add_routes(http::ModuleRoutes routes, Storefront& storefront, Progress& progress);

}  // namespace polyshop::search
