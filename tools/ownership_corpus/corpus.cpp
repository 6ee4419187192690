#include "ownership_corpus/corpus.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "live/shop.hpp"
#include "ownership_check/postgresql_layers.hpp"
#include "ownership_corpus/overlay.hpp"
#include "ownership_corpus/run_time.hpp"

namespace polyshop::ownership {
namespace {

constexpr std::size_t at_a_time = 2;

bool is_expected(const Finding& finding, const Case& of) {
  const bool is_there = of.at.empty() || of.at == finding.file || of.at == fmt::format("{}:{}", finding.file, finding.line);
  return finding.code == of.expect && is_there && text_of(finding).find(of.says) != std::string::npos;
}

std::string list_of(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) text += "\n    " + text_of(finding);
  return text;
}

// Why a case did not come out as it has to.
std::string failure_of(const Outcome& outcome) {
  const auto& of = *outcome.of;
  if (of.expect == "compiler") {
    if (outcome.compiler.empty()) return "it compiles";
    return outcome.compiler.find(of.says) == std::string::npos ? "the compiler refuses it for another reason: " + outcome.compiler : "";
  }
  if (!outcome.compiler.empty()) return "it does not compile: " + outcome.compiler;
  // Another module's rows are out of reach even where nobody has looked.
  const bool touches_rows = of.expect == "OWN-SQL-1" || of.expect == "OWN-SQL-2";
  if (touches_rows && (outcome.run_time_sqlite == Outcome::RunTime::reached || outcome.run_time_postgresql == Outcome::RunTime::reached)) return "nothing stops it at run time";
  if (of.is_legal()) return outcome.findings.empty() ? "" : "it is legal, and this was found:" + list_of(outcome.findings);
  if (outcome.is_skipped || std::ranges::any_of(outcome.findings, [&](const auto& finding) { return is_expected(finding, of); })) return {};
  return fmt::format("{}{} was not found; {}", of.expect, of.at.empty() ? "" : " at " + of.at, outcome.findings.empty() ? "nothing was" : "this was:" + list_of(outcome.findings));
}

// A case while it is worked on.
struct Work {
  std::unique_ptr<Overlay> overlay;
  std::set<CompiledStatement> statements;  // of the case itself
};

std::set<CompiledStatement> statements_of_case(const Overlay& overlay, const std::string& module) {
  ModuleReport ignored;
  const Module only{module, {}, {}};
  const auto all = statements_in(only, symbols_of(overlay.tree(), only, overlay.own_units(), ignored), ignored);
  return all;
}

// A source that a case adds to has statements that are right.
bool is_complained_of(const CompiledStatement& statement, const std::vector<Finding>& findings) {
  return std::ranges::any_of(findings, [&](const auto& f) { return f.layer == Layer::statements && f.file == statement.file && f.line == statement.line; });
}

void run_on_sqlite(const Tree& tree, const Case& of, const fs::path& folder, Work& work, Outcome& outcome) {
  work.overlay = std::make_unique<Overlay>(tree, of, folder / "tree");
  outcome.compiler = work.overlay->compile();
  if (!outcome.compiler.empty()) return;
  Checker checker(work.overlay->tree());
  outcome.findings = checker.check(work.overlay->tree().module(of.module), work.overlay->units(checker)).findings;
  work.statements = statements_of_case(*work.overlay, of.module);
  for (const auto& statement : work.statements) {
    if (statement.dialect == db::Dialect::postgresql || !is_complained_of(statement, outcome.findings)) continue;
    const bool stopped = is_stopped_on_sqlite(of.module, statement, folder / "data");
    outcome.run_time_sqlite = stopped && outcome.run_time_sqlite != Outcome::RunTime::reached ? Outcome::RunTime::stopped : Outcome::RunTime::reached;
  }
}

void run_on_postgresql(const Case& of, const SqliteSchemas& of_the_tree, Work& work, PostgresqlSchemas& schemas, Outcome& outcome) {
  const auto& tree = work.overlay->tree();
  const auto& module = tree.module(of.module);
  ModuleReport report;
  std::optional<SqliteSchemas> changed;
  if (std::ranges::any_of(of.added, [](const auto& file) { return file.first.starts_with("schemas/"); })) {
    schemas.into_copy();
    changed.emplace(tree);
    check_migrations_on_postgresql(tree, module, *changed, schemas, report);
  }
  check_statements_on_postgresql(tree, module, work.statements, changed ? *changed : of_the_tree, schemas, report);
  outcome.findings.insert(outcome.findings.end(), report.findings.begin(), report.findings.end());  // also what SQLite has said already
  for (const auto& statement : work.statements) {
    if (statement.dialect == db::Dialect::sqlite || !is_complained_of(statement, outcome.findings)) continue;
    const bool stopped = is_stopped_on_postgresql(of.module, statement, schemas);
    outcome.run_time_postgresql = stopped && outcome.run_time_postgresql != Outcome::RunTime::reached ? Outcome::RunTime::stopped : Outcome::RunTime::reached;
  }
  if (changed) schemas.back();
}

}  // namespace

