#pragma once

#include "suite/figure.hpp"
#include "suite/server.hpp"
#include "suite/trace.hpp"

// A load on a server, with what the machine did meanwhile.
namespace polyshop::bench {

struct Options {
  std::filesystem::path program;  // polyshop
  std::filesystem::path root;     // of the repository
  std::filesystem::path tracer;   // trace/preload.cpp, built
  int rounds = 3;
  double seconds = 5;
  std::size_t shoppers = 64;
  double overload_s = 60;
  std::int64_t products_max = 1'000'000;  // how far shops grow
  std::int64_t orders_max = 1'000'000;
};

struct Measured {
  std::vector<load::LoadResult> loads;
  double server_cpu_s = 0;
  std::int64_t resident_bytes = 0;
  std::int64_t peak_bytes = 0;
  const load::LoadResult& first() const { return loads.front(); }
  double server_us() const { return first().answers == 0 ? 0 : 1e6 * server_cpu_s / static_cast<double>(first().answers); }
};

class Bench {
 public:
  explicit Bench(Options options);

  // Looks for two seconds whether anything else keeps the machine busy while nothing is measured.
  void watch_idle();
  // Throws Problem where an answer was wrong or lost: a figure of wrong answers is none.
  Measured measure(load::Ground& ground, int port, pid_t server, const std::vector<load::Load>& loads, const load::Span& span);
  // A closed loop of one scenario for the usual time.
  Measured closed(load::Ground& ground, int port, pid_t server, std::string_view scenario);
  load::Load load_of(std::string_view scenario) const;

  std::filesystem::path folder(std::string_view name);  // a new one for each name
  const Options& options() const { return options_; }
  const std::vector<std::string>& disturbed() const { return disturbed_; }
  void step(std::string_view text) const;  // to standard error

 private:
  void judge(std::string_view what, double elapsed_s, double foreign_s, double stolen_s);
  const Options options_;
  const live::Folder folder_;
  std::vector<std::string> disturbed_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// In ms. Throws Problem where nothing was measured: a step that nobody came to, or that was always refused, is not a fast one.
double p99_ms(const load::Histogram& latency, std::string_view step);

// What a served shop executes while visits of a scenario are made to it, or while it is idle where there are none. The shop is
// served for that, and stopped again.
struct TracedVisits {
  Trace trace;
  std::int64_t visits = 0;
  std::string keys{};  // what their idempotency keys start with
};
TracedVisits trace_visits(Bench& bench, FilledShop& shop, std::string_view scenario, std::int64_t visits, std::size_t shoppers);

// Every request is worked on: nothing is kept for the next one.
inline const live::Variables without_cache{{"POLYSHOP_HTTP_CACHE_MIB", "0"}};

// What shoppers of a filled shop stand on.
load::Ground ground_of(const load::Goods& goods, const FilledShop& shop);

}  // namespace polyshop::bench
