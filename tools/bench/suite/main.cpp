#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "shopload/usage.hpp"
#include "suite/suite.hpp"

namespace polyshop::bench {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

struct Line {
  Options options;
  bool force = false;
  std::vector<std::string> groups;
  std::int64_t products = 1'000;
  std::filesystem::path folder;
};

int measure(const Line& line) {
  load::pin_to(generator_processor);
  Bench bench(line.options);
  Report report;
  const std::vector<std::pair<std::string, std::vector<Figure> (*)(Bench&)>> groups{{"reading", measure_reading}, {"search", measure_search}, {"checkout", measure_checkout}};
  for (const auto& [name, group] : groups)
    if (line.groups.empty() || std::ranges::count(line.groups, name) > 0) std::ranges::move(group(bench), std::back_inserter(report.figures));
  report.disturbed = bench.disturbed();
  fmt::print("{}", table_of(report));
  return 0;
}

int fill(const Line& line) {
  const FilledShop shop({line.options.program}, line.folder, line.products);
  fmt::print("{} products in {}, imported at {:.0f} rows/s. {} signs in with {}\n  polyshop --data {} serve\n", line.products, shop.data().string(), shop.import_rows_per_s(), staff_email, shop.password(), shop.data().string());
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app{"Measures PolyShop beside what the machine can do at all."};
  app.require_subcommand(1);
  Line line;
  line.options.program = live::program_beside_this();
  line.options.root = std::filesystem::current_path();
  line.options.tracer = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libstatement_trace.so";
  std::function<int(const Line&)> command;
  app.add_option("--polyshop", line.options.program, "The program; the one built together with this unless given")->type_name("FILE");

  auto* run = app.add_subcommand("run", "Measure figures");
  run->add_option("GROUP", line.groups);
  run->add_option("--rounds", line.options.rounds);
  run->add_option("--seconds", line.options.seconds);
  run->add_flag("--force", line.force);
  run->callback([&] { command = measure; });

  auto* filling = app.add_subcommand("fill", "Make a shop with products of two variants with prices and stock, the same every time");
  filling->add_option("PRODUCTS", line.products)->required();
  filling->add_option("FOLDER", line.folder, "Where it is put")->required();
  filling->callback([&] { command = fill; });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  live::take_signals();
  try {
    return command(line);
  } catch (const Problem& problem) {
    fmt::print(stderr, "bench: {}\n", problem.detail);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: {}\n", error.what());
  }
  return exit_failed;
}

}  // namespace
}  // namespace polyshop::bench

int main(int argc, char** argv) { return polyshop::bench::run(argc, argv); }
