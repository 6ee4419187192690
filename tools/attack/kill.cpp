#include <fmt/format.h>

#include "attack/load.hpp"
#include "attack/tests.hpp"

namespace polyshop::attack {

// kill -9 at any moment of a shop that sells, and a look at it once it serves again.
void kill_while_selling(Run& run) {
  const live::Folder folder("polyshop-attack");
  Ledger ledger(folder.path() / "ledger");
  Target target({run.program, run.engine, folder.path() / "shop"});
  Random random(run.seed);
  const auto rounds = run.rounds_of(3, 100);
  for (int round = 1; round <= rounds; ++round) {
    Load load(target.port(), [&] { return target.staff(); }, ledger, 8, run.seed, round);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(pick(random, 100, 1500));
    while (std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    target.crash();
    load.stop();
    ++run.faults;
    target.start();
    run.checked += check(target, ledger, round, run.report);
    ++run.runs;
    run.report.progress("kills", round, rounds);
    live::stop_if_interrupted();
  }
}

}  // namespace polyshop::attack
