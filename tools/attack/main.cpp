#include <cstdio>
#include <exception>
#include <random>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "attack/tests.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::attack {
namespace {

const Test tests[] = {
    {"kill", "kill -9 of a shop that sells", true, kill_while_selling},
    {"failpoints", "every failpoint in every mode while it sells", true, reach_failpoints},
};

int run(int argc, char** argv) {
  CLI::App app{"Does something bad to a shop of its own while customers buy, and checks that nothing acknowledged is lost and nothing doubled."};
  live::Report report("attack");
  Run run{.report = report};
  std::string name;
  std::string names;
  for (const auto& test : tests) names += fmt::format("\n  {:<12}{}", test.name, test.what);
  app.add_option("TEST", name, "One of" + names)->required();
  app.add_option("--engine", run.engine, "What keeps the shop's data; postgresql needs POLYSHOP_TEST_POSTGRESQL")->check(CLI::IsMember({"sqlite", "postgresql"}))->capture_default_str();
  app.add_flag("--long", run.is_long, "As much as counts for the tally, instead of what fits into a build");
  app.add_option("--rounds", run.rounds, "So many instead")->check(CLI::Range(1, 10'000'000));
  app.add_option("--seed", run.seed, "What the choices follow from; a new one is taken and printed unless given");
  app.add_option("--polyshop", run.program, "The program; the one built together with this unless given")->type_name("FILE");
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
  if (run.seed == 0) run.seed = std::random_device()();
  live::take_signals();
  const auto start = std::chrono::steady_clock::now();
  try {
    test->run(run);
  } catch (const Problem& problem) {
    report.mismatch(problem.detail);
  } catch (const std::exception& error) {
    report.mismatch(error.what());
  }
  report.step(fmt::format("{} on {}: {} runs, {} faults, {} acknowledged orders checked, {} failures, seed {}, {:.1f} s", name, run.engine, run.runs, run.faults, run.checked, report.mismatches(), run.seed,
                          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()));
  return report.mismatches() == 0 && !live::is_interrupted() ? 0 : 1;
}

}  // namespace
}  // namespace polyshop::attack

int main(int argc, char** argv) { return polyshop::attack::run(argc, argv); }
