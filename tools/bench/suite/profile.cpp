#include "suite/profile.hpp"

#include <csignal>
#include <fstream>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "shopload/report.hpp"
#include "shopload/usage.hpp"
#include "suite/flame.hpp"
#include "suite/machine.hpp"

namespace polyshop::bench {
namespace {

constexpr const char* perf = "/usr/bin/perf";
constexpr std::int64_t products_served = 1'000;
constexpr std::int64_t products_imported = 50'000;
constexpr const char* sku_on_sale = "B0000000-S";
constexpr std::size_t top_lines = 25;
constexpr int ended_by_signal = 128 + SIGINT;

// perf from when it is made until stop().
class Recorder {
 public:
  // Of a process, or of all where it is none.
  Recorder(std::filesystem::path file, std::optional<pid_t> process) : file_(std::move(file)), process_(line_of(file_, process), live::Variables{}) {}

  Frame stop() {
    process_.signal(SIGINT);
    const auto status = process_.wait(std::chrono::seconds(30));
    std::string said;
    while (process_.read(said, std::chrono::milliseconds(200))) {}
    if (status != 0 && status != ended_by_signal) throw Problem::unavailable("not_recorded", fmt::format("perf cannot record here, so there is no profile:\n{}", said));
    const auto script = live::run({perf, "script", "-i", file_.string(), "-F", "comm,ip,sym,dso"}, {});
    auto root = frames_of(script.output);
    for (const auto* nobody : {"swapper", "perf"}) {
      const auto found = root.called.find(nobody);
      if (found == root.called.end()) continue;
      root.samples -= found->second.samples;
      root.called.erase(found);
    }
    if (root.samples == 0) throw Problem::unavailable("no_samples", fmt::format("perf took no samples, so there is no profile:\n{}{}", said, script.output.substr(0, 500)));
    return root;
  }

 private:
  // By the clock, since virtual machines often have no counters of the processor.
  static std::vector<std::string> line_of(const std::filesystem::path& file, std::optional<pid_t> process) {
    std::vector<std::string> line{perf, "record", "-F", "999", "-e", "cpu-clock", "-g", "-o", file.string()};
    if (process)
      line.insert(line.end(), {"-p", std::to_string(*process)});
    else
      line.push_back("-a");
    return line;
  }

  const std::filesystem::path file_;
  live::Process process_;
};

struct Recorded {
  Frame root;
  std::string rate;
};

Recorded record_import(Bench& bench, const Terms& terms, const Profiled& profiled, const std::filesystem::path& samples) {
  Recorder recorder(samples, {});
  const FilledShop shop(terms, bench.folder("profile"), profiled.products.value_or(products_imported));
  return {recorder.stop(), fmt::format("{:.0f} rows/s", shop.import_rows_per_s())};
}

Recorded record_visits(Bench& bench, const Terms& terms, const Profiled& profiled, const std::filesystem::path& samples) {
  const auto products = profiled.products.value_or(products_served);
  FilledShop shop(terms, bench.folder("profile"), products);
  shop.serve(profiled.uses_cache ? live::Variables{} : without_cache);
  const auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", static_cast<std::size_t>(products));
  auto ground = ground_of(goods, shop);
  ground.only_sku = profiled.scenario == "flash" ? sku_on_sale : "";
  auto load = bench.load_of(profiled.scenario);
  load.rate = profiled.rate;
  std::optional<Recorder> recorder;
  load::Span span{1, bench.options().seconds};
  span.began = [&] { recorder.emplace(samples, profiled.is_on_postgresql ? std::nullopt : std::optional(shop.process())); };
  if (profiled.is_on_postgresql) load::pin_to({server_processor, generator_processor});
  const auto results = load::run(ground, shop.port(), {load}, span);
  auto root = recorder->stop();
  if (!results.front().faults.empty()) throw Problem(500, "wrong_answers", fmt::format("Not every answer was right, so there is no profile:\n{}", load::table_of(results.front())));
  shop.stop();
  return {std::move(root), fmt::format("{:.0f} visits/s", results.front().rate())};
}

}  // namespace

void profile(Bench& bench, const Profiled& profiled, const std::filesystem::path& file) {
  if (!std::filesystem::exists(perf)) throw Problem::unavailable("no_perf", fmt::format("There is no {}; tools/packages bench installs it.", perf));
  std::optional<live::PostgresqlDatabase> database;
  if (profiled.is_on_postgresql) database.emplace();
  const Terms terms{bench.options().program, database ? database->settings() : live::Variables{}, !profiled.is_on_postgresql};
  const auto samples = bench.folder("samples") / "perf.data";
  const auto recorded = profiled.scenario == import_scenario ? record_import(bench, terms, profiled, samples) : record_visits(bench, terms, profiled, samples);
  std::ofstream out(file, std::ios::trunc);
  out << flame_graph(recorded.root, fmt::format("{}{}, {}, commit {}", profiled.scenario, database ? " on PostgreSQL" : "", recorded.rate, commit_of(bench.options().root)));
  if (!out.flush()) throw Problem::unavailable("writing_failed", fmt::format("{} cannot be written. Name another file with --out.", file.string()));
  fmt::print("{}\n{} samples in {}\n", top_of(recorded.root, top_lines), recorded.root.samples, file.string());
}

}  // namespace polyshop::bench
