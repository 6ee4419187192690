#include <cstdio>
#include <exception>
#include <fstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kernel/security/token.hpp"
#include "kernel/types/problem.hpp"
#include "live/run_tool.hpp"
#include "shopload/report.hpp"
#include "shopload/usage.hpp"

// Puts a shop under load and says what it did.
namespace polyshop::load {
namespace {

constexpr int exit_wrong = 1;
constexpr int exit_usage = 2;

struct Options {
  std::vector<std::string> scenarios;
  int port = 8080;
  std::optional<int> at;
  double rate = 0;
  std::size_t shoppers = 64;
  std::int64_t visits = 0;
  double think_s = 0;
  double patience_s = 0;
  double seconds = 10;
  double warmup_s = 2;
  std::size_t products = 1'000;
  bool zipf = false;
  std::string currency = "EUR";
  std::string country = "DE";
  std::string sku;
  std::string token;
  pid_t server = 0;
  std::optional<int> processor;
  std::string json;
  std::uint64_t seed = 1;
};

void add_options(CLI::App& app, Options& options) {
  std::string scenario_help = "What shoppers do:";
  for (const auto& scenario : scenarios()) scenario_help += fmt::format("\n{}: {}", scenario.name, scenario.description);
  app.add_option("SCENARIO", options.scenarios, scenario_help + "\nNAME@RATE is an open loop of its own rate beside the first")->required();
  app.add_option("--port", options.port, "Where the shop serves on this machine")->capture_default_str();
  app.add_option("--at", options.at, "Where the requests go, where that is another server with the same answers; the goods are read from --port");
  app.add_option("--rate", options.rate, "Visits a second that begin whatever becomes of the others: an open loop. Without it each shopper begins the next visit when one has ended");
  app.add_option("--shoppers", options.shoppers, "Connections; with --rate at most")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  app.add_option("--visits", options.visits, "End after so many");
  app.add_option("--think", options.think_s, "The mean pause before each further request of a visit, in seconds")->capture_default_str();
  app.add_option("--patience", options.patience_s, "For how many seconds who is refused comes again, as Retry-After says")->capture_default_str();
  app.add_option("--seconds", options.seconds, "How long to measure")->capture_default_str();
  app.add_option("--warmup", options.warmup_s, "How many seconds before that")->capture_default_str();
  app.add_option("--products", options.products, "How many of the shop's products are wanted")->capture_default_str();
  app.add_flag("--zipf", options.zipf, "The n-th product is wanted in 1/n of the cases, else all alike");
  app.add_option("--currency", options.currency, "What shoppers pay in")->capture_default_str();
  app.add_option("--country", options.country, "Where they live")->capture_default_str();
  app.add_option("--sku", options.sku, "flash: what everybody wants");
  app.add_option("--token", options.token, "prices: the bearer token of a member of staff");
  app.add_option("--server", options.server, "The server's process id: its CPU time and memory are reported");
  app.add_option("--processor", options.processor, "Run on this processor alone");
  app.add_option("--json", options.json, "Write all figures to this file, too");
  app.add_option("--seed", options.seed, "What is drawn depends on it")->capture_default_str();
}

std::vector<Load> loads_of(const Options& options) {
  std::vector<Load> loads;
  for (const auto& text : options.scenarios) {
    const auto mark = text.find('@');
    Load load{&scenario_named(text.substr(0, mark)), {}, options.shoppers, options.think_s, options.patience_s, options.visits};
    if (mark != std::string::npos)
      load.rate = std::stod(text.substr(mark + 1));
    else if (options.rate > 0)
      load.rate = options.rate;
    if (load.scenario->name == "flash" && options.sku.empty()) throw Problem::invalid("sku_missing", "flash needs the SKU that everybody wants: --sku.");
    if (load.scenario->name == "prices" && options.token.empty()) throw Problem::invalid("token_missing", "prices needs the token of a member of staff: --token.");
    loads.push_back(load);
  }
  return loads;
}

int run(const Options& options) {
  const auto loads = loads_of(options);
  const auto currency = Currency::parse(options.currency);
  if (!currency) throw Problem::invalid("unknown_currency", fmt::format("--currency {} is no currency in use as of ISO 4217; write three capitals such as EUR.", options.currency));
  if (options.processor) pin_to({*options.processor});
  const auto goods = find_goods(options.port, *currency, options.country, options.products);
  Ground ground{goods, Choice(goods.products.size(), options.zipf)};
  ground.random.seed(options.seed);
  ground.keys = make_token().substr(0, 16);
  ground.host = fmt::format("127.0.0.1:{}", options.at.value_or(options.port));
  ground.only_sku = options.sku;
  ground.staff_token = options.token;

  Span span{options.warmup_s, options.seconds};
  std::optional<ServerUse> use;
  Usage before;
  if (options.server > 0) {
    span.began = [&] { before = usage_of(options.server); };
    span.ended = [&] {
      const auto after = usage_of(options.server);
      use = {after.cpu_s - before.cpu_s, after.resident_bytes, after.peak_bytes};
    };
  }
  const auto results = run(ground, options.at.value_or(options.port), loads, span);

  bool is_right = true;
  for (const auto& result : results) {
    fmt::print("{}", table_of(result));
    is_right = is_right && result.faults.empty() && result.lost == 0 && result.refusals_without_retry_after == 0;
  }
  if (use) fmt::print("{}", table_of(*use, results.front()));
  if (!options.json.empty()) {
    std::ofstream file(options.json, std::ios::trunc);
    file << json_of(results, use) << '\n';
    if (!file.flush()) throw Problem::unavailable("writing_failed", fmt::format("{} cannot be written. Name another file with --json.", options.json));
  }
  return is_right ? 0 : exit_wrong;
}

int main(int argc, char** argv) {
  CLI::App app{"Puts a shop under load and checks every answer. Exits with 1 where one was wrong, a connection was lost, or a refusal did not say when to come again."};
  Options options;
  add_options(app, options);
  return live::run_tool(app, argc, argv, "shopload", exit_usage, [&] { return run(options); });
}

}  // namespace
}  // namespace polyshop::load

int main(int argc, char** argv) { return polyshop::load::main(argc, argv); }
