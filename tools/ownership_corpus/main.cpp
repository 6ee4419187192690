#include <chrono>
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "kernel/types/problem.hpp"
#include "live/run_tool.hpp"
#include "ownership_check/tree.hpp"
#include "ownership_corpus/corpus.hpp"

namespace polyshop::ownership {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

struct Options {
  fs::path tree;
  std::string postgresql;
  std::vector<std::string> only;
};

int run_with(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  const Tree tree(options.tree);
  std::vector<Case> cases;
  for (const auto* folder : {"violations", "legal"})
    for (auto& one : read_cases(tree.root / "tests/ownership" / folder))
      if (options.only.empty() || std::ranges::find(options.only, one.name) != options.only.end()) cases.push_back(std::move(one));
  if (cases.empty()) throw Problem::invalid("no_case", "There is no case of that name. The files are in tests/ownership.");
  const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  const auto outcomes = run_corpus(tree, cases, options.postgresql, [&](std::size_t done) {
    if (is_terminal) fmt::print(stderr, "\r{} of {} cases", done, cases.size());
  });
  if (is_terminal) fmt::print(stderr, "\r\033[K");
  fmt::print("{}", matrix_of(outcomes));
  std::size_t failed = 0, skipped = 0, legal = 0;
  for (const auto& outcome : outcomes) {
    legal += outcome.of->is_legal();
    skipped += outcome.is_skipped;
    if (outcome.failure.empty()) continue;
    ++failed;
    fmt::print(stderr, "{} ({}): {}\n", outcome.of->name, outcome.of->about, outcome.failure);
  }
  fmt::print("{} violations, {} look-alikes, {} wrong, {} that need a PostgreSQL (tools/with-postgresql), in {:.1f} s\n", outcomes.size() - legal, legal, failed, skipped,
             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return failed == 0 ? 0 : exit_failed;
}

int run(int argc, char** argv) {
  CLI::App app{"Lays violations and legal look-alikes over the modules, one by one, and checks that the first are found and the second are not."};
  Options options;
  options.tree = fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "ownership/tree.txt";
  app.add_option("--tree", options.tree, "What CMake wrote about the modules; that of this program's build unless given")->type_name("FILE");
  app.add_option("--postgresql", options.postgresql, "Also there, in a database of its own: how to connect as somebody who may create databases and roles")->type_name("CONNECTION");
  app.add_option("--case", options.only, "Cases to run; all of them unless given")->type_name("NAME");
  return live::run_tool(app, argc, argv, "ownership", exit_usage, [&] { return run_with(options); });
}

}  // namespace
}  // namespace polyshop::ownership

int main(int argc, char** argv) { return polyshop::ownership::run(argc, argv); }
