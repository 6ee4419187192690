#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <sqlite3.h>

#include "kernel/types/problem.hpp"
#include "suite/suite.hpp"

// A module whose database is slow must slow down no other.
namespace polyshop::bench {
namespace {

constexpr std::int64_t products = 1'000;
constexpr auto held_for = std::chrono::seconds(2);
constexpr double pages_per_s = 500;
constexpr double carts_per_s = 20;
constexpr double seconds_min = 15;  // so that the p99 of a step is not that of its slowest
constexpr double patience_s = 10;  // who is refused comes again, and the time counts
// Steps that the slow module, payment, has no part in.
constexpr std::array<std::string_view, 4> own_steps{"create cart", "add to cart", "address", "delivery"};

// Holds the only lock to write a file for two seconds at a time.
class Holder {
 public:
  explicit Holder(const std::filesystem::path& file) : thread_([this, file] { hold(file); }) {}
  ~Holder() {
    ends_ = true;
    thread_.join();
  }

 private:
  void hold(const std::filesystem::path& file) {
    sqlite3* connection = nullptr;
    if (sqlite3_open_v2(file.c_str(), &connection, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) die("a database that cannot be opened to slow it down");
    sqlite3_busy_timeout(connection, 5'000);
    while (!ends_) {
      sqlite3_exec(connection, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
      for (const auto until = std::chrono::steady_clock::now() + held_for; !ends_ && std::chrono::steady_clock::now() < until;) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      sqlite3_exec(connection, "ROLLBACK", nullptr, nullptr, nullptr);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));  // for the shop to get its turn
    }
    sqlite3_close(connection);
  }
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

}  // namespace

Findings measure_slow_module(Bench& bench) {
  bench.step("a slow module");
  FilledShop shop({bench.options().program}, bench.folder("slow"), products);
  shop.serve();
  const auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", products);
  auto ground = ground_of(goods, shop);
  auto pages = bench.load_of("product");
  pages.rate = pages_per_s;
  auto carts = bench.load_of("checkout");
  carts.rate = carts_per_s;
  carts.shoppers = 1'000;
  carts.patience_s = patience_s;
  const auto measure = [&](double warmup_s) {
    const auto measured = bench.measure(ground, shop.port(), shop.process(), {pages, carts}, {warmup_s, std::max(seconds_min, 2 * bench.options().seconds)});
    std::map<std::string, double> p99;
    p99["product"] = p99_ms(measured.first().steps.front().latency, "product page");
    for (const auto& step : measured.loads.back().steps)
      if (std::ranges::count(own_steps, step.name) > 0) p99[std::string(step.name)] = p99_ms(step.latency, step.name);
    return p99;
  };
  Figure worst{"slow-module", "other modules' p99 over 1.1 times what it was, while payment's database is 2 s slow", "ms", "", 2, false};
  for (int round = 0; round < bench.options().rounds; ++round) {
    bench.step(fmt::format("a slow module: round {}", round + 1));
    const auto before = measure(1);
    const Holder holder(shop.data() / "payment.db");
    const auto slow = measure(3);
    double most = 0;
    for (const auto& [step, p99] : slow) {
      most = std::max(most, p99 - 1.1 * before.at(step));
      worst.notes.push_back(fmt::format("round {}: {} {:.2f} ms before, {:.2f} ms with the slow module", round + 1, step, before.at(step), p99));
    }
    worst.values.push_back(most);
  }
  shop.stop();
  return {{worst}};
}

}  // namespace polyshop::bench
