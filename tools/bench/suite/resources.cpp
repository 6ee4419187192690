#include <thread>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "shopload/usage.hpp"
#include "suite/suite.hpp"

// What a shop takes when little happens: time to start, memory, idle connections; and when much is imported.
namespace polyshop::bench {
namespace {

constexpr std::int64_t products = 1'000;
constexpr std::size_t idle_connections = 10'000;
constexpr double kib = 1024;
constexpr double mib = 1024 * kib;

}  // namespace

Findings measure_resources(Bench& bench) {
  bench.step("start and memory");
  FilledShop shop({bench.options().program}, bench.folder("resources"), products);
  Figure start{"start", "from exec to the first 200 on existing data", "ms", "", 200, false};
  Figure idle{"memory-idle", "memory when idle", "MiB", "", 64, false};
  Figure connection{"memory-connection", "memory for each idle connection of 10,000", "KiB", "", 16, false};
  for (int round = 0; round < bench.options().rounds; ++round) {
    bench.step(fmt::format("start and memory: round {}", round + 1));
    start.values.push_back(shop.measure_start_ms());
    std::this_thread::sleep_for(std::chrono::seconds(2));
    const auto before = load::usage_of(shop.process()).resident_bytes;
    idle.values.push_back(static_cast<double>(before) / mib);

    const auto goods = load::find_goods(shop.port(), *Currency::parse("EUR"), "DE", products);
    auto ground = ground_of(goods, shop);
    auto lingering = bench.load_of("linger");
    lingering.shoppers = idle_connections;
    lingering.think_s = 1e6;
    // Once with few, so that what answers take is not counted as the connections'.
    auto few = lingering;
    few.shoppers = 100;
    const auto warm = bench.measure(ground, shop.port(), shop.process(), {few}, {2, 1, 0});
    const auto full = bench.measure(ground, shop.port(), shop.process(), {lingering}, {8, 1, 0});
    connection.values.push_back(static_cast<double>(full.resident_bytes - warm.resident_bytes) / kib / static_cast<double>(idle_connections - few.shoppers));
    shop.stop();
  }
  return {{start, idle, connection}};
}

}  // namespace polyshop::bench
