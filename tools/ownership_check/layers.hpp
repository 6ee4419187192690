#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ownership_check/compiled_statement.hpp"
#include "ownership_check/dependencies.hpp"
#include "ownership_check/finding.hpp"
#include "ownership_check/objects.hpp"
#include "ownership_check/tree.hpp"

// The layers of the checker, each a function from a module to what is wrong with it. They add to the report's counts what they
// looked at. What cannot be read is a finding, never passed over.
namespace polyshop::ownership {

// 1: what the compiler read for the module's units. `log` tells whose a library is, and what everybody may include.
void check_includes(const Tree& tree, const Module& module, const std::vector<Unit>& units, const DependencyLog& log, ModuleReport& report);

// What the units share with others. One that cannot be read becomes a finding.
struct ModuleSymbols {
  std::set<std::string> defined;
  std::map<std::string, fs::path> undefined;  // by whom
  std::map<std::string, fs::path> strong;
};
ModuleSymbols symbols_of(const Tree& tree, const Module& module, const std::vector<Unit>& units, ModuleReport& report);

// 2: what the module needs from elsewhere, and where it puts what it defines. `floor` is what kernel and bus define.
void check_symbols(const Tree& tree, const Module& module, const std::vector<Unit>& units, const ModuleSymbols& symbols, const std::set<std::string>& floor, ModuleReport& report);

}  // namespace polyshop::ownership
