#include <barrier>
#include <random>
#include <thread>

#include <doctest/doctest.h>

#include "../../src/modules/catalog/module.hpp"
#include "../../src/modules/inventory/module.hpp"
#include "ground.hpp"
#include "inventory/events.hpp"

// Real threads on the lanes of a real database: nothing is ever sold that was not there.
namespace polyshop::inventory {
namespace {

using tests::Ground;

constexpr Timestamp ttl_ms = 900'000;

struct Sums {
  std::int64_t on_hand = 0;
  std::int64_t reserved = 0;
  std::int64_t available = 0;
  std::int64_t sold = 0;
};
BOOST_DESCRIBE_STRUCT(Sums, (), (on_hand, reserved, available, sold))

struct Race {
  explicit Race(Engine engine) : ground(engine), catalog(ground.platform()), inventory(ground.platform(), catalog.facade()), bands(inventory.node(), 5), reservations(inventory.node(), bands, ttl_ms) {
    ground.open();
    for (const auto* sku : {"A", "B"}) {
      catalog::CreateProduct wanted;
      wanted.texts = {{"en", {Text<1, 300>(sku), {}}}};
      wanted.variants = {{catalog::Sku(sku), {}, 100}};
      catalog.facade().create_product(ground.as_system(), wanted);
    }
    system = ground.as_system();
  }

  // What was reserved long ago is due at once.
  Call long_ago() const {
    auto call = system;
    call.now -= ttl_ms;
    return call;
  }

  Sums sums(const std::string& sku) {
    return inventory.node().db.read(system, [&](Tx& tx) {
      return tx.get<Sums>(R"(SELECT cast((SELECT sum(on_hand) FROM stock_level WHERE sku = :sku) as bigint) AS on_hand, cast((SELECT sum(reserved) FROM stock_level WHERE sku = :sku) as bigint) AS reserved,
                               (SELECT available FROM stock_item WHERE sku = :sku) AS available,
                               cast((SELECT coalesce(-sum(delta), 0) FROM stock_movement WHERE sku = :sku AND reason IN ('sold', 'cancelled')) as bigint) AS sold)"_sql,
                          sku);
    });
  }

  void check_sound() {
    for (const auto& finding : inventory.facade().audit(system, {})) {
      INFO(finding.check << ": " << finding.example);
      CHECK(finding.violations == 0);
    }
  }

