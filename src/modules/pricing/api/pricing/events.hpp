#pragma once

#include "pricing/facade.hpp"

namespace polyshop::pricing {

// All prices of a SKU as they are now.
struct PricesChanged {
  static constexpr std::string_view event_name = "pricing.prices_changed.v1";
  std::string sku;
  std::vector<Money> prices;
  std::int64_t version = 0;
  std::string aggregate() const { return sku; }
};
BOOST_DESCRIBE_STRUCT(PricesChanged, (), (sku, prices, version))

}  // namespace polyshop::pricing
