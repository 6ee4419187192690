#pragma once

#include "suite/measure.hpp"

namespace polyshop::bench {

// Puts a shop of 1,000 products under a scenario's load, as many shoppers as always in a closed loop, and draws where the
// server's time went as a flame graph. Prints the functions that it was spent in. Throws Problem where perf cannot do that here.
void profile(Bench& bench, std::string_view scenario, bool uses_cache, const std::filesystem::path& file);

}  // namespace polyshop::bench
