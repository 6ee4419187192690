#pragma once

#include <string>

#include "ownership_check/tree.hpp"

namespace polyshop::ownership {

// What a module does instead of taking another's data: the operations and events that the owner offers, and what has to be
// declared for it; or how to turn the call around where the owner uses the module already.
std::string advice_for(const Tree& tree, const std::string& module, const std::string& owner, bool writes);

}  // namespace polyshop::ownership
