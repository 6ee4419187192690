#include "ownership_check/finding.hpp"

#include <algorithm>
#include <tuple>

#include <boost/mp11.hpp>
#include <fmt/format.h>

namespace polyshop::ownership {

Counts& Counts::operator+=(const Counts& other) {
  boost::mp11::mp_for_each<boost::describe::describe_members<Counts, boost::describe::mod_any_access>>([&](auto d) { this->*d.pointer += other.*d.pointer; });
  return *this;
}

std::string text_of(const Finding& finding) {
  auto place = finding.file.empty() ? finding.module : finding.file;
  if (finding.line > 0) place += fmt::format(":{}", finding.line);
  auto text = fmt::format("{}: {}: {}", place, finding.code, finding.what);
  if (!finding.owner.empty()) text += fmt::format(", which {} owns", finding.owner);
  if (!finding.made_by.empty()) text += fmt::format(" ({})", finding.made_by);
  if (!finding.engine.empty()) text += fmt::format(" [{}]", finding.engine);
  if (!finding.advice.empty()) text += "; " + finding.advice;
  return text;
}

std::string text_of(const Counts& counts) {
  return fmt::format("{} translation units that read {} files, {} symbols, {} statements ({} prepared on SQLite, {} on PostgreSQL), {} migrations ({} run on SQLite, {} on PostgreSQL) of {} tables",
                     counts.translation_units, counts.dependencies, counts.symbols, counts.statements, counts.statements_on_sqlite, counts.statements_on_postgresql, counts.migrations,
                     counts.migrations_on_sqlite, counts.migrations_on_postgresql, counts.tables);
}

void sort_and_unite(std::vector<Finding>& findings) {
  const auto key = [](const Finding& f) { return std::tie(f.file, f.line, f.code, f.subject, f.what); };
  // Both engines say the same of a common statement: one line is enough, and it is the first one's.
  std::ranges::stable_sort(findings, [&](const auto& a, const auto& b) { return key(a) < key(b); });
  const auto same = [](const Finding& a, const Finding& b) { return a.file == b.file && a.line == b.line && a.code == b.code && a.subject == b.subject && a.what == b.what; };
  const auto doubles = std::ranges::unique(findings, same);
  findings.erase(doubles.begin(), doubles.end());
}

}  // namespace polyshop::ownership
