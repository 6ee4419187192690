#include <latch>
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
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (nodes.taken("bad").size() < 3 && std::chrono::steady_clock::now() < give_up) {
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

namespace {

struct Trip {
  std::int64_t steps = 0;
};
BOOST_DESCRIBE_STRUCT(Trip, (), (steps))

// A saga of three steps whose second does what `second` says; keeps what happened, in order.
SagaDefinition trip(std::vector<std::string>& happened, const std::function<Advance()>& second, bool pivot_first = false) {
  SagaDefinition definition;
  definition.kind = "trip";
  const auto step = [&](std::string name, std::function<Advance()> run) {
    SagaStep made;
    made.name = name;
    made.run = saga_step<Trip>([&happened, name, run](const Call& call, Trip& data) {
      CHECK(call.key.ends_with("/" + name));
      happened.push_back(name);
      ++data.steps;
      return run();
    });
    made.compensate = saga_compensation<Trip>([&happened, name](const Call&, Trip&) { happened.push_back("undo " + name); });
    return made;
  };
  definition.steps = {step("first", [] { return Advance::next(); }), step("second", second), step("third", [] { return Advance::next(); })};
  definition.steps[0].pivot = pivot_first;
  return definition;
}

SagaId start(Nodes& nodes) {
  return nodes.source.db.write(nodes.ground.as_system(), [&](Tx& tx) { return nodes.source.sagas.start(tx, "trip", "{}"); });
}

using Happened = std::vector<std::string>;

}  // namespace

TEST_CASE("a saga runs its steps, and undoes in reverse what it did when one is refused") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    Happened happened;
    bool refuse = false;
    nodes.source.sagas.define(trip(happened, [&] {
      if (refuse) throw Problem::conflict("refused", "No.");
      return Advance::next();
    }));
    nodes.open();
    const auto done = nodes.source.sagas.drive(start(nodes));
    CHECK(done.state == SagaState::done);
    CHECK(done.data == R"({"steps":3})");
    CHECK(happened == Happened{"first", "second", "third"});

    happened.clear();
    refuse = true;
    const auto undone = nodes.source.sagas.drive(start(nodes));
    CHECK(undone.state == SagaState::compensated);
    CHECK(happened == Happened{"first", "second", "undo second", "undo first"});
    CHECK(undone.outcome.find("refused") != std::string::npos);
    CHECK(nodes.source.sagas.drive(undone.id).state == SagaState::compensated);
  });
}

TEST_CASE("a passing failure is repeated later; after the pivot nothing is undone") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    Happened happened;
    int failures = 2;
    nodes.source.sagas.define(trip(
        happened,
        [&] {
          if (failures-- > 0) throw Problem::unavailable("away", "Later.");
          return Advance::next();
        },
        true));
    nodes.open();
    const auto id = start(nodes);
    CHECK(nodes.source.sagas.drive(id).state == SagaState::waiting);
    ground.deliver_events();  // not due yet
    CHECK(happened.size() == 2);
    ground.clock().advance(1000);
    ground.deliver_events();
    ground.clock().advance(1000);
    ground.deliver_events();
    CHECK(nodes.source.sagas.find(id)->state == SagaState::done);
    CHECK(happened == Happened{"first", "second", "second", "second", "third"});
  });
}

TEST_CASE("a wake is not lost, whenever it comes") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    Happened happened;
    bool open = false, wake_inside = true;
    SagaId id;
    nodes.source.sagas.define(trip(happened, [&] {
      if (open) return Advance::next();
      if (wake_inside) {
        // What it is about to wait for happens before it is parked.
        open = true;
        nodes.source.db.write(ground.as_system(), [&](Tx& tx) { nodes.source.sagas.wake(tx, id); });
      }
      return Advance::wait(3600'000);
    }));
    nodes.open();
    id = start(nodes);
    nodes.source.sagas.drive(id);
    ground.deliver_events();
    CHECK(nodes.source.sagas.find(id)->state == SagaState::done);

    open = wake_inside = false;
    id = start(nodes);
    CHECK(nodes.source.sagas.drive(id).state == SagaState::waiting);
    std::latch moved(1);
    nodes.source.sagas.when_moved(id, nodes.source.sagas.find(id)->version, [&] { moved.count_down(); });
    open = true;
    nodes.source.db.write(ground.as_system(), [&](Tx& tx) { nodes.source.sagas.wake(tx, id); });
    ground.deliver_events();
    moved.wait();
    CHECK(nodes.source.sagas.find(id)->state == SagaState::done);
  });
}

TEST_CASE("a saga whose runner died is taken up again once its lease is over, and undone past its deadline") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    Happened happened;
    nodes.source.sagas.define(trip(happened, [&] { return Advance::wait(1000); }));
    nodes.open();
    const auto id = start(nodes);
    nodes.source.sagas.drive(id);
    nodes.source.db.write(ground.as_system(), [&](Tx& tx) { tx.exec("UPDATE saga SET lease_until_ms = :until"_sql, tx.now() + 60'000); });
    ground.clock().advance(30'000);
    ground.deliver_events();
    CHECK(happened == Happened{"first", "second"});
    ground.clock().advance(31'000);
    ground.deliver_events();
    CHECK(happened == Happened{"first", "second", "second"});
    ground.clock().advance(3600'000);
    ground.deliver_events();
    CHECK(nodes.source.sagas.find(id)->state == SagaState::compensated);
    CHECK(happened == Happened{"first", "second", "second", "undo second", "undo first"});
  });
}

}  // namespace polyshop::bus
