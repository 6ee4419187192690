#pragma once

#include <functional>
#include <map>
#include <optional>

#include "shopload/histogram.hpp"
#include "shopload/shopper.hpp"

namespace polyshop::load {

// Shoppers of one kind.
struct Load {
  const Scenario* scenario = nullptr;
  // Open loop: so many visits a second begin, at random times as those of people who do not know of each other, whatever has
  // become of the ones before. Otherwise a closed loop: each shopper begins the next visit when one has ended.
  std::optional<double> rate;
  std::size_t shoppers = 64;    // connections; in an open loop at most, and visits beyond wait for one
  double think_s = 0;           // the mean pause before each further request of a visit, exponentially distributed
  double patience_s = 0;        // how long who is refused (429, 503) comes again, as Retry-After says; then they leave
  std::int64_t visits_max = 0;  // no limit where 0
};

struct StepResult {
  std::string_view name;
  // From when a request was meant to be sent, however late that happened, until its whole answer was there and found right.
  Histogram latency;
  std::map<int, std::int64_t> by_status;
};

struct FaultCount {
  std::int64_t count = 0;
  std::string shown;  // of the first
};

// What happened in the time that was measured.
struct LoadResult {
  std::string_view scenario;
  double seconds = 0;
  std::int64_t answers = 0;                // right ones
  std::int64_t visits = 0;                 // that ended well
  Histogram visit;                         // a whole visit, from when it was meant to begin
  Histogram lag;                           // open loop: how late visits began; what is not the shop's doing shows here too
  std::vector<StepResult> steps;
  std::map<std::string, std::int64_t, std::less<>> endings;  // of visits: "done", "ordered", "sold out", "refused", "wrong", "lost"
  std::int64_t refusals = 0;               // 429 and 503
  std::int64_t refusals_without_retry_after = 0;
  std::int64_t lost = 0;                   // connections that ended or were silent for half a minute before the answer was there
  std::int64_t unstarted = 0;              // visits that still waited for a connection at the end
  std::map<std::string, FaultCount> faults;
  std::vector<std::int64_t> visits_by_second;

  double rate() const { return static_cast<double>(visits) / seconds; }
  std::int64_t fault_count() const;
};

struct Span {
  double warmup_s = 1;  // not measured
  double seconds = 5;
  double drain_s = 10;  // how long visits that have begun may take to end
  std::function<void()> began{};  // called when measuring begins and ends
  std::function<void()> ended{};
};

// Sends all loads to the port of this machine, on the caller's thread. Throws Problem where it cannot work at all, such as
// with fewer descriptors than shoppers, or `interrupted`.
std::vector<LoadResult> run(Ground& ground, int port, const std::vector<Load>& loads, const Span& span);

}  // namespace polyshop::load
