#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernel/runtime/clock.hpp"
#include "kernel/types/problem.hpp"
#include "live/run_tool.hpp"
#include "shopload/usage.hpp"
#include "suite/curve.hpp"
#include "suite/machine.hpp"
#include "suite/profile.hpp"
#include "suite/suite.hpp"

namespace polyshop::bench {
namespace {

constexpr int exit_failed = 1;

struct Group {
  std::string name;
  Findings (*measure)(Bench& bench);
};

const std::vector<Group>& groups() {
  static const std::vector<Group> all{{"reading", measure_reading}, {"search", measure_search}, {"checkout", measure_checkout}, {"checkout-postgresql", measure_checkout_postgresql}, {"flash", measure_flash},
                                      {"slow-module", measure_slow_module}, {"resources", measure_resources}, {"many-products", measure_many_products}, {"many-orders", measure_many_orders}};
  return all;
}

std::vector<std::string> group_names() {
  std::vector<std::string> names;
  for (const auto& group : groups()) names.push_back(group.name);
  return names;
}

struct Line {
  Options options;
  std::vector<std::string> groups;
  bool force = false;
  bool publishes = false;
  std::filesystem::path out;
  std::int64_t products = 1'000;
  std::filesystem::path folder;
  Profiled profiled;
};

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::trunc);
  out << text;
  if (!out.flush()) throw Problem::unavailable("writing_failed", fmt::format("{} cannot be written. Name another folder with --out.", file.string()));
}

std::string file_of(const Curve& curve) {
  auto name = curve.name + ".svg";
  std::ranges::replace(name, ' ', '-');
  return name;
}

void write_all(const std::filesystem::path& folder, const Report& report) {
  std::filesystem::create_directories(folder);
  write(folder / "results.json", json_of(report) + "\n");
  write(folder / "results.md", markdown_of(report));
  for (const auto& curve : report.curves) write(folder / file_of(curve), svg_of(curve));
}

// docs/performance.md has the table and the curves between two marks.
void publish(const std::filesystem::path& root, const Report& report) {
  constexpr std::string_view from = "<!-- from here on written by tools/bench/run --publish -->\n";
  constexpr std::string_view until = "<!-- until here -->\n";
  const auto file = root / "docs/performance.md";
  std::ifstream in(file);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto begin = text.find(from);
  const auto end = text.find(until);
  if (begin == std::string::npos || end == std::string::npos || end < begin) throw Problem::unavailable("no_marks", fmt::format("{} does not have the two marks between which the results go: {} and {}", file.string(), from, until));
  auto results = markdown_of(report) + '\n';
  for (const auto& curve : report.curves) results += fmt::format("![{}](performance/{})\n\n", curve.name, file_of(curve));
  text.replace(begin + from.size(), end - begin - from.size(), results);
  write(file, text);
  write_all(root / "docs/performance", report);
}

int refuse(const std::vector<std::string>& disturbed) {
  fmt::print(stderr, "bench: the machine was busy with something else, so there is no report; run it again when it is quiet, or with --force for figures that say so.\n{}\n", fmt::join(disturbed, "\n"));
  return exit_failed;
}

int measure(const Line& line) {
  load::pin_to({generator_processor});
  Bench bench(line.options);
  bench.watch_idle();
  if (!bench.disturbed().empty() && !line.force) return refuse(bench.disturbed());
  Report report;
  report.began = format_time(SystemClock().now());
  report.commit = commit_of(line.options.root);
  report.machine = machine_lines();
  bool is_whole = true;
  for (const auto& group : groups()) {
    if (!line.groups.empty() && std::ranges::count(line.groups, group.name) == 0) continue;
    try {
      auto found = group.measure(bench);
      std::ranges::move(found.figures, std::back_inserter(report.figures));
      std::ranges::move(found.curves, std::back_inserter(report.curves));
    } catch (const Problem& problem) {
      if (problem.code == "interrupted") throw;
      // The others are still worth having.
      is_whole = false;
      Figure figure{group.name, group.name, "", "", 0};
      bench.step(fmt::format("{}: {}", group.name, problem.detail));
      figure.missing = problem.detail.substr(0, problem.detail.find('\n'));  // which may go on with all that was answered
      report.figures.push_back(std::move(figure));
    }
    report.disturbed = bench.disturbed();
    report.is_forced = line.force && !report.disturbed.empty();
    if (!report.disturbed.empty() && !line.force) return refuse(report.disturbed);
    if (!line.out.empty()) write_all(line.out, report);  // as far as it has come: a later group may take an hour
  }
  fmt::print("{}", table_of(report));
  if (line.publishes) publish(line.options.root, report);
  return is_whole ? 0 : exit_failed;
}

