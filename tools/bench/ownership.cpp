#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "kernel/types/problem.hpp"
#include "live/run_tool.hpp"
#include "live/shop.hpp"
#include "ownership_corpus/compile_command.hpp"

// What the check of data ownership adds to the build of a module.
namespace polyshop::bench {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr double module_s_max = 1;
constexpr double all_s_max = 10;
constexpr int check_runs = 5;

double seconds_of(const std::vector<std::string>& arguments) {
  const auto start = steady_clock::now();
  const auto finished = live::run(arguments, {});
  if (finished.status != 0) throw Problem::unavailable("not_run", fmt::format("{} ended with status {}:\n{}", arguments.front(), finished.status, finished.output));
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

// The median of a few runs: the first may have to read from the disk what the build itself has in memory.
double check_seconds(const std::vector<std::string>& arguments) {
  std::vector<double> all;
  for (int i = 0; i < check_runs; ++i) all.push_back(seconds_of(arguments));
  std::ranges::sort(all);
  return all[all.size() / 2];
}

bool print_row(std::string_view name, double build_s, double check_s, double limit) {
  fmt::print("{:<16}{:>12.2f}{:>12.3f}{:>11.2f}%{:>12.0f}{}\n", name, build_s, check_s, 100 * check_s / build_s, limit, check_s > limit ? "  over the limit" : "");
  std::fflush(stdout);
  return check_s <= limit;
}

int measure(const fs::path& tools, const std::vector<std::string>& only) {
  const ownership::Tree tree(tools.parent_path() / "ownership/tree.txt");
  const auto checker = (tools / "ownership_check").string();
  const live::Folder folder("polyshop-bench-ownership");
  const auto object = (folder.path() / "object.o").string();
  const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  fmt::print("{:<16}{:>12}{:>12}{:>12}{:>12}\n", "module", "compile, s", "check, s", "of it", "limit, s");
  bool is_fast = true;
  double all_s = 0;
  for (const auto& [name, _] : tree.modules) {
    if (!only.empty() && std::ranges::find(only, name) == only.end()) continue;
    double build_s = 0;
    for (auto command : ownership::compile_commands_of(tree, name)) {
      if (is_terminal) fmt::print(stderr, "\rcompiling {}\033[K", command.source.lexically_relative(tree.root).string());
      command.arguments.insert(command.arguments.end(), {"-o", object, "-c", command.source.string()});
      build_s += seconds_of(command.arguments);
    }
    if (is_terminal) fmt::print(stderr, "\r\033[K");
    all_s += build_s;
    is_fast &= print_row(name, build_s, check_seconds({checker, "--module", name, "--stamp", (folder.path() / "stamp").string()}), module_s_max);
  }
  if (only.empty()) is_fast &= print_row("all", all_s, check_seconds({checker}), all_s_max);
  return is_fast ? 0 : 1;
}

int run(int argc, char** argv) {
  CLI::App app{"Measures how long the check of data ownership takes for each module, beside compiling the module without a cache, one source after the other. Exits with 1 where it is over its limit."};
  std::vector<std::string> only;
  app.add_option("--module", only, "Modules to measure; all of them unless given")->type_name("NAME");
  return live::run_tool(app, argc, argv, "ownership", 1, [&] { return measure(fs::read_symlink("/proc/self/exe").parent_path(), only); });
}

}  // namespace
}  // namespace polyshop::bench

int main(int argc, char** argv) { return polyshop::bench::run(argc, argv); }
