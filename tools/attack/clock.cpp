#include "attack/load.hpp"
#include "attack/tests.hpp"

namespace polyshop::attack {

// The clock jumps, forwards and backwards, by minutes and hours, while customers buy. In the end it is as late as it ever was: what
// was to happen at some time waits for that time to come. In all it is less than the day for which keys are kept.
void jump_clock(Run& run) {
  constexpr Timestamp minute_ms = 60'000;
  const live::Folder folder("polyshop-attack");
  Ledger ledger(folder.path() / "ledger");
  Target target({.program = run.program, .engine = run.engine, .data = folder.path() / "shop"});
  Random random(run.seed);
  const auto rounds = run.rounds_of(1, 100);
  for (int round = 1; round <= rounds; ++round) {
    Load load(target.port(), [&] { return target.staff(); }, ledger, 8, run.seed, round);
    Timestamp now = 0;
    Timestamp latest = 0;
    for (int i = 0; i < 6; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 20, 250)));  // the moment that the seed chooses
      const Timestamp jumps[] = {minute_ms, 20 * minute_ms, -5 * minute_ms, -60 * minute_ms, 60 * minute_ms, 180 * minute_ms};
      const auto jump = jumps[pick(random, 0, 5)];
      target.jump(jump);
      now += jump;
      latest = std::max(latest, now);
      ++run.faults;
    }
    load.stop();
    target.jump(latest - now);
    run.checked += check(target, ledger, round, run.report);
    ++run.runs;
    run.report.progress("rounds", round, rounds);
    live::stop_if_interrupted();
  }
}

}  // namespace polyshop::attack
