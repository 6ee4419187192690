#include <fstream>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "suite/suite.hpp"

// Ten thousand shoppers for a hundred of one thing.
namespace polyshop::bench {
namespace {

constexpr std::int64_t products = 1'000;
constexpr std::int64_t on_sale = 100;
constexpr std::int64_t shoppers = 10'000;
constexpr double arriving_s = 10;
constexpr double patience_s = 60;

std::string sku_of(int round) { return fmt::format("B{:07}-S", round); }

}  // namespace

Findings measure_flash(Bench& bench) {
  bench.step("flash sale");
  const auto folder = bench.folder("flash");
  FilledShop shop({bench.options().program}, folder, products);
  const auto stock = folder / "sale.csv";
  {
    std::ofstream file(stock);
    file << "sku,quantity\n";
    for (int round = 0; round < bench.options().rounds; ++round) file << sku_of(round) << ',' << on_sale << '\n';
  }
  live::Shop(bench.options().program, shop.data(), {}).command({"import", "stock", stock.string()});
  shop.serve();
  const auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", products);

  Figure sold{"flash-sold", "flash sale: 10,000 shoppers over 10 s for 100 of one SKU: sold", "orders", "", static_cast<double>(on_sale)};
  Figure latency{"flash-p99", "flash sale: p99 of all answers", "ms", "", 100, false};
  for (int round = 0; round < bench.options().rounds; ++round) {
    auto ground = ground_of(goods, shop);
    ground.only_sku = sku_of(round);
    auto load = bench.load_of("flash");
    load.rate = static_cast<double>(shoppers) / arriving_s;
    load.shoppers = static_cast<std::size_t>(shoppers);
    load.patience_s = patience_s;
    load.visits_max = shoppers;
    const auto measured = bench.measure(ground, shop.port(), shop.process(), {load}, {0, 10 * patience_s});
    const auto& result = measured.first();
    const auto ended = [&](std::string_view ending) { return result.endings.contains(ending) ? result.endings.find(ending)->second : 0; };
    if (ended("ordered") != on_sale || ended("sold out") != shoppers - on_sale)
      latency.notes.push_back(fmt::format("round {}: {} ordered, {} sold out, {} refused for over {:.0f} s", round + 1, ended("ordered"), ended("sold out"), ended("refused"), patience_s));
    sold.values.push_back(static_cast<double>(ended("ordered")));
    // From when a request was meant to be sent: of one that was refused with 503, from its first try on.
    load::Histogram answers;
    for (const auto& step : result.steps) answers.add(step.latency);
    latency.values.push_back(p99_ms(answers, "request"));
    latency.notes.push_back(fmt::format("round {}: p99 of complete alone {:.1f} ms, all answered after {:.1f} s, {} refusals", round + 1, p99_ms(result.steps.back().latency, "complete"), result.seconds, result.refusals));
  }
  shop.stop();
  return {{sold, latency}};
}

}  // namespace polyshop::bench
