#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "attack/tests.hpp"

namespace polyshop::attack {

// Adds what was run to a file of sums by test and engine, and keeps the seed.
void add_to_tally(const std::filesystem::path& file, const std::string& test, const Run& run, std::int64_t failures);

// A file of lines `TEST ENGINE SEED`, of runs that have failed once: they are run first, for ever.
std::vector<std::uint64_t> kept_seeds(const std::filesystem::path& file, const std::string& test, const std::string& engine);
void keep_seed(const std::filesystem::path& file, const std::string& test, const Run& run);

}  // namespace polyshop::attack
