#pragma once

#include "ownership_check/check.hpp"
#include "ownership_corpus/case.hpp"

namespace polyshop::ownership {

// A case laid over the tree: its files in a folder of their own, beside links to all others, so that an include of any kind finds
// what it would find in the tree.
class Overlay {
 public:
  Overlay(const Tree& tree, const Case& of, const fs::path& folder);

  const Tree& tree() const { return tree_; }
  // Compiles the case's sources as the module's own are. What the compiler says, or nothing where it is content.
  std::string compile();
  // The module's units with those of the case in their place.
  std::vector<Unit> units(const Checker& checker) const;
  const std::vector<Unit>& own_units() const { return units_; }

 private:
  Tree tree_;
  const Case& case_;
  std::vector<Unit> units_;
};

}  // namespace polyshop::ownership
