#include "suite/measure.hpp"

#include <thread>

#include <fmt/format.h>
#include <sys/resource.h>

#include "kernel/security/token.hpp"
#include "kernel/types/problem.hpp"
#include "shopload/report.hpp"
#include "shopload/usage.hpp"

namespace polyshop::bench {
namespace {

constexpr double foreign_max = 0.03;  // of a processor, by others or stolen by the host
constexpr double warmup_s = 1.5;
constexpr auto idle_time = std::chrono::seconds(2);

double own_cpu_s() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

}  // namespace

Bench::Bench(Options options) : options_(std::move(options)), folder_("polyshop-bench") {}

std::filesystem::path Bench::folder(std::string_view name) {
  const auto path = folder_.path() / name;
  std::filesystem::create_directories(path);
  return path;
}

void Bench::step(std::string_view text) const { fmt::print(stderr, "{:>6.0f} s  {}\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(), text); }

void Bench::judge(std::string_view what, double elapsed_s, double foreign_s, double stolen_s) {
  // The kernel counts in hundredths of a second, so that a short run may look a little off.
  const auto allowed = foreign_max * elapsed_s + 0.05;
  if (foreign_s > allowed || stolen_s > allowed)
    disturbed_.push_back(fmt::format("{}: in {:.1f} s other programs took {:.2f} s of CPU time and the host {:.2f} s", what, elapsed_s, std::max(0.0, foreign_s), stolen_s));
}

void Bench::watch_idle() {
  const auto machine_before = load::machine_usage();
  const auto own_before = own_cpu_s();
  const auto began = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(idle_time);
  const auto machine_after = load::machine_usage();
  judge("before anything was measured", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), machine_after.busy_s - machine_before.busy_s - (own_cpu_s() - own_before), machine_after.stolen_s - machine_before.stolen_s);
}

load::Load Bench::load_of(std::string_view scenario) const { return {&load::scenario_named(scenario), {}, options_.shoppers}; }

Measured Bench::closed(load::Ground& ground, int port, pid_t server, std::string_view scenario) { return measure(ground, port, server, {load_of(scenario)}, {warmup_s, options_.seconds}); }

Measured Bench::measure(load::Ground& ground, int port, pid_t server, const std::vector<load::Load>& loads, const load::Span& span) {
  Measured measured;
  load::Usage before;
  load::MachineUsage machine_before;
  double own_before = 0;
  std::chrono::steady_clock::time_point began;
  auto watched = span;
  watched.began = [&] {
    before = load::usage_of(server);
    machine_before = load::machine_usage();
    own_before = own_cpu_s();
    began = std::chrono::steady_clock::now();
  };
  watched.ended = [&] {
    const auto after = load::usage_of(server);
    const auto machine_after = load::machine_usage();
    measured.server_cpu_s = after.cpu_s - before.cpu_s;
    measured.resident_bytes = after.resident_bytes;
    measured.peak_bytes = after.peak_bytes;
    judge(loads.front().scenario->name, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), machine_after.busy_s - machine_before.busy_s - measured.server_cpu_s - (own_cpu_s() - own_before), machine_after.stolen_s - machine_before.stolen_s);
  };
  ground.host = fmt::format("127.0.0.1:{}", port);
  measured.loads = load::run(ground, port, loads, watched);
  for (const auto& result : measured.loads)
    if (!result.faults.empty() || result.lost > 0) throw Problem(500, "wrong_answers", fmt::format("Not every answer was right, so there is no figure:\n{}", load::table_of(result)));
  return measured;
}

double p99_ms(const load::Histogram& latency, std::string_view step) {
  if (latency.count() == 0) throw Problem(500, "no_latency", fmt::format("Not one {} was answered well in the time that was measured, so there is no latency. Was it refused, or slower than that?", step));
  return static_cast<double>(latency.at(0.99)) / 1e6;
}

TracedVisits trace_visits(Bench& bench, FilledShop& shop, std::string_view scenario, std::int64_t visits, std::size_t shoppers) {
  const auto file = bench.folder("trace") / fmt::format("{}-{}", scenario, make_token());
  auto settings = without_cache;
  settings["LD_PRELOAD"] = bench.options().tracer.string();
  settings["STATEMENT_TRACE"] = file.string();
  shop.serve(settings);
  const auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", 1'000);
  auto ground = ground_of(goods, shop);
  const auto from = settled_size(file);
  load::Load load{&load::scenario_named(scenario), {}, shoppers};
  load.visits_max = visits;
  const auto made = visits == 0 ? 0 : bench.measure(ground, shop.port(), shop.process(), {load}, {0, 600}).first().visits;
  settled_size(file);
  shop.stop();
  TracedVisits traced{read_trace(file, from), made, ground.keys};
  std::filesystem::remove(file);
  if (traced.trace.transactions.empty()) throw Problem::unavailable("no_trace", fmt::format("No statement was traced: {} does not see what the shop executes.", bench.options().tracer.string()));
  return traced;
}

load::Ground ground_of(const load::Goods& goods, const FilledShop& shop) {
  load::Ground ground{goods, load::Choice(goods.products.size(), false)};
  ground.keys = make_token().substr(0, 16);
  ground.host = fmt::format("127.0.0.1:{}", shop.port());
  ground.staff_token = shop.staff_token();
  return ground;
}

}  // namespace polyshop::bench
