#pragma once

#include "bus/node.hpp"

namespace polyshop {

// The self-test at start, by what kernel/db/isolation.hpp finds. Both throw Problem 409 `not_isolated` with an error for each
// fault: the module, what its role or file allows, and what takes that away.
void check_places(const std::vector<bus::Node*>& nodes, bool shared_role);       // before anything is opened
void check_connections(const std::vector<bus::Node*>& nodes, bool shared_role);  // of open databases

}  // namespace polyshop
