#include <fmt/format.h>

#include "suite/replay.hpp"
#include "suite/suite.hpp"

// Full text search, beside a loop that executes nothing but its statements.
namespace polyshop::bench {
namespace {

constexpr std::int64_t products = 10'000;
constexpr std::int64_t traced_searches = 2'000;
constexpr std::size_t threads = 2;  // as many as the shop's connections that read: database.read_lanes

}  // namespace

Findings measure_search(Bench& bench) {
  bench.step(fmt::format("search: a shop of {} products", products));
  FilledShop shop({bench.options().program}, bench.folder("search"), products);
  auto traced = trace_visits(bench, shop, "search", traced_searches, 1);
  std::erase_if(traced.trace.transactions, [](const auto& transaction) { return transaction.where != "search.db" || !transaction.is_read(); });

  std::vector<Figure> figures{{"search", "full text search of 10,000 products, twenty results with facets", "searches/s", "bare loop", 0.5}};
  std::size_t statements = 0;
  for (const auto& transaction : traced.trace.transactions) statements += transaction.statements.size();
  figures[0].notes.push_back(fmt::format("a search executes {:.1f} statements", static_cast<double>(statements) / static_cast<double>(traced.visits)));

  shop.serve(without_cache);
  const auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", products);
  auto ground = ground_of(goods, shop);
  for (int round = 0; round < bench.options().rounds; ++round) {
    bench.step(fmt::format("search: round {}", round + 1));
    const auto measured = bench.closed(ground, shop.port(), shop.process(), "search");
    figures[0].values.push_back(measured.first().rate());
    figures[0].server_us.push_back(measured.server_us());
    const auto replayed = read_on_sqlite(traced.trace, shop.data(), threads);
    figures[0].limits.push_back(static_cast<double>(traced.visits) / replayed.seconds);
    figures[0].limit_us.push_back(1e6 * replayed.cpu_s / static_cast<double>(traced.visits));
  }
  shop.stop();
  return {std::move(figures)};
}

}  // namespace polyshop::bench
