#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "suite/curve.hpp"
#include "suite/replay.hpp"
#include "suite/suite.hpp"

// Whole checkouts on SQLite, beside a loop that executes nothing but their statements; and what becomes of too many.
namespace polyshop::bench {
namespace {

constexpr std::int64_t products = 1'000;
constexpr std::int64_t traced_checkouts = 1'000;
constexpr std::int64_t checkouts_in_commit = 50;  // of the loop, on each file
constexpr Offer offered{"checkout", 2'000};
constexpr std::size_t overload_shoppers = 15'000;  // the shop takes 20,000 connections
constexpr double calm_s = 10;                      // after which an overload must have passed

// Offers several times the peak, and then half of it again. The shop has more orders by then than where its peak was looked for first, so it is
// compared with what it places a moment before.
void overload(Bench& bench, load::Ground& ground, const FilledShop& shop, double peak, double times, Figure& figure) {
  const auto peak_now = bench.closed(ground, shop.port(), shop.process(), "checkout").first().rate();
  auto load = bench.load_of("checkout");
  load.rate = times * peak;
  load.shoppers = overload_shoppers;
  const auto flooded = bench.measure(ground, shop.port(), shop.process(), {load}, {5, bench.options().overload_s, 0});
  const auto& result = flooded.first();
  figure.values.push_back(result.rate());
  figure.limits.push_back(peak_now);
  figure.notes.push_back(fmt::format("at {:.0f} times the peak {} refusals, {} of them without Retry-After", times, result.refusals, result.refusals_without_retry_after));
  load.rate = peak / 2;
  const auto after = bench.measure(ground, shop.port(), shop.process(), {load}, {calm_s, 5});
  const bool is_normal = after.first().rate() > 0.9 * *load.rate && after.first().refusals == 0;
  figure.notes.push_back(fmt::format("{:.0f} s later {} of {:.0f} offered checkouts a second: {:.0f}, p99 of complete {:.1f} ms, {} refusals", calm_s, is_normal ? "normal again," : "NOT normal again,", *load.rate, after.first().rate(),
                                     static_cast<double>(after.first().steps.back().latency.at(0.99)) / 1e6, after.first().refusals));
}

std::string statements_note(const TracedVisits& traced) {
  std::size_t statements = 0;
  std::size_t transactions = 0;
  for (const auto& transaction : traced.trace.transactions) {
    transactions += transaction.is_write();
    for (const auto& statement : transaction.statements) statements += statement.is_write;
  }
  const auto visits = static_cast<double>(traced.visits);
  return fmt::format("a checkout executes {:.1f} writing statements in {:.1f} transactions", static_cast<double>(statements) / visits, static_cast<double>(transactions) / visits);
}

}  // namespace

Findings measure_checkout(Bench& bench) {
  bench.step("checkout on SQLite: tracing");
  FilledShop shop({bench.options().program}, bench.folder("checkout"), products);
  const auto before = bench.folder("before");
  std::filesystem::copy(shop.data(), before, std::filesystem::copy_options::recursive);
  const auto traced = trace_visits(bench, shop, "checkout", traced_checkouts, bench.options().shoppers);

  Figure ratio{"checkout", "whole checkouts on SQLite, 64 shoppers", "checkouts/s", "bare loop", 0.25};
  Figure rate{"checkout-rate", "whole checkouts on SQLite, 64 shoppers", "checkouts/s", "", 1'000};
  Figure memory{"checkout-memory", "memory at the checkout peak", "MiB", "", 256, false};
  ratio.notes.push_back(statements_note(traced));

  shop.serve();
  const auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", products);
  auto ground = ground_of(goods, shop);
  for (int round = 0; round < bench.options().rounds; ++round) {
    bench.step(fmt::format("checkout on SQLite: round {}", round + 1));
    const auto measured = bench.closed(ground, shop.port(), shop.process(), "checkout");
    ratio.values.push_back(measured.first().rate());
    ratio.server_us.push_back(1e6 * measured.server_cpu_s / static_cast<double>(measured.first().visits));
    rate.values.push_back(measured.first().rate());
    memory.values.push_back(static_cast<double>(measured.peak_bytes) / (1024 * 1024));
    // Not that of the round before: files that are deleted make new ones expensive for minutes.
    const auto copy = bench.folder(fmt::format("replayed-{}", round + 1));
    std::filesystem::copy(before, copy, std::filesystem::copy_options::recursive);
    const auto replayed = replay_on_sqlite(traced.trace, copy, static_cast<std::size_t>(traced.visits / checkouts_in_commit));
    ratio.limits.push_back(static_cast<double>(traced.visits) / replayed.seconds);
    ratio.limit_us.push_back(1e6 * replayed.cpu_s / static_cast<double>(traced.visits));
  }

  bench.step("checkout on SQLite: the curve");
  const auto peak = spread_of(rate.values).median;
  const auto fsync_ms = fsync_p99_ms(shop.data());
  Curve curve{"checkout on SQLite", "checkouts/s"};
  measure_curve(bench, ground, shop, offered, peak, curve);
  Figure adding{"add-to-cart-p99", "p99 of add to cart at 70 % of the checkout peak", "ms", "", 10, false};
  Figure completing{"complete-p99", "p99 of complete at 70 % of the checkout peak", "ms", "", std::max(25.0, 12 * fsync_ms), false};
  for (int round = 0; round < bench.options().rounds; ++round) {
    const auto latencies = latencies_at(bench, ground, shop.port(), shop.process(), offered, judged_fraction * peak);
    for (auto [figure, step] : {std::pair{&adding, "add to cart"}, {&completing, "complete"}}) figure->values.push_back(p99_ms(latencies.at(step), step));
  }
  completing.notes.push_back(fmt::format("the p99 of an fsync was {:.2f} ms", fsync_ms));

  Figure flooded{"overload", "checkouts while 2, 5 and 10 times the peak are offered", "checkouts/s", "peak just before", 0.9};
  for (const double times : {2.0, 5.0, 10.0}) {
    bench.step(fmt::format("checkout on SQLite: {:.0f} times the peak", times));
    overload(bench, ground, shop, peak, times, flooded);
  }
  shop.stop();
  return {{ratio, rate, adding, completing, memory, flooded}, {curve}};
}

}  // namespace polyshop::bench
