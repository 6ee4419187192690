#pragma once

#include <functional>
#include <set>

#include "attack/checks.hpp"
#include "attack/ledger.hpp"
#include "attack/target.hpp"
#include "live/report.hpp"

namespace polyshop::attack {

// How much is to be done, and what was.
struct Run {
  std::filesystem::path program = live::program_beside_this();
  std::string engine = "sqlite";
  bool is_long = false;
  int rounds = 0;     // 0: as many as the form has
  std::string place{};  // of failpoints: only those whose name and scope begin so, in every mode
  std::uint64_t seed = 0;
  live::Report& report;

  std::int64_t runs = 0;     // rounds, or attempts of a race
  std::int64_t faults = 0;   // that were done to the shop
  std::int64_t checked = 0;  // acknowledged orders that were looked at afterwards

  int rounds_of(int short_form, int long_form) const { return rounds > 0 ? rounds : is_long ? long_form : short_form; }
};

struct Test {
  const char* name;
  const char* what;
  bool on_postgresql;  // whether there is something to be tested on that engine
  std::function<void(Run&)> run;
};

void kill_while_selling(Run& run);
void reach_failpoints(Run& run);
void cut_power(Run& run);
void fill_disk(Run& run);
void fail_fsync(Run& run);
void stop_postgresql(Run& run);
void jump_clock(Run& run);
void race_for_last_units(Run& run);
void race_with_two_lines(Run& run);
void race_of_completions(Run& run);
void race_of_notices(Run& run);
void race_of_refunds(Run& run);
void race_with_expiry(Run& run);
void restore_while_selling(Run& run);
void simulate(Run& run);
void kill_restores(Run& run);

}  // namespace polyshop::attack
