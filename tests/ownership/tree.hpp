#pragma once

#include "ownership_check/check.hpp"

namespace polyshop::ownership {

// The one that this test was built from.
inline const Tree& tree() {
  static const Tree the_tree(POLYSHOP_OWNERSHIP_TREE);
  return the_tree;
}

}  // namespace polyshop::ownership
