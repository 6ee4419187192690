#pragma once

#include <functional>

#include "ownership_check/finding.hpp"
#include "ownership_check/tree.hpp"
#include "ownership_corpus/case.hpp"

namespace polyshop::ownership {

// What became of a case.
struct Outcome {
  enum class RunTime { nothing_to_run, stopped, reached };
  const Case* of = nullptr;
  std::string failure;            // why it did not come out as it has to, or nothing
  std::string compiler;           // what the compiler said, where it did not compile
  std::vector<Finding> findings;
  RunTime run_time_sqlite = RunTime::nothing_to_run;
  RunTime run_time_postgresql = RunTime::nothing_to_run;
  bool is_skipped = false;        // for want of a server
};

// Lays every case over the tree, compiles and checks it, two at a time; then with PostgreSQL those that have something for it, where
// `postgresql` says how to connect. Calls back after each case.
std::vector<Outcome> run_corpus(const Tree& tree, const std::vector<Case>& cases, const std::string& postgresql, const std::function<void(std::size_t done)>& progress);

// Which layers stopped which case.
std::string matrix_of(const std::vector<Outcome>& outcomes);

}  // namespace polyshop::ownership
