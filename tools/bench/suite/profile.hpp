#pragma once

#include "suite/measure.hpp"

namespace polyshop::bench {

// What a profile is of. `import` is one more than the scenarios of shopload: products of a new shop, until the last is in the list.
struct Profiled {
  std::string scenario;
  bool uses_cache = true;
  bool is_on_postgresql = false;
  std::optional<double> rate{};            // visits a second that are offered; a closed loop where it is none
  std::optional<std::int64_t> products{};  // in the shop
};

inline constexpr std::string_view import_scenario = "import";

// Draws where time went as a flame graph, and prints the functions that it was spent in. Of a scenario it is the server's under
// load; of an import, and on PostgreSQL, that of all programs of the machine. Throws Problem where perf cannot do that here.
void profile(Bench& bench, const Profiled& profiled, const std::filesystem::path& file);

}  // namespace polyshop::bench
