#pragma once

#include <string>
#include <vector>

#include "ownership_check/tree.hpp"

namespace polyshop::ownership {

// How the build compiles a source, without a cache, and without what goes in and comes out.
struct CompileCommand {
  fs::path source;
  std::vector<std::string> arguments;  // the compiler's path first
};
// Of a module's sources. Throws Problem `no_command` where the build has not written them down.
std::vector<CompileCommand> compile_commands_of(const Tree& tree, const std::string& module);

}  // namespace polyshop::ownership
