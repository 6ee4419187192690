#include "suite/profile.hpp"

#include <fstream>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "shopload/report.hpp"
#include "suite/flame.hpp"
#include "suite/machine.hpp"

namespace polyshop::bench {
namespace {

constexpr const char* perf = "/usr/bin/perf";
constexpr std::int64_t products = 1'000;
constexpr const char* sku_on_sale = "B0000000-S";
constexpr std::size_t top_lines = 25;

}  // namespace

void profile(Bench& bench, std::string_view scenario, bool uses_cache, const std::filesystem::path& file) {
  if (!std::filesystem::exists(perf)) throw Problem::unavailable("no_perf", fmt::format("There is no {}; tools/packages bench installs it.", perf));
  FilledShop shop({bench.options().program}, bench.folder("profile"), products);
  shop.serve(uses_cache ? live::Variables{} : without_cache);
  const auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", products);
  auto ground = ground_of(goods, shop);
  ground.only_sku = scenario == "flash" ? sku_on_sale : "";

  // By the clock, since virtual machines often have no counters of the processor.
  const auto recorded = bench.folder("profile") / "perf.data";
  std::optional<live::Process> recorder;
  load::Span span{1, bench.options().seconds};
  const auto load = bench.load_of(scenario);
  span.began = [&] {
    recorder.emplace(std::vector<std::string>{perf, "record", "-F", "999", "-e", "cpu-clock", "-g", "-p", std::to_string(shop.process()), "-o", recorded.string(), "--", "/bin/sleep", fmt::format("{:.1f}", bench.options().seconds)}, live::Variables{});
  };
  const auto results = load::run(ground, shop.port(), {load}, span);
  if (!results.front().faults.empty()) throw Problem(500, "wrong_answers", fmt::format("Not every answer was right, so there is no profile:\n{}", load::table_of(results.front())));
  const auto status = recorder->wait(std::chrono::seconds(30));
  std::string said;
  while (recorder->read(said, std::chrono::milliseconds(200))) {}
  if (status != 0) throw Problem::unavailable("not_recorded", fmt::format("perf cannot record here, so there is no profile:\n{}", said));
  const auto script = live::run({perf, "script", "-i", recorded.string(), "-F", "comm,ip,sym,dso"}, {});
  shop.stop();

  const auto root = frames_of(script.output);
  if (root.samples == 0) throw Problem::unavailable("no_samples", fmt::format("perf took no samples, so there is no profile:\n{}{}", said, script.output.substr(0, 500)));
  std::ofstream out(file, std::ios::trunc);
  out << flame_graph(root, fmt::format("{}, {:.0f} visits/s, commit {}", scenario, results.front().rate(), commit_of(bench.options().root)));
  if (!out.flush()) throw Problem::unavailable("writing_failed", fmt::format("{} cannot be written. Name another file with --out.", file.string()));
  fmt::print("{}\n{} samples in {}\n", top_of(root, top_lines), root.samples, file.string());
}

}  // namespace polyshop::bench
