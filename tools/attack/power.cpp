#include <fmt/format.h>

#include "attack/load.hpp"
#include "attack/loop_disk.hpp"
#include "attack/tests.hpp"

namespace polyshop::attack {
namespace {

constexpr int disk_mib = 512;

// Mails lie elsewhere: what confirms them confirms everything on their file system (decision 24), and would stand in for what commits owe.
Target::Options selling_on(const LoopDisk& disk, const live::Folder& folder, const Run& run) {
  return {.program = run.program, .data = disk.path() / "shop", .settings = {{"POLYSHOP_NOTIFICATION_FOLDER", (folder.path() / "mail").string()}}};
}

// Lets customers buy for a moment, cuts the power, and brings the machine back, without the shop.
void cut_while_selling(LoopDisk& disk, Target& target, Ledger& ledger, Random& random, std::uint64_t seed, int round) {
  Load load(target.port(), [&] { return target.staff(); }, ledger, 8, seed, round);
  std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 100, 1500)));  // the moment that the seed chooses
  // Who has no power does not run. Were it to, it would now and then be told that a write is on the disk whose last step, a file's new
  // size or its extents, the file system drops as it is shut down, and would acknowledge what no disk ever had.
  target.stop();
  disk.cut();
  target.crash();
  load.stop();
  disk.restore();
}

}  // namespace

void cut_power(Run& run) {
  {
    LoopDisk disk(disk_mib);
    const live::Folder folder("polyshop-attack");
    Ledger ledger(folder.path() / "ledger");
    Target target(selling_on(disk, folder, run));
    Random random(run.seed);
    const auto rounds = run.rounds_of(3, 100);
    for (int round = 1; round <= rounds; ++round) {
      cut_while_selling(disk, target, ledger, random, run.seed, round);
      ++run.faults;
      target.start();
      run.checked += check(target, ledger, round, run.report);
      ++run.runs;
      run.report.progress("power cuts", round, rounds);
      live::stop_if_interrupted();
    }
  }
  // The same without waiting for the disk has to lose something, or nothing that was found above means anything.
  std::int64_t lost = 0;
  std::int64_t acknowledged = 0;
  const auto rounds = run.is_long ? 20 : 1;
  for (int round = 1; round <= rounds; ++round) {
    LoopDisk disk(disk_mib);
    const live::Folder folder("polyshop-attack");
    Ledger ledger(folder.path() / "ledger");
    Target target(selling_on(disk, folder, run));
    target.crash();
    target.start("sqlite.synchronous_normal=on");
    Random random(run.seed);
    cut_while_selling(disk, target, ledger, random, run.seed, round);
    target.start();
    lost += count_lost(target, ledger);
    for (const auto& attempt : ledger.attempts()) acknowledged += attempt.is_placed();
    live::stop_if_interrupted();
  }
  run.report.step(fmt::format("with synchronous=NORMAL {} power cuts lost {} of {} acknowledged orders", rounds, lost, acknowledged));
  if (lost == 0) run.report.mismatch("power cuts lose nothing where commits do not wait for the disk, so this test would not see what they do");
}

}  // namespace polyshop::attack