int fill(const Line& line) {
  const FilledShop shop({line.options.program}, line.folder, line.products);
  fmt::print("{} products in {}, imported at {:.0f} rows/s. {} signs in with {}\n  polyshop --data {} serve\n", line.products, shop.data().string(), shop.import_rows_per_s(), staff_email, shop.password(), shop.data().string());
  return 0;
}

int draw_profile(const Line& line) {
  if (line.profiled.scenario != import_scenario) load::scenario_named(line.profiled.scenario);
  load::pin_to({generator_processor});
  Bench bench(line.options);
  profile(bench, line.profiled, line.out.empty() ? std::filesystem::path(line.profiled.scenario + ".svg") : line.out);
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app{"Measures PolyShop beside what the machine can do at all; docs/performance.md says how to read it."};
  app.require_subcommand(1);
  Line line;
  line.options.program = live::program_beside_this();
  line.options.root = std::filesystem::current_path();
  line.options.tracer = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libstatement_trace.so";
  std::function<int(const Line&)> command;
  app.add_option("--polyshop", line.options.program, "The program; the one built together with this unless given")->type_name("FILE");

  auto* run = app.add_subcommand("run", "Measure groups of figures, all where none is named");
  run->add_option("GROUP", line.groups, fmt::format("{}", fmt::join(group_names(), ", ")))->check(CLI::IsMember(group_names()));
  run->add_option("--rounds", line.options.rounds, "How often each figure is measured")->check(CLI::Range(1, 100))->capture_default_str();
  run->add_option("--seconds", line.options.seconds, "How long each time")->check(CLI::Range(0.5, 600.0))->capture_default_str();
  run->add_option("--overload-seconds", line.options.overload_s, "How long too much is offered")->capture_default_str();
  run->add_option("--products", line.options.products_max, "To how many products a shop grows")->check(CLI::Range(2'000, 10'000'000))->capture_default_str();
  run->add_option("--orders", line.options.orders_max, "To how many orders")->check(CLI::Range(20'000, 100'000'000))->capture_default_str();
  run->add_option("--out", line.out, "A folder for the figures as JSON and Markdown, and curves as SVG");
  run->add_flag("--publish", line.publishes, "Put the figures into docs/performance.md and docs/performance/");
  run->add_flag("--force", line.force, "Report although the machine was busy with something else; the report says so");
  run->callback([&] { command = measure; });

  auto* filling = app.add_subcommand("fill", "Make a shop with products of two variants with prices and stock, the same every time");
  filling->add_option("PRODUCTS", line.products, "How many")->required();
  filling->add_option("FOLDER", line.folder, "Where it is put")->required();
  filling->callback([&] { command = fill; });

  auto* profiling = app.add_subcommand("profile", "Draw where time goes in a scenario of shopload, or in an import, as a flame graph");
  profiling->add_option("SCENARIO", line.profiled.scenario, "product, list, search, checkout, ... as shopload knows them, or import")->required();
  profiling->add_option("--seconds", line.options.seconds, "How long to record a scenario")->capture_default_str();
  profiling->add_option("--shoppers", line.options.shoppers, "Connections")->capture_default_str();
  profiling->add_option("--rate", line.profiled.rate, "Offer so many visits a second, in the place of a closed loop");
  profiling->add_option("--products", line.profiled.products, "In the shop: 1,000 unless given, and 50,000 that are imported")->check(CLI::Range(1'000, 10'000'000));
  profiling->add_flag("--postgresql", line.profiled.is_on_postgresql, "On PostgreSQL, and its time beside the shop's");
  profiling->add_flag_callback("--without-cache", [&] { line.profiled.uses_cache = false; }, "With the response cache off");
  profiling->add_option("--out", line.out, "The drawing; SCENARIO.svg unless given");
  profiling->callback([&] { command = draw_profile; });
  return live::run_tool(app, argc, argv, "bench", exit_failed, [&] { return command(line); });
}

}  // namespace
}  // namespace polyshop::bench

int main(int argc, char** argv) { return polyshop::bench::run(argc, argv); }
