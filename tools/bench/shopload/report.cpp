#include "shopload/report.hpp"

#include <fmt/format.h>

#include "kernel/json/codec.hpp"

namespace polyshop::load {

struct Latencies {
  std::int64_t count = 0;
  double mean_ms = 0;
  double p50_ms = 0;
  double p90_ms = 0;
  double p99_ms = 0;
  double p999_ms = 0;
  double max_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Latencies, (), (count, mean_ms, p50_ms, p90_ms, p99_ms, p999_ms, max_ms))

struct StepReport {
  std::string name;
  std::map<std::string, std::int64_t> by_status;
  Latencies latency;
};
BOOST_DESCRIBE_STRUCT(StepReport, (), (name, by_status, latency))

struct FaultReport {
  std::string what;
  std::int64_t count = 0;
  std::string shown;
};
BOOST_DESCRIBE_STRUCT(FaultReport, (), (what, count, shown))

struct LoadReport {
  std::string scenario;
  double seconds = 0;
  std::int64_t answers = 0;
  std::int64_t visits = 0;
  double visits_per_s = 0;
  Latencies visit;
  Latencies lag;
  std::vector<StepReport> steps;
  std::map<std::string, std::int64_t> endings;
  std::int64_t refusals = 0;
  std::int64_t refusals_without_retry_after = 0;
  std::int64_t lost = 0;
  std::int64_t unstarted = 0;
  std::vector<FaultReport> faults;
  std::vector<std::int64_t> visits_by_second;
};
BOOST_DESCRIBE_STRUCT(LoadReport, (), (scenario, seconds, answers, visits, visits_per_s, visit, lag, steps, endings, refusals, refusals_without_retry_after, lost, unstarted, faults, visits_by_second))

struct RunReport {
  std::vector<LoadReport> loads;
  std::optional<ServerUse> server;
};
BOOST_DESCRIBE_STRUCT(ServerUse, (), (cpu_s, resident_bytes, peak_bytes))
BOOST_DESCRIBE_STRUCT(RunReport, (), (loads, server))

namespace {

double ms(std::int64_t ns) { return static_cast<double>(ns / 100) / 1e4; }

Latencies latencies_of(const Histogram& histogram) {
  return {histogram.count(), ms(static_cast<std::int64_t>(histogram.mean())), ms(histogram.at(0.5)), ms(histogram.at(0.9)), ms(histogram.at(0.99)), ms(histogram.at(0.999)), ms(histogram.max())};
}

std::string row_of(std::string_view name, const Histogram& histogram) {
  const auto at = latencies_of(histogram);
  return fmt::format("  {:<16}{:>10}{:>10.3f}{:>10.3f}{:>10.3f}{:>10.3f}{:>10.3f}\n", name, at.count, at.p50_ms, at.p90_ms, at.p99_ms, at.p999_ms, at.max_ms);
}

LoadReport report_of(const LoadResult& result) {
  LoadReport report{std::string(result.scenario), result.seconds, result.answers, result.visits, result.rate(), latencies_of(result.visit), latencies_of(result.lag), {}, {}, result.refusals, result.refusals_without_retry_after, result.lost, result.unstarted, {}, result.visits_by_second};
  for (const auto& step : result.steps) {
    StepReport row{std::string(step.name), {}, latencies_of(step.latency)};
    for (const auto& [status, count] : step.by_status) row.by_status[std::to_string(status)] = count;
    report.steps.push_back(std::move(row));
  }
  report.endings.insert(result.endings.begin(), result.endings.end());
  for (const auto& [what, fault] : result.faults) report.faults.push_back({what, fault.count, fault.shown});
  return report;
}

}  // namespace

std::string table_of(const LoadResult& result) {
  auto out = fmt::format("{}: {:.1f} visits/s, {:.1f} answers/s over {:.1f} s\n", result.scenario, result.rate(), static_cast<double>(result.answers) / result.seconds, result.seconds);
  out += fmt::format("  {:<16}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "ms", "count", "p50", "p90", "p99", "p99.9", "max");
  for (const auto& step : result.steps)
    if (step.latency.count() > 0) out += row_of(step.name, step.latency);
  if (result.steps.size() > 1 && result.visit.count() > 0) out += row_of("whole visit", result.visit);
  if (result.lag.count() > 0) out += row_of("begun late by", result.lag);
  for (const auto& step : result.steps)
    for (const auto& [status, count] : step.by_status)
      if (status >= 400) out += fmt::format("  {} was answered {} {} times\n", step.name, status, count);
  for (const auto& [ending, count] : result.endings)
    if (ending != "done") out += fmt::format("  {} visits: {}\n", count, ending);
  if (result.refusals > 0) out += fmt::format("  {} refusals, {} of them without Retry-After\n", result.refusals, result.refusals_without_retry_after);
  if (result.lost > 0) out += fmt::format("  {} connections lost\n", result.lost);
  if (result.unstarted > 0) out += fmt::format("  {} visits never got a connection\n", result.unstarted);
  for (const auto& [what, fault] : result.faults) out += fmt::format("  WRONG {} times: {}\n    {}\n", fault.count, what, fault.shown);
  return out;
}

std::string table_of(const ServerUse& use, const LoadResult& first) {
  constexpr double mib = 1024 * 1024;
  return fmt::format("server: {:.2f} CPU s ({:.0f} %), {:.1f} us for each answer, {:.1f} MiB resident, {:.1f} MiB at its peak\n", use.cpu_s, 100 * use.cpu_s / first.seconds,
                     first.answers == 0 ? 0 : 1e6 * use.cpu_s / static_cast<double>(first.answers), static_cast<double>(use.resident_bytes) / mib, static_cast<double>(use.peak_bytes) / mib);
}

std::string json_of(const std::vector<LoadResult>& results, const std::optional<ServerUse>& use) {
  RunReport report{{}, use};
  for (const auto& result : results) report.loads.push_back(report_of(result));
  return json::to_text(report);
}

}  // namespace polyshop::load
