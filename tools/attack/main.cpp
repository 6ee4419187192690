#include <cstdio>
#include <exception>
#include <random>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "attack/tally.hpp"
#include "attack/tests.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::attack {
namespace {

const Test tests[] = {
    {"kill", "kill -9 of a shop that sells", true, kill_while_selling},
    {"failpoints", "every failpoint in every mode while it sells", true, reach_failpoints},
    {"power", "power cuts while it sells, on a disk of its own", false, cut_power},
    {"disk", "a full disk, freed later", false, fill_disk},
    {"fsync", "a disk that does not confirm", false, fail_fsync},
    {"postgresql", "PostgreSQL is stopped, its backends are terminated, it is paused", true, stop_postgresql},
    {"clock", "the clock jumps forwards and backwards", true, jump_clock},
    {"last-units", "many want the last hundred units", true, race_for_last_units},
    {"two-lines", "carts of two lines of one SKU, of which an odd number is left", true, race_with_two_lines},
    {"completions", "two to ten completions of a cart at a time, with equal and other keys", true, race_of_completions},
    {"notices", "the provider's notices against the client's completions", true, race_of_notices},
    {"refunds", "cancellations against notices against refunds", true, race_of_refunds},
    {"expiry", "reservations that expire while they are paid", true, race_with_expiry},
    {"restore", "backups while it sells, restored elsewhere", true, restore_while_selling},
    {"simulation", "crashes and failures in hours that pass in seconds, on one thread", false, simulate},
    {"restore-kill", "restores that are cut off, at every failpoint and at any moment", true, kill_restores},
};

// Runs a test with one seed and says what came of it; answers the number of failures.
std::int64_t run_once(const Test& test, Run& run) {
  const auto start = std::chrono::steady_clock::now();
  const auto before = run.report.mismatches();
  try {
    test.run(run);
  } catch (const Problem& problem) {
    run.report.mismatch(problem.detail);
  } catch (const std::exception& error) {
    run.report.mismatch(error.what());
  }
  const auto failures = run.report.mismatches() - before;
  run.report.step(fmt::format("{} on {}: {} runs, {} faults, {} acknowledged orders checked, {} failures, seed {}, {:.1f} s", test.name, run.engine, run.runs, run.faults, run.checked, failures, run.seed,
                              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()));
  return failures;
}

int run(int argc, char** argv) {
  CLI::App app{"Does something bad to a shop of its own while customers buy, and checks that nothing acknowledged is lost and nothing doubled."};
  live::Report report("attack");
  Run wanted{.report = report};
  std::filesystem::path tally;
  std::filesystem::path seeds;
  bool ends_at_failure = false;
  std::string name;
  std::string names;
  for (const auto& test : tests) names += fmt::format("\n  {:<12}{}", test.name, test.what);
  app.add_option("TEST", name, "One of" + names)->required();
  app.add_option("--engine", wanted.engine, "What keeps the shop's data; postgresql needs POLYSHOP_TEST_POSTGRESQL")->check(CLI::IsMember({"sqlite", "postgresql"}))->capture_default_str();
  app.add_flag("--long", wanted.is_long, "As much as counts for the tally, instead of what fits into a build");
  app.add_option("--rounds", wanted.rounds, "So many instead")->check(CLI::Range(1, 10'000'000));
  app.add_option("--place", wanted.place, "Of failpoints: only those that begin so, each in every mode, such as lane.before_commit/order");
  app.add_option("--seed", wanted.seed, "What the choices follow from; a new one is taken and printed unless given");
  app.add_flag("--first-failure", ends_at_failure, "End at the first failure, and wait half a minute for what does not come to rest: for a program that is known to be wrong");
  app.add_option("--polyshop", wanted.program, "The program; the one built together with this unless given")->type_name("FILE");
  app.add_option("--tally", tally, "A file to add the figures of this run to; then seeds that fail are kept in the other file")->type_name("FILE");
  app.add_option("--seeds", seeds, "A file of seeds that have failed once, each run again first")->type_name("FILE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto test = std::ranges::find_if(tests, [&](const Test& one) { return one.name == name; });
  if (test == std::end(tests)) {
    fmt::print(stderr, "attack: there is no test {}; there are{}\n", name, names);
    return 2;
  }
  live::take_signals();
  if (ends_at_failure) {
    patience = std::chrono::seconds(30);
    report.end_at_mismatch();
  }
  auto all = kept_seeds(seeds, name, wanted.engine);
  all.push_back(wanted.seed ? wanted.seed : std::random_device()());
  for (const auto seed : all) {
    auto run = wanted;
    run.seed = seed;
    const auto failures = run_once(*test, run);
    if (live::is_interrupted()) return 1;
    if (!tally.empty()) add_to_tally(tally, name, run, failures);
    if (failures > 0 && !tally.empty() && !seeds.empty()) keep_seed(seeds, name, run);
    if (failures > 0 && tally.empty()) report.step(fmt::format("keep the seed: echo {} {} {} >>tests/attack/seeds", name, run.engine, seed));
  }
  return report.mismatches() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace polyshop::attack

int main(int argc, char** argv) { return polyshop::attack::run(argc, argv); }
