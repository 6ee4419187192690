#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "suite/catalogue.hpp"
#include "suite/suite.hpp"

// What becomes of rates when a shop grows: many products, many past orders.
namespace polyshop::bench {
namespace {

constexpr std::int64_t few = 1'000;
constexpr std::int64_t few_orders = 10'000;
constexpr double mib = 1024 * 1024;

struct Rates {
  double page = 0;
  double first_list = 0;
  double search = 0;
  double zipf = 0;  // with the cache
};

Rates rates_of(Bench& bench, FilledShop& shop, std::int64_t products) {
  Rates rates;
  shop.serve(without_cache);
  auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", static_cast<std::size_t>(products));
  goods.pages.resize(1);
  goods.words.clear();
  for (std::int64_t series = 0; series < std::min<std::int64_t>(1'000, products / series_size); ++series) goods.words.push_back(series_word(series));
  auto ground = ground_of(goods, shop);
  rates.page = bench.closed(ground, shop.port(), shop.process(), "product").first().rate();
  rates.first_list = bench.closed(ground, shop.port(), shop.process(), "list").first().rate();
  rates.search = bench.closed(ground, shop.port(), shop.process(), "search").first().rate();
  shop.stop();
  shop.serve();
  ground.choice = load::Choice(goods.products.size(), true);
  rates.zipf = bench.closed(ground, shop.port(), shop.process(), "product").first().rate();
  shop.stop();
  return rates;
}

// Places orders until there are so many.
void place(Bench& bench, load::Ground& ground, const FilledShop& shop, std::int64_t orders) {
  auto load = bench.load_of("checkout");
  load.visits_max = orders;
  bench.measure(ground, shop.port(), shop.process(), {load}, {0, 24 * 3600.0});
}

}  // namespace

Findings measure_many_products(Bench& bench) {
  const auto many = bench.options().products_max;
  const auto grown = [&](const char* name, const std::string& what, double bound) { return Figure{name, fmt::format("{}, {} products", what, many), "requests/s", "1,000 products", bound}; };
  auto page = grown("growth-page", "uncached product page", 1 / 1.5);
  auto list = grown("growth-list", "first list page, uncached", 1 / 1.5);
  auto search = grown("growth-search", "search for words that forty products have", 1 / 3.0);
  auto zipf = grown("growth-zipf", "product pages by Zipf's law with the cache of 64 MiB", 0);
  Figure imported{"import-rate", fmt::format("import of {} products until the last is in the list", many), "rows/s", "", 10'000};
  Figure memory{"import-memory", "memory of the import, command and server", "MiB", "", 128, false};

  bench.step(fmt::format("many products: {} products", few));
  FilledShop small({bench.options().program}, bench.folder("small"), few);
  std::optional<FilledShop> large;
  for (int round = 0; round < bench.options().rounds; ++round) {
    bench.step(fmt::format("many products: importing {} products, round {}", many, round + 1));
    if (large) std::filesystem::remove_all(large->data());  // some gigabytes
    large.emplace(Terms{bench.options().program}, bench.folder(fmt::format("large-{}", round + 1)), many);
    imported.values.push_back(large->import_rows_per_s());
    memory.values.push_back(static_cast<double>(large->import_peak_bytes()) / mib);
  }
  for (int round = 0; round < bench.options().rounds; ++round) {
    bench.step(fmt::format("many products: round {}", round + 1));
    const auto at_few = rates_of(bench, small, few);
    const auto at_many = rates_of(bench, *large, many);
    for (auto [figure, rate] : {std::pair{&page, &Rates::page}, {&list, &Rates::first_list}, {&search, &Rates::search}, {&zipf, &Rates::zipf}}) {
      figure->limits.push_back(at_few.*rate);
      figure->values.push_back(at_many.*rate);
    }
  }

  return {{page, list, search, zipf, imported, memory}};
}

Findings measure_many_orders(Bench& bench) {
  const auto many = bench.options().orders_max;
  Figure orders{"growth-orders", fmt::format("checkout with {} past orders", many), "checkouts/s", fmt::format("{} past orders", few_orders), 1 / 1.2};
  FilledShop small({bench.options().program}, bench.folder("orders"), few);
  small.serve();
  const auto goods = load::find_goods(small.port(), *Currency::parse("EUR"), "DE", few);
  auto ground = ground_of(goods, small);
  bench.step(fmt::format("many orders: placing {}", few_orders));
  place(bench, ground, small, few_orders);
  const auto measure = [&](std::vector<double>& values) {
    for (int round = 0; round < bench.options().rounds; ++round) values.push_back(bench.closed(ground, small.port(), small.process(), "checkout").first().rate());
  };
  measure(orders.limits);
  bench.step(fmt::format("many orders: placing {}", many));
  place(bench, ground, small, many - few_orders);
  measure(orders.values);
  small.stop();
  return {{orders}};
}

}  // namespace polyshop::bench
