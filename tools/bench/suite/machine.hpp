#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace polyshop::bench {

// What figures depend on, a line each: processors, kernel, versions of what was measured beside the shop.
std::vector<std::string> machine_lines();

// The commit of a repository, with a note where files differ from it.
std::string commit_of(const std::filesystem::path& root);

}  // namespace polyshop::bench