  // Versions are dense, no two neighbours say the same, and the last says what is true.
  void check_bands(const std::string& sku, std::int64_t available) {
    while (inventory.node().log.sequence()) {}
    std::int64_t version = 0;
    std::optional<Band> band;
    for (const auto& event : inventory.node().log.read_after(0, 100'000)) {
      if (event.aggregate != sku) continue;
      const auto change = json::from_text<AvailabilityChanged>(event.data, json::Mode::lenient);
      CHECK(change.version == ++version);
      CHECK(change.band != band);
      band = change.band;
    }
    CHECK(band == bands.of(available));
  }

  Ground ground;
  catalog::Module catalog;
  Module inventory;
  Bands bands;
  Reservations reservations;
  Call system;
};

// The code of the Problem, or nothing. Only a refusal that says why is one: everything else fails the test.
template <class F>
std::string refused(F&& run) {
  try {
    run();
    return {};
  } catch (const Problem& problem) {
    return problem.code;
  }
}

}  // namespace

TEST_CASE("a flash sale by many threads never sells what is not there") {
  constexpr int threads = 16, tries = 40;
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Race race(engine);
    const auto& stock = race.inventory.facade();
    // A lies in three places, so that parts are split and given back while others take.
    REQUIRE(stock.import_stock(race.system, {false, {{1, "A", 40, {}}, {2, "A", 33, "east"}, {3, "A", 27, "west"}, {4, "B", 100, {}}}}).faults.empty());
    stock.reserve(race.long_ago(), {"ord_given_up", {{"A", 1, "/lines/0"}}});  // so that something expires, however the threads run
    struct Tally {
      std::int64_t a = 0, b = 0;
      int sold_out = 0, unexpected = 0;
      std::string unexpected_code;
    };
    std::vector<Tally> tallies(threads);
    std::barrier start(threads + 1);
    std::atomic<bool> done = false;
    std::vector<std::jthread> shoppers;
    for (int t = 0; t < threads; ++t)
      shoppers.emplace_back([&, t] {
        auto& tally = tallies[static_cast<std::size_t>(t)];
        std::mt19937 random(static_cast<unsigned>(1000 + t));
        const auto pick = [&](int n) { return static_cast<std::int64_t>(random() % static_cast<unsigned>(n)); };
        const auto note = [&](const std::string& code, std::string_view allowed) {
          if (code.empty() || code == allowed) return;
          ++tally.unexpected;
          tally.unexpected_code = code;
        };
        start.arrive_and_wait();
        for (int i = 0; i < tries; ++i) {
          const OfReference of{"ord_" + std::to_string(t) + "_" + std::to_string(i)};
          std::vector<StockLine> lines;
          std::int64_t a = 0, b = 0;
          const auto add = [&](bool is_a, std::int64_t quantity) {
            lines.push_back({is_a ? "A" : "B", quantity, "/lines/" + std::to_string(lines.size())});
            (is_a ? a : b) += quantity;
          };
          for (auto n = 1 + pick(3); n > 0; --n) add(pick(2) == 0, 1 + pick(3));
          const bool due_at_once = pick(4) == 0;
          const auto code = refused([&] { stock.reserve(due_at_once ? race.long_ago() : race.system, {of.reference, lines}); });
          note(code, "sold_out");
          if (!code.empty()) {
            ++tally.sold_out;
            continue;
          }
          const auto act = pick(10);
          if (act < 4) {
            note(refused([&] { stock.release(race.system, of); }), "");
          } else {
            const auto ended = act < 8 ? refused([&] { stock.hold(race.system, of); }) : std::string();
            note(ended, due_at_once ? "reservation_ended" : "");
            if (!ended.empty()) continue;
            if (act == 4) {
              note(refused([&] { stock.release(race.system, of); }), "");
              continue;
            }
            // Held goods are there; only what was not held may have been taken away.
            const auto gone = refused([&] { stock.consume(race.system, {{of.reference}}); });
            note(gone, act >= 8 && due_at_once ? "reservation_ended" : "");
            if (!gone.empty()) continue;
            if (act == 5) {
              note(refused([&] { stock.restock(race.system, of); }), "");
              continue;
            }
            tally.a += a;
            tally.b += b;
          }
        }
      });
    // Two instances' jobs at the same time.
    std::vector<std::jthread> jobs;
    std::atomic<std::int64_t> expired = 0;
    std::atomic<int> failed_jobs = 0;
    for (int j = 0; j < 2; ++j)
      jobs.emplace_back([&] {
        do {
          if (!refused([&] { expired += race.reservations.expire(race.system); }).empty()) ++failed_jobs;
          std::this_thread::yield();
        } while (!done);
      });
    start.arrive_and_wait();
    shoppers.clear();
    done = true;
    jobs.clear();

    Tally all;
    for (const auto& tally : tallies) {
      all.a += tally.a;
      all.b += tally.b;
      all.sold_out += tally.sold_out;
      all.unexpected += tally.unexpected;
      INFO(tally.unexpected_code);
      CHECK(tally.unexpected == 0);
    }
    CHECK(failed_jobs == 0);
    CHECK(all.sold_out > 0);
    CHECK(expired > 0);
    race.check_sound();
    const auto a = race.sums("A"), b = race.sums("B");
    CHECK(a.on_hand == 100 - all.a);
    CHECK(b.on_hand == 100 - all.b);
    CHECK(a.sold == all.a);
    CHECK(b.sold == all.b);
    race.reservations.expire(race.system);
    for (const auto& [sku, before] : {std::pair("A", a), std::pair("B", b)}) {
      const auto after = race.sums(sku);
      CHECK(after.on_hand == before.on_hand);
      CHECK(after.reserved == 0);
      CHECK(after.available == after.on_hand);
      race.check_bands(sku, after.available);
    }
    race.check_sound();
  }
}

TEST_CASE("the last units go to as many shoppers as there are units") {
  constexpr int threads = 16;
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Race race(engine);
    const auto& stock = race.inventory.facade();
    for (int round = 0; round < 20; ++round) {
      REQUIRE(stock.import_stock(race.system, {false, {{1, "A", 3, {}}, {2, "A", 2, "east"}, {3, "B", 100, {}}}}).faults.empty());
      std::barrier start(threads);
      std::atomic<int> served = 0, sold_out = 0, other = 0;
      {
        std::vector<std::jthread> shoppers;
        for (int t = 0; t < threads; ++t)
          shoppers.emplace_back([&, t] {
            start.arrive_and_wait();
            const OfReference of{"ord_" + std::to_string(round) + "_" + std::to_string(t)};
            // Half of them name the SKUs the other way round: locks have one order all the same.
            std::vector<StockLine> lines{{"A", 1, "/a"}, {"B", 1, "/b"}};
            if (t % 2) std::swap(lines[0], lines[1]);
            const auto code = refused([&] {
              stock.reserve(race.system, {of.reference, lines});
              stock.consume(race.system, {{of.reference}});
            });
            ++(code.empty() ? served : code == "sold_out" ? sold_out : other);
          });
      }
      CHECK(served == 5);
      CHECK(sold_out == threads - 5);
      CHECK(other == 0);
      CHECK(race.sums("A").on_hand == 0);
    }
    race.check_sound();
  }
}

