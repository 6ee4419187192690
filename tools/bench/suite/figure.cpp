#include "suite/figure.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernel/json/codec.hpp"

namespace polyshop::bench {

BOOST_DESCRIBE_STRUCT(Figure, (), (name, what, unit, limit_name, bound, is_at_least, values, limits, server_us, limit_us, missing, notes))
BOOST_DESCRIBE_STRUCT(CurvePoint, (), (offered, achieved, p50_ms, p99_ms))
BOOST_DESCRIBE_STRUCT(Curve, (), (name, unit, points))
BOOST_DESCRIBE_STRUCT(Report, (), (commit, began, machine, is_forced, disturbed, figures, curves))

namespace {

std::string number(double value) { return value >= 100 ? fmt::format("{:.0f}", value) : value >= 1 ? fmt::format("{:.2f}", value) : fmt::format("{:.3f}", value); }

// "41000 (40100-41500)", or nothing.
std::string spread_text(const std::vector<double>& values) {
  if (values.empty()) return "";
  const auto spread = spread_of(values);
  if (values.size() == 1) return number(spread.median);
  return fmt::format("{} ({}-{})", number(spread.median), number(spread.min), number(spread.max));
}

std::string wanted_text(const Figure& figure) {
  const auto bound = fmt::format("{} {}", figure.is_at_least ? ">=" : "<=", number(figure.bound));
  return figure.limit_name.empty() ? bound + " " + figure.unit : bound + " x " + figure.limit_name;
}

std::string result_text(const Figure& figure) { return figure.limit_name.empty() ? number(figure.result()) : fmt::format("{:.2f}", figure.result()); }

std::string cpu_text(const Figure& figure) {
  if (figure.server_us.empty()) return "";
  auto text = number(spread_of(figure.server_us).median);
  if (!figure.limit_us.empty()) text += " / " + number(spread_of(figure.limit_us).median);
  return text;
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto middle = values.size() / 2;
  return {values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2, values.front(), values.back()};
}

double Figure::result() const {
  const auto value = spread_of(values).median;
  return limits.empty() ? value : value / spread_of(limits).median;
}

bool Figure::is_reached() const { return missing.empty() && !values.empty() && (is_at_least ? result() >= bound : result() <= bound); }

std::string table_of(const Report& report) {
  auto out = fmt::format("{:<22}{:>28}{:>28}{:>9}  {:<24}{:>14}\n", "figure", "value", "limit", "result", "wanted", "CPU us");
  for (const auto& figure : report.figures) {
    if (!figure.missing.empty()) {
      out += fmt::format("{:<22}missing: {}\n", figure.name, figure.missing);
      continue;
    }
    out += fmt::format("{:<22}{:>28}{:>28}{:>9}  {:<24}{:>14}{}\n", figure.name, spread_text(figure.values), spread_text(figure.limits), result_text(figure), wanted_text(figure), cpu_text(figure), figure.is_reached() ? "" : "  NOT REACHED");
    for (const auto& note : figure.notes) out += fmt::format("{:<22}{}\n", "", note);
  }
  for (const auto& line : report.disturbed) out += "DISTURBED " + line + '\n';
  return out;
}

std::string markdown_of(const Report& report) {
  auto out = fmt::format("Commit {}, {}. {}.\n\n", report.commit, report.began, fmt::join(report.machine, "; "));
  if (report.is_forced) out += "**The machine was busy with something else**, so these figures are lower than they would be, and more scattered.\n\n";
  out += "| figure | value | limit | result | wanted | reached | CPU us, ours / limit |\n|---|---|---|---|---|---|---|\n";
  for (const auto& figure : report.figures) {
    if (!figure.missing.empty()) {
      out += fmt::format("| {} | | | missing | {} | | {} |\n", figure.what, wanted_text(figure), figure.missing);
      continue;
    }
    out += fmt::format("| {} | {} {} | {} {} | **{}** | {} | {} | {} |\n", figure.what, spread_text(figure.values), figure.unit, spread_text(figure.limits), figure.limit_name, result_text(figure), wanted_text(figure), figure.is_reached() ? "yes" : "no", cpu_text(figure));
  }
  out += '\n';
  for (const auto& figure : report.figures)
    for (const auto& note : figure.notes) out += fmt::format("- {}: {}\n", figure.what, note);
  return out;
}

std::string json_of(const Report& report) { return json::to_text(report); }

}  // namespace polyshop::bench
