#include <thread>

#include <doctest/doctest.h>

#include "nodes.hpp"

namespace polyshop::bus {

TEST_CASE("positions are dense and every event takes effect once, with many writers") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    nodes.consumer.subscribe(nodes.source).on<Counted>([](Tx& tx, const Event&, const Counted& counted) { Nodes::take(tx, counted); });
    nodes.open();
    constexpr int writers = 8, each = 50;
    {
      std::vector<std::jthread> threads;
      for (int w = 0; w < writers; ++w)
        threads.emplace_back([&, w] {
          for (int i = 0; i < each; ++i) {
            nodes.publish("w" + std::to_string(w), i);
            if (i % 10 == 0) nodes.source.log.sequence();
          }
        });
    }
    ground.deliver_events();
    CHECK(nodes.source.log.head() == writers * each);
    CHECK(nodes.count() == writers * each);
    for (int w = 0; w < writers; ++w) CHECK(nodes.taken("w" + std::to_string(w)).size() == each);
    const auto events = nodes.source.log.read_after(0, 1000);
    for (std::size_t i = 0; i < events.size(); ++i) REQUIRE(events[i].position == static_cast<std::int64_t>(i + 1));
  });
}

TEST_CASE("a transaction that fails publishes nothing and moves nothing") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    nodes.open();
    CHECK_THROWS_AS(nodes.source.db.write(ground.as_system(), [&](Tx& tx) {
      tx.publish(Counted{"a", 1, 1});
      throw Problem::conflict("no", "No.");
    }),
                    Problem);
    nodes.publish("a", 2);
    ground.deliver_events();
    CHECK(nodes.source.log.head() == 1);
  });
}

TEST_CASE("an event that fails is set aside with the later ones of its aggregate; others flow on; it is tried again") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    bool broken = true;
    nodes.consumer.subscribe(nodes.source).on<Counted>([&](Tx& tx, const Event&, const Counted& counted) {
      if (broken && counted.name == "bad" && counted.amount == 1) throw Problem::invalid("poison", "This one fails.");
      Nodes::take(tx, counted);
    });
    nodes.open();
    nodes.publish("good", 1);
    nodes.publish("bad", 1);
    nodes.publish("good", 2);
    nodes.publish("bad", 2);
    ground.deliver_events();
    nodes.publish("bad", 3);
    nodes.publish("good", 3);
    ground.deliver_events();
    CHECK(nodes.taken("good") == std::vector<std::int64_t>{1, 2, 3});
    CHECK(nodes.taken("bad").empty());
    CHECK(nodes.consumer.subscription_rows()[0].parked == 3);
    CHECK(nodes.consumer.is_caught_up());

    broken = false;
    for (int looks = 0; looks < 20 && nodes.taken("bad").size() < 3; ++looks) {
      ground.clock().advance(60'000);
      ground.deliver_events();
    }
    CHECK(nodes.taken("bad") == std::vector<std::int64_t>{1, 2, 3});
    CHECK(nodes.consumer.subscription_rows()[0].parked == 0);
  });
}

TEST_CASE("two instances share a subscription and never both take an event") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    nodes.open();
    Metrics metrics;
    const auto take = [](Tx& tx, const Event&, const Counted& counted) { Nodes::take(tx, counted); };
    Subscription one(nodes.consumer.db, nodes.source.log, From::start, metrics), two(nodes.consumer.db, nodes.source.log, From::start, metrics);
    one.on<Counted>(take);
    two.on<Counted>(take);
    for (int i = 0; i < 300; ++i) nodes.publish("x", i);
    while (nodes.source.log.sequence()) {}
    const auto run = [&](Subscription& subscription) {
      for (int i = 0; i < 2000 && nodes.count() < 300; ++i) subscription.step();
    };
    {
      std::jthread first([&] { run(one); }), second([&] { run(two); });
    }
    CHECK(nodes.count() == 300);
  });
}

TEST_CASE("an outside effect is performed after the commit and recorded once; one that was lost is taken up again") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    std::atomic<int> performed = 0;
    int recorded = 0;
    EffectResult answer{EffectResult::Kind::again, "not yet", 0};
    Effects::Handler handler;
    handler.perform = [&](const Call&, const std::string&, const std::string&, Effects::Done done) {
      ++performed;
      done(answer);
    };
    handler.record = [&](Tx&, const std::string&, const std::string& data, const EffectResult& result) {
      CHECK(data == "letter");
      CHECK(result.text == "sent");
      ++recorded;
    };
    nodes.source.effects.handle("mail", handler);
    nodes.open();
    // The delay stands for a process that died between the commit and the effect: nothing in memory knows of the row.
    nodes.source.db.write(ground.as_system(), [&](Tx& tx) { nodes.source.effects.enqueue(tx, "mail", "eff-1", "letter", 1000); });
    ground.deliver_events();
    CHECK(performed == 0);
    ground.clock().advance(1000);
    ground.deliver_events();
    CHECK(performed == 1);
    CHECK(recorded == 0);
    answer = {EffectResult::Kind::done, "sent", 0};
    ground.clock().advance(60'000);
    ground.deliver_events();
    ground.clock().advance(600'000);
    ground.deliver_events();
    CHECK(performed == 2);
    CHECK(recorded == 1);
  });
}

}  // namespace polyshop::bus
