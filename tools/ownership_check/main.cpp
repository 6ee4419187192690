#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kernel/db/statement_trace.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/types/problem.hpp"
#include "ownership_check/check.hpp"

namespace polyshop::ownership {
namespace {

constexpr int exit_violated = 1;
constexpr int exit_usage = 2;

struct Options {
  fs::path tree;
  std::vector<std::string> modules;
  fs::path stamp;
  fs::path unexecuted;
  std::string postgresql;
  bool json = false;
};

struct TreeReport {
  Counts counts;
  std::vector<ModuleReport> modules;
};
BOOST_DESCRIBE_STRUCT(TreeReport, (), (counts, modules))

// Schemas of nobody would be run by nobody, and looked at by nobody.
void find_stray_schemas(const Tree& tree, TreeReport& report) {
  ModuleReport strays;
  strays.module = "nobody";
  for (const auto& migration : read_migrations(tree))
    if (migration.owner != "bus" && !tree.modules.contains(migration.owner))
      strays.findings.push_back({"OWN-MIG-8", Layer::migrations, "", migration.owner, migration.place, 0, fmt::format("there is no module {}", migration.owner), migration.place, "", "", "declare it in src/modules/CMakeLists.txt, or put the file into the schemas of a module that is"});
  if (!strays.findings.empty()) report.modules.push_back(std::move(strays));
}

TreeReport check(const Options& options) {
  const Tree tree(options.tree);
  Checker checker(tree);
  TreeReport report;
  if (options.modules.empty()) {
    for (const auto& [name, module] : tree.modules) report.modules.push_back(checker.check(module));
    report.modules.push_back(checker.check_bus());
    find_stray_schemas(tree, report);
  } else {
    for (const auto& name : options.modules) report.modules.push_back(checker.check(tree.module(name)));
  }
  if (!options.postgresql.empty()) {
    PostgresqlSchemas schemas(tree, options.postgresql);
    checker.check_on(schemas, report.modules);
  }
  for (const auto& module : report.modules) report.counts += module.counts;
  return report;
}

void print_text(const TreeReport& report, bool is_quiet, double seconds) {
  for (const auto& module : report.modules)
    for (const auto& finding : module.findings) fmt::print(stderr, "{}\n", text_of(finding));
  if (is_quiet) return;
  for (const auto& module : report.modules) fmt::print("{}: {}\n", module.module, text_of(module.counts));
  fmt::print("all: {}, in {:.2f} s\n", text_of(report.counts), seconds);
}

// The statements of all modules that a trace of the tests does not have. They are no violation, but nobody knows whether they work.
void print_unexecuted(const Options& options) {
  std::ifstream in(options.unexecuted);
  if (!in) throw Problem::invalid("no_trace", fmt::format("{} cannot be read. Run the tests with POLYSHOP_TEST_STATEMENT_TRACE set to it first.", options.unexecuted.string()));
  std::set<std::string> executed;
  for (std::string line; std::getline(in, line);) executed.insert(line);
  const Tree tree(options.tree);
  const Checker checker(tree);
  std::size_t count = 0, all = 0;
  for (const auto& [name, module] : tree.modules) {
    ModuleReport report;
    for (const auto& statement : statements_in(module, symbols_of(tree, module, checker.units_of(module), report), report)) {
      ++all;
      const auto line = db::trace_line(statement.file, statement.line, statement.dialect, statement.text);
      if (executed.contains(line)) continue;
      ++count;
      fmt::print("{}:{}: no test runs this statement: {}\n", statement.file, statement.line, line.substr(line.rfind('\t') + 1));
    }
    if (!report.findings.empty()) throw Problem::invalid("unreadable_object", text_of(report.findings.front()));
  }
  fmt::print("{} of {} statements are run by no test\n", count, all);
}

int run(int argc, char** argv) {
  CLI::App app{"Proves that no module touches another one's data: what it includes, which symbols it needs, whose tables its statements and migrations touch. Exits with 1 where one does."};
  Options options;
  options.tree = fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "ownership/tree.txt";
  app.add_option("--tree", options.tree, "What CMake wrote about the modules; that of this program's build unless given")->type_name("FILE");
  app.add_option("--module", options.modules, "Modules to check; all of them and the bus where none is given")->type_name("NAME");
  app.add_option("--stamp", options.stamp, "A file to write once there is nothing to complain of; then nothing is printed either")->type_name("FILE");
  app.add_option("--unexecuted", options.unexecuted, "Instead of checking, list the statements that are not in this trace of the tests")->type_name("FILE");
  app.add_option("--postgresql", options.postgresql, "Also prepare statements and run migrations there, in a database of its own: how to connect as somebody who may create databases and roles")->type_name("CONNECTION");
  app.add_flag("--json", options.json, "Print counts and findings as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  try {
    if (!options.unexecuted.empty()) {
      print_unexecuted(options);
      return 0;
    }
    const auto start = std::chrono::steady_clock::now();
    const auto report = check(options);
    const auto is_clean = std::ranges::all_of(report.modules, [](const auto& module) { return module.findings.empty(); });
    if (options.json) fmt::print("{}\n", json::to_text(report));
    else print_text(report, !options.stamp.empty(), std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    if (is_clean && !options.stamp.empty()) {
      fs::create_directories(options.stamp.parent_path());
      std::ofstream(options.stamp) << text_of(report.counts) << '\n';
    }
    return is_clean ? 0 : exit_violated;
  } catch (const Problem& problem) {
    fmt::print(stderr, "ownership: {}\n", problem.detail);
  } catch (const std::exception& error) {
    fmt::print(stderr, "ownership: {}\n", error.what());
  }
  return exit_usage;
}

}  // namespace
}  // namespace polyshop::ownership

int main(int argc, char** argv) { return polyshop::ownership::run(argc, argv); }
