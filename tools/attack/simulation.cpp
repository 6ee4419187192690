#include <fmt/format.h>

#include "attack/simulated_customers.hpp"
#include "attack/tests.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::attack {
namespace {

using failpoint::Mode;

template <class T>
T chosen(std::mt19937_64& random, T first, T last) {
  return std::uniform_int_distribution<T>(first, last)(random);
}

// One place in one mode. A crash happens once: what ends three processes in a row is given up by design.
std::string some_fault(std::mt19937_64& random) {
  while (true) {
    const auto name = failpoint::names[chosen<std::size_t>(random, 0, failpoint::names.size() - 1)];
    // Those of a life of this shop: it makes no backups, has no endpoints, and lives for hours and not for weeks.
    constexpr auto parts = std::to_array<std::string_view>({"lane.", "subscription.", "saga.", "effect."});
    if (name != "log.appended" && std::ranges::none_of(parts, [&](const auto part) { return name.starts_with(part); })) continue;
    const auto mode = chosen(random, 0, static_cast<int>(Mode::delay));
    const auto after = chosen(random, 0, name.starts_with("lane.") ? 60 : 6);
    switch (static_cast<Mode>(mode)) {
      case Mode::crash: return fmt::format("{}=crash,after={}", name, after);
      case Mode::delay: return fmt::format("{}=delay,after={},times=1,ms={}", name, after, chosen(random, 1, 150'000));
      default: return fmt::format("{}={},after={},times={}", name, mode == static_cast<int>(Mode::error) ? "error" : "unavailable", after, chosen(random, 1, 3));
    }
  }
}

// How long nothing happens: mostly moments, sometimes longer than a lease, a reservation or a checkout may last.
Timestamp some_pause(std::mt19937_64& random) {
  const auto kind = chosen(random, 0, 99);
  return kind < 80 ? chosen<Timestamp>(random, 1, 3'000) : kind < 97 ? chosen<Timestamp>(random, 3'000, 90'000) : chosen<Timestamp>(random, 90'000, 1'800'000);
}

struct Lived {
  Timestamp ms = 0;
  std::int64_t faults = 0;
  std::int64_t orders = 0;
};

// A shop's life of some hours with that seed; what is wrong with it in the end is a mismatch.
Lived live(const std::filesystem::path& data, std::uint64_t seed, live::Report& report) {
  constexpr int moments = 400;
  std::mt19937_64 random(seed);
  SimulatedShop shop(data, seed);
  SimulatedCustomers customers(shop, random);
  Lived lived;
  for (int i = 0; i < moments; ++i) {
    if (i % 10 == 0) {
      lived.faults += shop.acted();
      std::string faults;
      for (auto left = chosen(random, 0, 2); left > 0; --left) faults += some_fault(random) + ";";
      shop.arm(faults);
    }
    customers.act();
    shop.pass(some_pause(random));
  }
  lived.faults += shop.acted();
  shop.arm("");
  for (const auto& wrong : customers.settle()) report.mismatch(fmt::format("seed {}: {}", seed, wrong));
  lived.ms = shop.lived_ms();
  lived.orders = customers.placed();
  return lived;
}

}  // namespace

void simulate(Run& run) {
  const live::Folder folder("polyshop-simulation");
  const auto stocked = folder.path() / "stocked";
  SimulatedShop::stock(stocked);
  const auto start = std::chrono::steady_clock::now();
  Timestamp lived_ms = 0;
  const auto lives = run.rounds_of(10, 5'000);
  for (int i = 0; i < lives && !live::is_interrupted(); ++i) {
    const auto seed = run.seed + static_cast<std::uint64_t>(i);
    const auto data = folder.path() / "shop";
    std::filesystem::remove_all(data);
    std::filesystem::copy(stocked, data, std::filesystem::copy_options::recursive);
    const auto before = run.report.mismatches();
    const auto lived = live(data, seed, run.report);
    ++run.runs;
    run.faults += lived.faults;
    run.checked += lived.orders;
    lived_ms += lived.ms;
    if (run.report.mismatches() > before) {
      run.seed = seed;  // its first life is the one that failed
      break;
    }
    run.report.progress("lives", i + 1, lives);
  }
  const auto took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.report.step(fmt::format("{:.1f} hours of shops in {:.1f} s: {:.0f} times as fast", static_cast<double>(lived_ms) / 3'600'000, took_s, static_cast<double>(lived_ms) / 1000 / took_s));
}

}  // namespace polyshop::attack
