#pragma once

#include <functional>

#include "suite/trace.hpp"

// The limits that databases set: loops that do nothing but execute what a shop executed.
namespace polyshop::bench {

struct Replayed {
  double seconds = 0;
  double cpu_s = 0;
};

// Executes the writing statements of the transactions through SQLite's C API, each file's in their order and in so many commits
// of equally many transactions, however the shop grouped them, on the server's processor, with the settings of the shop's writers.
// `folder` holds the files as they were before the trace and is changed. Throws Problem where a statement fails.
Replayed replay_on_sqlite(const Trace& trace, const std::filesystem::path& folder, std::size_t commits);

// Executes the reading transactions on so many threads at once, each its share, all columns of all rows taken.
Replayed read_on_sqlite(const Trace& trace, const std::filesystem::path& folder, std::size_t threads);

// What tells the traced run's own values from others.
struct TracedRun {
  std::string first_id;       // the 26 characters of an id that was made just before it
  std::string keys;           // what its idempotency keys start with
  std::int64_t products = 0;  // that could have been bought
};
// A pgbench script that executes the writing statements of the transactions in as many transactions. Each run of the script makes
// ids and keys of the traced run anew, and draws what it buys, so that carts are a client's own and stock is all products'.
std::string pgbench_script(const Trace& trace, const TracedRun& run);

}  // namespace polyshop::bench