std::vector<Outcome> run_corpus(const Tree& tree, const std::vector<Case>& cases, const std::string& postgresql, const std::function<void(std::size_t)>& progress) {
  const live::Folder folder("polyshop-ownership");
  std::vector<Outcome> outcomes(cases.size());
  std::vector<Work> work(cases.size());
  std::atomic<std::size_t> next = 0;
  std::size_t done = 0;
  std::mutex mutex;
  const auto take = [&] {
    for (std::size_t i = next++; i < cases.size(); i = next++) {
      outcomes[i].of = &cases[i];
      try {
        run_on_sqlite(tree, cases[i], folder.path() / cases[i].name, work[i], outcomes[i]);
      } catch (const Problem& problem) {
        outcomes[i].failure = problem.detail;
      }
      const std::lock_guard lock(mutex);
      progress(++done);
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < at_a_time; ++i) threads.emplace_back(take);
  threads.clear();

  if (!postgresql.empty()) {
    PostgresqlSchemas schemas(tree, postgresql);
    const SqliteSchemas of_the_tree(tree);
    for (const auto& module : schemas.modules()) schemas.migrate(module, of_the_tree.migrations());
    for (std::size_t i = 0; i < cases.size(); ++i)
      if (outcomes[i].failure.empty() && outcomes[i].compiler.empty()) run_on_postgresql(cases[i], of_the_tree, work[i], schemas, outcomes[i]);
  }
  for (auto& outcome : outcomes) {
    outcome.is_skipped = outcome.of->only_postgresql && postgresql.empty();
    if (outcome.failure.empty()) outcome.failure = failure_of(outcome);
  }
  return outcomes;
}

std::string matrix_of(const std::vector<Outcome>& outcomes) {
  std::string text = fmt::format("{:<44}{:<13}{:>10}{:>10}{:>10}{:>12}{:>12}{:>12}\n", "case", "expected", "compiler", "includes", "symbols", "statements", "migrations", "run time");
  const auto mark = [](bool is_set) { return is_set ? "x" : "."; };
  for (const auto& outcome : outcomes) {
    if (outcome.of->is_legal()) continue;
    const auto engines_of = [&](Layer layer) {
      const auto found_by = [&](std::string_view engine) { return std::ranges::any_of(outcome.findings, [&](const auto& f) { return f.layer == layer && f.engine == engine; }); };
      return std::string(found_by("sqlite") ? "S" : "") + (found_by("postgresql") ? "P" : "") + (found_by("") ? "x" : "");
    };
    const auto letters = [](std::string found) { return found.empty() ? std::string(".") : found; };
    using RunTime = Outcome::RunTime;
    const auto at_run_time = std::string(outcome.run_time_sqlite == RunTime::stopped ? "S" : "") + (outcome.run_time_postgresql == RunTime::stopped ? "P" : "");
    text += fmt::format("{:<44}{:<13}{:>10}{:>10}{:>10}{:>12}{:>12}{:>12}\n", outcome.of->name, outcome.of->expect, mark(!outcome.compiler.empty()), letters(engines_of(Layer::includes)), letters(engines_of(Layer::symbols)),
                        letters(engines_of(Layer::statements)), letters(engines_of(Layer::migrations)), letters(at_run_time));
  }
  return text + "x: found it; S: on SQLite, P: on PostgreSQL\n";
}

}  // namespace polyshop::ownership
