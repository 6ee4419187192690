#include <fmt/format.h>

#include "suite/replay.hpp"
#include "suite/suite.hpp"

// Whole checkouts, beside a loop that executes nothing but their statements.
namespace polyshop::bench {
namespace {

constexpr std::int64_t products = 1'000;
constexpr std::int64_t traced_checkouts = 1'000;
constexpr double checkouts_per_s_min = 1'000;

}  // namespace

std::vector<Figure> measure_checkout(Bench& bench) {
  bench.step("checkout on SQLite: tracing");
  FilledShop shop({bench.options().program}, bench.folder("checkout"), products);
  const auto before = bench.folder("before");
  const auto copy = bench.folder("replayed");
  std::filesystem::copy(shop.data(), before, std::filesystem::copy_options::recursive);
  const auto traced = trace_visits(bench, shop, "checkout", traced_checkouts, bench.options().shoppers);

  std::vector<Figure> figures{
      {"checkout", "whole checkouts on SQLite, 64 shoppers", "checkouts/s", "bare loop", 0.25},
      {"checkout-rate", "whole checkouts on SQLite, 64 shoppers", "checkouts/s", "", checkouts_per_s_min},
      {"memory-checkout", "memory at the checkout peak", "MiB", "", 256, false},
  };
  std::size_t statements = 0;
  std::size_t transactions = 0;
  for (const auto& transaction : traced.trace.transactions) {
    transactions += transaction.is_write();
    for (const auto& statement : transaction.statements) statements += statement.is_write;
  }
  figures[0].notes.push_back(fmt::format("a checkout executes {:.1f} writing statements in {:.1f} transactions", static_cast<double>(statements) / static_cast<double>(traced.visits), static_cast<double>(transactions) / static_cast<double>(traced.visits)));

  shop.serve();
  const auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", products);
  auto ground = ground_of(goods, shop);
  for (int round = 0; round < bench.options().rounds; ++round) {
    bench.step(fmt::format("checkout on SQLite: round {}", round + 1));
    const auto measured = bench.closed(ground, shop.port(), shop.process(), "checkout");
    figures[0].values.push_back(measured.first().rate());
    figures[0].server_us.push_back(1e6 * measured.server_cpu_s / static_cast<double>(measured.first().visits));
    figures[1].values.push_back(measured.first().rate());
    figures[2].values.push_back(static_cast<double>(measured.peak_bytes) / (1024 * 1024));
    std::filesystem::remove_all(copy);
    std::filesystem::copy(before, copy, std::filesystem::copy_options::recursive);
    const auto replayed = replay_on_sqlite(traced.trace, copy);
    figures[0].limits.push_back(static_cast<double>(traced.visits) / replayed.seconds);
    figures[0].limit_us.push_back(1e6 * replayed.cpu_s / static_cast<double>(traced.visits));
  }
  shop.stop();
  return figures;
}

}  // namespace polyshop::bench
