#pragma once

#include "@module@/facade.hpp"
#include "bus/node.hpp"

namespace polyshop::@module@ {

class Entries {
 public:
  explicit Entries(bus::Node& node) : node_(node) {}

  Entry add(const Call& call, const AddEntry& wanted);
  Entry get(const Call& call, const EntryId& id);  // throws Problem 404

 private:
  bus::Node& node_;
};

}  // namespace polyshop::@module@
