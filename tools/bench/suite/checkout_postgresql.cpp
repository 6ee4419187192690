#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>

#include <fmt/format.h>

#include "kernel/runtime/clock.hpp"
#include "kernel/types/id.hpp"
#include "kernel/types/problem.hpp"
#include "shopload/usage.hpp"
#include "suite/replay.hpp"
#include "suite/suite.hpp"

// Whole checkouts on PostgreSQL, beside pgbench with their statements. Server, database and generator share the machine's
// processors as they like, and so do database and pgbench.
namespace polyshop::bench {
namespace {

constexpr std::int64_t products = 1'000;
// A client prepares each statement of the script once; with few in the script and many runs of it that is little of the time.
constexpr std::int64_t traced_checkouts = 4;
constexpr int runs_of_client = 15;
constexpr const char* pgbench = "/usr/bin/pgbench";

// The kinds of transactions of a trace.
std::set<std::string> kinds_of(const Trace& trace) {
  std::set<std::string> kinds;
  for (const auto& transaction : trace.transactions) kinds.insert(kind_of(trace, transaction));
  return kinds;
}

// Every client runs the script as often: one is so long that clients that are told to stop after some seconds would end far apart.
double rate_of_pgbench(const std::string& connection, const std::filesystem::path& script, std::size_t clients) {
  const auto finished = live::run({pgbench, "-n", "-M", "prepared", "-c", std::to_string(clients), "-j", "2", "-t", std::to_string(runs_of_client), "--max-tries=10", "-f", script.string(), connection}, {});
  static const std::regex tps(R"(tps = ([0-9.]+) \(without)");
  static const std::regex failed(R"(number of failed transactions: ([0-9]+))");
  std::smatch found;
  std::smatch failures;
  if (finished.status != 0 || !std::regex_search(finished.output, found, tps) || (std::regex_search(finished.output, failures, failed) && failures[1] != "0"))
    throw Problem::unavailable("pgbench_failed", fmt::format("pgbench cannot replay {}:\n{}", script.string(), finished.output.substr(0, 2'000)));
  return std::stod(found[1].str());
}

// What of a checkout pgbench replays, and what it does not.
std::string content_note(const TracedVisits& traced) {
  double writing = 0, written = 0, reading = 0, read = 0;
  for (const auto& transaction : traced.trace.transactions) {
    (transaction.is_write() ? writing : reading) += 1;
    for (const auto& statement : transaction.statements) (statement.is_write ? written : read) += 1;
  }
  const auto visits = static_cast<double>(traced.visits);
  return fmt::format("a checkout has {:.1f} transactions that write, with {:.1f} statements that do, and beside what pgbench replays {:.1f} transactions that only read and {:.1f} statements that do; the server's CPU time is without PostgreSQL's", writing / visits, written / visits,
                     reading / visits, read / visits);
}

}  // namespace

Findings measure_checkout_postgresql(Bench& bench) {
  Figure ratio{"checkout-postgresql", "whole checkouts on PostgreSQL, 64 shoppers", "checkouts/s", "pgbench", 0.5};
  const auto* server = std::getenv("POLYSHOP_TEST_POSTGRESQL");
  if (!server || !*server || !std::filesystem::exists(pgbench)) {
    ratio.missing = server && *server ? fmt::format("there is no {}; tools/packages bench installs it", pgbench) : "POLYSHOP_TEST_POSTGRESQL names no server; tools/bench/run starts one where PostgreSQL is installed";
    return {{ratio}};
  }
  bench.step("checkout on PostgreSQL: tracing");
  const live::PostgresqlDatabase database;
  live::PostgresqlDatabase replayed;
  const Terms terms{bench.options().program, database.settings(), false};
  FilledShop shop(terms, bench.folder("checkout-postgresql"), products);
  // What the shop does when nobody asks for anything is none of a checkout's.
  const auto idle = kinds_of(trace_visits(bench, shop, "checkout", 0, 1).trace);
  const auto id = make_id_text(SystemClock().now());
  TracedRun run{{id.begin(), id.end()}, {}, products};
  auto traced = trace_visits(bench, shop, "checkout", traced_checkouts, 1);
  run.keys = traced.keys;
  std::erase_if(traced.trace.transactions, [&](const auto& transaction) { return idle.contains(kind_of(traced.trace, transaction)); });
  ratio.notes.push_back(content_note(traced));
  // The shop takes a hundred numbers of orders at once, and has just been started: replayed as often as the rest, all clients would
  // wait for that row.
  for (auto& transaction : traced.trace.transactions)
    std::erase_if(transaction.statements, [&](const auto& statement) { return traced.trace.texts[statement.sql].starts_with("UPDATE order_counter"); });
  std::erase_if(traced.trace.transactions, [](const auto& transaction) { return !transaction.is_write(); });
  const auto script = bench.folder("pgbench") / "checkout.sql";
  std::ofstream(script, std::ios::trunc) << pgbench_script(traced.trace, run);
  replayed.copy(database);

  shop.serve();
  const auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", products);
  auto ground = ground_of(goods, shop);
  load::pin_to({server_processor, generator_processor});
  for (int round = 0; round < bench.options().rounds; ++round) {
    bench.step(fmt::format("checkout on PostgreSQL: round {}", round + 1));
    const auto measured = bench.closed(ground, shop.port(), shop.process(), "checkout");
    ratio.values.push_back(measured.first().rate());
    ratio.server_us.push_back(1e6 * measured.server_cpu_s / static_cast<double>(measured.first().visits));
    ratio.limits.push_back(static_cast<double>(traced.visits) * rate_of_pgbench(replayed.url(), script, bench.options().shoppers));
  }
  load::pin_to({generator_processor});
  shop.stop();
  return {{ratio}};
}

}  // namespace polyshop::bench
