#pragma once

#include "../../src/modules/auth/module.hpp"
#include "../../src/modules/catalog/module.hpp"
#include "../../src/modules/customer/module.hpp"
#include "../../src/modules/inventory/module.hpp"
#include "../../src/modules/pricing/module.hpp"
#include "../../src/modules/shipping/module.hpp"
#include "ground.hpp"
#include "program/facades.hpp"

namespace polyshop::tests {

// The modules that the command line's imports and the demo write to, as it sees them.
struct ShopGround {
  explicit ShopGround(Ground& at)
      : ground(at),
        auth(at.platform()),
        customer(at.platform(), auth.node(), auth.facade()),
        catalog(at.platform()),
        pricing(at.platform(), catalog.node(), catalog.facade()),
        inventory(at.platform(), catalog.facade()),
        shipping(at.platform()) {
    ground.open();
    facades.auth = auth.node().use(auth.facade(), "auth");
    facades.customer = customer.node().use(customer.facade(), "customer");
    facades.catalog = catalog.node().use(catalog.facade(), "catalog");
    facades.pricing = pricing.node().use(pricing.facade(), "pricing");
    facades.inventory = inventory.node().use(inventory.facade(), "inventory");
    facades.shipping = shipping.node().use(shipping.facade(), "shipping");
  }

  std::size_t events() {
    std::size_t count = 0;
    for (auto* node : ground.platform().nodes) {
      while (node->log.sequence()) {}
      count += node->log.read_after(0, 100'000).size();
    }
    return count;
  }
  std::vector<Money> prices_of(const std::string& sku) {
    for (const auto& row : facades.pricing.export_prices(ground.as_system(), {"", 1000}))
      if (row.sku == sku) return row.prices;
    return {};
  }
  std::vector<catalog::Product> products() { return facades.catalog.export_products(ground.as_system(), {{}, 500}); }

  Ground& ground;
  auth::Module auth;
  customer::Module customer;
  catalog::Module catalog;
  pricing::Module pricing;
  inventory::Module inventory;
  shipping::Module shipping;
  Facades facades;
};

}  // namespace polyshop::tests