TEST_CASE("what expires while it is being held is one or the other") {
  constexpr int count = 120;
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Race race(engine);
    const auto& stock = race.inventory.facade();
    REQUIRE(stock.import_stock(race.system, {false, {{1, "A", count, {}}}}).faults.empty());
    for (int i = 0; i < count; ++i) stock.reserve(race.long_ago(), {"o" + std::to_string(i), {{"A", 1, ""}}});
    std::barrier start(4);
    std::atomic<int> held = 0, ended = 0, other = 0;
    std::atomic<std::int64_t> expired = 0;
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < 2; ++t)
        threads.emplace_back([&, t] {
          start.arrive_and_wait();
          for (int i = t; i < count; i += 2) {
            // From the young end: the jobs take the old ones first.
            const auto code = refused([&] { stock.hold(race.system, {"o" + std::to_string(count - 1 - i)}); });
            ++(code.empty() ? held : code == "reservation_ended" ? ended : other);
          }
        });
      for (int t = 0; t < 2; ++t)
        threads.emplace_back([&] {
          start.arrive_and_wait();
          if (!refused([&] { expired += race.reservations.expire(race.system); }).empty()) ++other;
        });
    }
    CHECK(other == 0);
    CHECK(held + ended == count);
    CHECK(expired == ended);
    CHECK(race.reservations.expire(race.system) == 0);
    CHECK(race.sums("A").reserved == held);
    CHECK(race.sums("A").available == count - held);
    race.check_sound();
  }
}

TEST_CASE("one reference has one reservation, whoever asks at the same time") {
  constexpr int threads = 12;
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Race race(engine);
    const auto& stock = race.inventory.facade();
    REQUIRE(stock.import_stock(race.system, {false, {{1, "A", 100, {}}}}).faults.empty());
    for (int round = 0; round < 10; ++round) {
      std::vector<std::string> ids(threads);
      std::barrier start(threads);
      {
        std::vector<std::jthread> all;
        for (std::size_t t = 0; t < threads; ++t)
          all.emplace_back([&, t] {
            start.arrive_and_wait();
            const auto code = refused([&] { ids[t] = stock.reserve(race.system, {"o" + std::to_string(round), {{"A", 2, ""}}}).id.str(); });
            if (!code.empty()) ids[t] = code;
          });
      }
      for (const auto& id : ids) CHECK(id == ids[0]);
      CHECK(ReservationId::parse(ids[0]));
      CHECK(race.sums("A").reserved == 2 * (round + 1));
    }
    race.check_sound();
  }
}

TEST_CASE("counts, adjustments and sales of a SKU at the same time add up") {
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Race race(engine);
    const auto& stock = race.inventory.facade();
    REQUIRE(stock.import_stock(race.system, {false, {{1, "A", 50, {}}, {2, "B", 50, {}}}}).faults.empty());
    std::atomic<int> unexpected = 0;
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < 8; ++t)
        threads.emplace_back([&, t] {
          for (int i = 0; i < 30; ++i) {
            const OfReference of{"o" + std::to_string(t) + "_" + std::to_string(i)};
            std::string code;
            if (t < 4)
              code = refused([&] {
                stock.reserve(race.system, {of.reference, {{"B", 1, ""}, {"A", 2, ""}}});
                stock.consume(race.system, {{of.reference}});
              });
            else if (t < 6)
              code = refused([&] { stock.import_stock(race.system, {false, {{1, "A", 40 + i, "place" + std::to_string(i % 3)}, {2, "B", 50 - i, {}}}}); });
            else
              code = race.ground.send(http::Method::post, "/v1/admin/stock-adjustments", R"({"sku":")" + std::string(i % 2 ? "A" : "B") + R"(","delta":)" + std::to_string(i % 4 ? 3 : -2) + R"(,"reason":"correction"})",
                                      race.ground.as_staff({"inventory.write"}), {{"Idempotency-Key", of.reference}}).status < 500 ? "" : "server_error";
            if (!code.empty() && code != "sold_out") ++unexpected;
          }
        });
    }
    CHECK(unexpected == 0);
    race.check_sound();
    for (const auto* sku : {"A", "B"}) {
      CHECK(race.sums(sku).reserved == 0);
      race.check_bands(sku, race.sums(sku).available);
    }
  }
}

}  // namespace polyshop::inventory
