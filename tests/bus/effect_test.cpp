#include <doctest/doctest.h>

#include <latch>
#include <numeric>
#include <thread>

#include "nodes.hpp"

// Outside effects whose answers come late, twice, or in another order.
namespace polyshop::bus {

TEST_CASE("an effect that took longer than its lease is performed again, and the answer that comes first is recorded") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    std::vector<Effects::Done> answers;
    std::vector<std::string> recorded;
    Effects::Handler handler;
    handler.perform = [&](const Call&, const std::string&, const std::string&, Effects::Done done) { answers.push_back(std::move(done)); };
    handler.record = [&](Tx&, const std::string&, const std::string&, const EffectResult& result) { recorded.push_back(result.text); };
    nodes.source.effects.handle("mail", handler);
    nodes.open();
    nodes.source.db.write(ground.as_system(), [&](Tx& tx) { nodes.source.effects.enqueue(tx, "mail", "eff-1", "letter", 1); });
    for (const std::size_t performed : {1, 2, 3}) {
      ground.clock().advance(61'000);
      ground.deliver_events();
      REQUIRE(answers.size() == performed);
    }
    answers[0]({EffectResult::Kind::again, "too slow", 0});  // somebody else performs it by now, and this changes nothing
    ground.deliver_events();
    CHECK(answers.size() == 3);
    answers[1]({EffectResult::Kind::done, "second", 0});
    answers[2]({EffectResult::Kind::done, "third", 0});
    answers[0]({EffectResult::Kind::failed, "first", 0});
    CHECK(recorded == std::vector<std::string>{"second"});
    CHECK(nodes.source.db.read(ground.as_system(), [](Tx& tx) { return tx.get<std::string>("SELECT state || ' ' || result AS now FROM effect"_sql); }) == "done second");
    ground.clock().advance(600'000);
    ground.deliver_events();
    CHECK(answers.size() == 3);
  });
}

namespace {

// Waits until a statement about the effects answers that; they are performed on the module's workers.
void await_effects(Ground& ground, Nodes& nodes, const std::string& wanted) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::string now;
  while (std::chrono::steady_clock::now() < give_up) {
    now = nodes.source.db.read(ground.as_system(), [](Tx& tx) {
      std::string all;
      for (const auto& one : tx.list<std::string>("SELECT id || ' ' || state || ' ' || cast(attempts as text) || ' ' || result || failure AS one FROM effect ORDER BY id"_sql)) all += one + "; ";
      return all;
    });
    if (now == wanted) return;
    std::this_thread::yield();
  }
  FAIL("the effects are " << now << " and were to be " << wanted);
}

}  // namespace

TEST_CASE("effects that are performed together end each by its own result, and none is lost where they fail together") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    std::mutex mutex;
    std::vector<std::size_t> together;
    bool is_away = true;
    Effects::Handler handler;
    handler.perform_together = [&](const Call&, std::span<const Effects::Row> rows) {
      const std::lock_guard lock(mutex);
      if (is_away) throw Problem::unavailable("away", "Later.");
      together.push_back(rows.size());
      std::vector<EffectResult> results;
      for (const auto& row : rows)
        results.push_back(row.data == "good" || row.attempts > 2 ? EffectResult{EffectResult::Kind::done, "sent " + row.id, 0} : EffectResult{EffectResult::Kind::again, "no room", 0});
      return results;
    };
    handler.record = [](Tx&, const std::string&, const std::string&, const EffectResult&) {};
    nodes.source.effects.handle("mail", std::move(handler));
    nodes.open();
    nodes.source.db.write(ground.as_system(), [&](Tx& tx) {
      nodes.source.effects.enqueue(tx, "mail", "1", "good");
      nodes.source.effects.enqueue(tx, "mail", "2", "bad");
      nodes.source.effects.enqueue(tx, "mail", "3", "good");
    });
    await_effects(ground, nodes, "1 due 1 away: Later.; 2 due 1 away: Later.; 3 due 1 away: Later.; ");
    {
      const std::lock_guard lock(mutex);
      is_away = false;
    }
    ground.clock().advance(2'000);
    ground.deliver_events();
    await_effects(ground, nodes, "1 done 2 sent 1; 2 due 2 no room; 3 done 2 sent 3; ");
    ground.clock().advance(5'000);
    ground.deliver_events();
    await_effects(ground, nodes, "1 done 2 sent 1; 2 done 3 sent 2; 3 done 2 sent 3; ");
    const std::lock_guard lock(mutex);
    CHECK(std::accumulate(together.begin(), together.end(), std::size_t{0}) == 4);
  });
}

TEST_CASE("of effects that are performed together only some are taken while many wait, and a stop leaves the others") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    std::latch go(1);
    std::atomic<std::size_t> performed = 0;
    Effects::Handler handler;
    handler.perform_together = [&](const Call&, std::span<const Effects::Row> rows) {
      go.wait();
      performed += rows.size();
      return std::vector<EffectResult>(rows.size(), EffectResult{EffectResult::Kind::done, "", 0});
    };
    handler.record = [](Tx&, const std::string&, const std::string&, const EffectResult&) {};
    nodes.source.effects.handle("mail", std::move(handler));
    nodes.open();
    nodes.source.start();
    constexpr int all = 1500;
    for (int i = 0; i < all; i += 100)
      nodes.source.db.write(ground.as_system(), [&](Tx& tx) {
        for (int j = i; j < i + 100; ++j) nodes.source.effects.enqueue(tx, "mail", std::to_string(j), "");
      });
    const auto count = [&](auto sql) { return nodes.source.db.read(ground.as_system(), [&](Tx& tx) { return tx.template get<std::int64_t>(sql); }); };
    const auto free = "SELECT count(*) AS n FROM effect WHERE state = 'due' AND lease_until_ms = 0"_sql;
    CHECK(count(free) >= 300);  // nobody has them, so that no lease runs out before their turn
    {
      const std::jthread stopper([&] { nodes.source.stop(); });
      while (nodes.source.workers.submit([] {})) std::this_thread::yield();
      go.count_down();
    }
    CHECK(performed <= 64);
    CHECK(count("SELECT count(*) AS n FROM effect WHERE state = 'due'"_sql) == all - static_cast<std::int64_t>(performed));
  });
}

}  // namespace polyshop::bus
