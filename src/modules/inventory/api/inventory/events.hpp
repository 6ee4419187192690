#pragma once

#include "inventory/facade.hpp"

namespace polyshop::inventory {

// A SKU has come into another band. A sale within a band publishes nothing.
struct AvailabilityChanged {
  static constexpr std::string_view event_name = "inventory.availability_changed.v1";
  std::string sku;
  Band band = Band::sold_out;
  std::int64_t version = 0;
  std::string aggregate() const { return sku; }
};
BOOST_DESCRIBE_STRUCT(AvailabilityChanged, (), (sku, band, version))

}  // namespace polyshop::inventory
