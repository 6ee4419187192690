#include <latch>

#include "trip.hpp"

// The saga engine on real databases: what it does when steps fail, runners die and instances meet.
namespace polyshop::bus {
namespace {

using tests::Ground;
using tests::on_each_engine;

Advance refuse() { throw Problem::conflict("refused", "No."); }
Advance be_away() { throw Problem::unavailable("away", "Later."); }

}  // namespace

TEST_CASE("a saga runs its steps, and undoes in reverse what it did when one is refused") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.trip());
    ground.open();
    const auto done = travel.node.sagas.drive(travel.start()).value();
    CHECK(done.state == SagaState::done);
    CHECK(done.data == R"({"steps":3})");
    CHECK(travel.happened == Happened{"first", "second", "third"});
    CHECK(travel.log(done.id) == Happened{"forward first", "forward second", "forward third"});

    travel.happened.clear();
    travel.second = refuse;
    const auto undone = travel.node.sagas.drive(travel.start()).value();
    CHECK(undone.state == SagaState::compensated);
    CHECK(travel.happened == Happened{"first", "second", "undo second", "undo first"});
    CHECK(travel.log(undone.id) == Happened{"forward first", "back second", "back first"});
    CHECK(undone.outcome.find("refused") != std::string::npos);
    CHECK(travel.node.sagas.drive(undone.id)->state == SagaState::compensated);
    CHECK(travel.happened.size() == 4);
  });
}

TEST_CASE("a step whose outcome is unknown is asked again, and no sooner than its backoff") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.with_pivot(0));
    ground.open();
    int failures = 2;
    travel.second = [&] { return failures-- > 0 ? be_away() : Advance::next(); };
    const auto id = travel.start();
    const auto unknown = travel.node.sagas.drive(id).value();
    CHECK(unknown.state == SagaState::unknown);
    CHECK(unknown.attempts == 1);
    CHECK(unknown.failure == "away: Later.");
    ground.deliver_events();
    CHECK(travel.node.sagas.drive(id)->version == unknown.version);  // whoever asks for it does not hurry it
    CHECK(travel.happened.size() == 2);
    ground.clock().advance(1000);
    ground.deliver_events();
    CHECK(travel.standing(id).state == SagaState::unknown);
    ground.clock().advance(1000);
    ground.deliver_events();
    const auto done = travel.standing(id);
    CHECK(done.state == SagaState::done);
    CHECK(done.attempts == 0);
    CHECK(done.failure.empty());
    CHECK(travel.happened == Happened{"first", "second", "second", "second", "third"});
  });
}

TEST_CASE("before the pivot a saga that is late is undone with the step whose outcome is unknown, on time; at the pivot it goes on asking") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.with_pivot(2));
    ground.open();
    travel.second = [] { return Advance::unknown(24 * 3600'000); };
    auto id = travel.start();
    CHECK(travel.node.sagas.drive(id)->state == SagaState::unknown);
    ground.clock().advance(15 * 60'000 + 1);
    ground.deliver_events();
    CHECK(travel.standing(id).state == SagaState::compensated);
    CHECK(travel.standing(id).outcome.find("took too long") != std::string::npos);
    CHECK(travel.happened == Happened{"first", "second", "undo second", "undo first"});

    travel.second = [] { return Advance::next(); };
    travel.third = [] { return Advance::unknown(1000); };
    id = travel.start();
    CHECK(travel.node.sagas.drive(id)->state == SagaState::unknown);
    const auto pass = [&](int hours) {
      for (int i = 0; i < hours * 4; ++i) {
        ground.clock().advance(15 * 60'000);
        ground.deliver_events();
      }
    };
    pass(1);
    CHECK(travel.standing(id).state == SagaState::unknown);
    pass(30);  // by now somebody should have looked; it asks all the same
    CHECK(travel.standing(id).state == SagaState::stuck);
    const auto asked = std::ranges::count(travel.happened, "third");
    pass(1);
    CHECK(std::ranges::count(travel.happened, "third") > asked);
    travel.third = [] { return Advance::next(); };
    travel.wake(id);
    ground.deliver_events();
    CHECK(travel.until(id, SagaState::done).outcome.empty());
  });
}

TEST_CASE("what waits to be undone for long is listed as stuck, and is undone all the same") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.with_pivot(2));
    ground.open();
    travel.second = refuse;
    travel.undo = [](const std::string&) { return Advance::wait(1000); };
    const auto id = travel.start();
    CHECK(travel.node.sagas.drive(id)->state == SagaState::compensating);
    travel.until(id, SagaState::stuck);
    CHECK(ground.clock().now() > travel.standing(id).deadline_ms + 3600'000);
    travel.undo = [](const std::string&) { return Advance::next(); };
    travel.until(id, SagaState::compensated);
    CHECK(travel.log(id) == Happened{"forward first", "back second", "back first"});
  });
}

TEST_CASE("a pivot that cannot be asked for long leaves the saga stuck and is never undone; a refused one is") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.with_pivot(1));
    ground.open();
    travel.second = be_away;
    auto id = travel.start();
    travel.node.sagas.drive(id);
    travel.until(id, SagaState::stuck);
    CHECK(std::ranges::count(travel.happened, "second") == 20);
    CHECK(std::ranges::count(travel.happened, "undo first") == 0);

    travel.second = refuse;
    id = travel.start();
    CHECK(travel.node.sagas.drive(id)->state == SagaState::compensated);
  });
}

TEST_CASE("after the pivot a refusal is repeated like any failure, and undone is nothing") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.with_pivot(1));
    ground.open();
    travel.third = refuse;
    const auto id = travel.start();
    CHECK(travel.node.sagas.drive(id)->state == SagaState::waiting);
    travel.third = [] { return Advance::next(); };
    travel.until(id, SagaState::done);
    CHECK(travel.happened == Happened{"first", "second", "third", "third"});

    travel.third = refuse;
    const auto hopeless = travel.start();
    travel.until(hopeless, SagaState::stuck);
    CHECK(std::ranges::none_of(travel.happened, [](const auto& what) { return what.starts_with("undo"); }));
  });
}

TEST_CASE("what a step records is written with its log; a record that fails leaves neither, and is no reason to undo a pivot") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    auto definition = travel.with_pivot(1);
    bool broken = true;
    definition.steps[1].record = [&](Tx& tx, std::string&) {
      tx.exec("INSERT INTO note (text) VALUES ('recorded')"_sql);
      if (broken) throw Problem::conflict("broken", "It cannot be recorded.");
    };
    travel.node.sagas.define(definition);
    ground.open();
    travel.node.db.write(ground.as_system(), [](Tx& tx) { tx.exec("CREATE TABLE note (text text NOT NULL)"_sql); });
    const auto notes = [&] { return travel.node.db.read(ground.as_system(), [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM note"_sql); }); };
    const auto id = travel.start();
    const auto failed = travel.node.sagas.drive(id).value();
    CHECK(failed.step == "second");
    CHECK(failed.attempts == 1);
    CHECK(failed.data == R"({"steps":1})");
    CHECK(notes() == 0);
    CHECK(travel.log(id) == Happened{"forward first"});
    broken = false;
    travel.until(id, SagaState::done);
    CHECK(notes() == 1);
    CHECK(travel.log(id) == Happened{"forward first", "forward second", "forward third"});
  });
}

TEST_CASE("a compensation is repeated until it succeeds, waits where it must, and is stuck where it never does") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.trip());
    ground.open();
    travel.third = refuse;
    int failures = 3;
    travel.undo = [&](const std::string& name) { return name == "second" && failures-- > 0 ? refuse() : Advance::next(); };
    auto id = travel.start();
    CHECK(travel.node.sagas.drive(id)->state == SagaState::compensating);
    travel.until(id, SagaState::compensated);
    CHECK(travel.log(id) == Happened{"forward first", "forward second", "back third", "back second", "back first"});

    bool settled = false;
    travel.undo = [&](const std::string&) { return settled ? Advance::next() : Advance::unknown(3600'000); };
    id = travel.start();
    CHECK(travel.node.sagas.drive(id)->state == SagaState::unknown);
    settled = true;
    travel.wake(id);
    ground.deliver_events();
    travel.until(id, SagaState::compensated);

    travel.undo = [](const std::string& name) { return name == "second" ? refuse() : Advance::next(); };
    id = travel.start();
    travel.until(id, SagaState::stuck);
    CHECK(travel.log(id) == Happened{"forward first", "forward second", "back third"});
  });
}

TEST_CASE("a wake is not lost, whenever it comes") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.trip());
    ground.open();
    bool open = false;
    SagaId id;
    // What it is about to wait for happens before it is parked, be it by waiting or by a failure.
    for (const bool fails : {false, true}) {
      open = false;
      travel.second = [&] {
        if (open) return Advance::next();
        open = true;
        travel.wake(id);
        return fails ? be_away() : Advance::wait(3600'000);
      };
      id = travel.start();
      CHECK(travel.node.sagas.drive(id)->state == SagaState::done);
    }
    // It happens while nobody runs it.
    open = false;
    travel.second = [&] { return open ? Advance::next() : Advance::wait(3600'000); };
    id = travel.start();
    const auto parked = travel.node.sagas.drive(id).value();
    CHECK(parked.state == SagaState::waiting);
    std::latch moved(1);
    travel.node.sagas.when_moved(id, parked.version, [&] { moved.count_down(); });
    open = true;
    travel.wake(id);
    moved.wait();
    CHECK(travel.standing(id).state == SagaState::done);
  });
}

TEST_CASE("a saga whose runner died is taken up again once its lease is over") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.trip());
    ground.open();
    travel.second = [] { return Advance::wait(1000); };
    const auto id = travel.start();
    travel.node.sagas.drive(id);
    travel.node.db.write(ground.as_system(), [&](Tx& tx) { tx.exec("UPDATE saga SET lease_until_ms = :until"_sql, tx.now() + 60'000); });
    ground.clock().advance(30'000);
    ground.deliver_events();
    travel.wake(id);  // somebody has the lease, as far as anybody knows
    ground.deliver_events();
    CHECK(travel.happened == Happened{"first", "second"});
    ground.clock().advance(31'000);
    ground.deliver_events();
    CHECK(travel.happened == Happened{"first", "second", "second"});
  });
}

TEST_CASE("a runner that was too slow changes nothing any more, whatever its step came to") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    Metrics metrics;
    Sagas other(travel.node.db, travel.node.workers, metrics);
    auto definition = travel.trip();
    int recorded = 0;
    definition.steps[1].record = [&](Tx&, std::string&) { ++recorded; };  // which may stop the process where it is recorded already
    travel.node.sagas.define(definition);
    other.define(definition);
    ground.open();
    for (const auto& late : std::vector<std::function<Advance()>>{refuse, be_away, [] { return Advance::next(); }, [] { return Advance::wait(1000); }}) {
      travel.happened.clear();
      recorded = 0;
      SagaId id;
      bool first_run = true;
      travel.second = [&] {
        if (!first_run) return Advance::next();
        first_run = false;
        ground.clock().advance(61'000);
        CHECK(other.drive(id)->state == SagaState::done);
        return late();
      };
      id = travel.start();
      CHECK(travel.node.sagas.drive(id)->state == SagaState::done);
      CHECK(travel.happened == Happened{"first", "second", "second", "third"});
      CHECK(recorded == 1);
      CHECK(travel.log(id) == Happened{"forward first", "forward second", "forward third"});
    }
  });
}

TEST_CASE("of several instances one at a time runs a saga, and who waits for it elsewhere hears of its end") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    Metrics metrics;
    Sagas other(travel.node.db, travel.node.workers, metrics);
    travel.node.sagas.define(travel.trip());
    other.define(travel.trip());
    ground.open();
    travel.second = [&] { return Advance::wait(3600'000); };
    const auto id = travel.start();
    const auto parked = travel.node.sagas.drive(id).value();
    bool moved = false;
    travel.node.sagas.when_moved(id, parked.version, [&] { moved = true; });
    travel.node.sagas.notice_moves();
    CHECK_FALSE(moved);
    travel.second = [&] {
      CHECK(travel.node.sagas.drive(id)->state == SagaState::running);  // it is the other's
      travel.node.sagas.notice_moves();
      CHECK_FALSE(moved);
      return Advance::next();
    };
    ground.clock().advance(14 * 60'000);
    travel.node.db.write(ground.as_system(), [&](Tx& tx) { tx.exec("UPDATE saga SET wake_ms = 0"_sql); });
    CHECK(other.drive(id)->state == SagaState::done);
    CHECK_FALSE(moved);
    travel.node.sagas.notice_moves();
    CHECK(moved);
  });
}

TEST_CASE("what is due runs side by side, each once") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    SagaDefinition definition;
    definition.kind = "trip";
    std::atomic<int> ran = 0;
    SagaStep only;
    only.name = "only";
    only.run = [&](const Call&, std::string&) {
      ++ran;
      return Advance::next();
    };
    definition.steps.push_back(only);
    travel.node.sagas.define(definition);
    ground.open();
    std::vector<SagaId> ids;
    for (int i = 0; i < 100; ++i) ids.push_back(travel.start());
    while (travel.node.sagas.run_due(8)) {}
    CHECK(ran == 100);
    for (const auto& id : ids) CHECK(travel.standing(id).state == SagaState::done);
  });
}

TEST_CASE("a saga is run by the steps of its version, or by none") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    Metrics metrics;
    Sagas before(travel.node.db, travel.node.workers, metrics), gone(travel.node.db, travel.node.workers, metrics);
    before.define(travel.trip());
    auto second = travel.trip();
    second.version = 2;
    second.steps = {travel.step("other", [] { return Advance::next(); })};
    travel.node.sagas.define(travel.trip());
    travel.node.sagas.define(second);
    gone.define(second);
    ground.open();
    const auto old = travel.start(before);
    travel.node.sagas.drive(old);
    CHECK(travel.happened == Happened{"first", "second", "third"});
    CHECK(travel.standing(old).definition == 1);
    const auto fresh = travel.start();
    CHECK(travel.standing(fresh).definition == 2);

    // The release before runs beside this one and leaves it alone, until it is plain that nobody comes for it.
    CHECK_FALSE(before.run_due());
    CHECK(before.drive(fresh)->state == SagaState::running);
    ground.clock().advance(9 * 60'000);
    CHECK_FALSE(before.run_due());
    ground.clock().advance(61'000);
    CHECK(before.run_due());
    CHECK(travel.standing(fresh).state == SagaState::stuck);
    CHECK(travel.standing(fresh).failure.find("no version 2 of the saga trip") != std::string::npos);

    // A release that has the old steps no more.
    travel.happened.clear();
    const auto left = travel.start(before);
    CHECK(gone.drive(left)->state == SagaState::stuck);
    CHECK(travel.standing(left).failure.find("no version 1 of the saga trip") != std::string::npos);
    CHECK(travel.happened.empty());
    travel.node.sagas.intervene(ground.as_system(), left, travel.standing(left).version, SagaAction::retry, "the right release is back");
    travel.until(left, SagaState::done);
    CHECK(travel.happened == Happened{"first", "second", "third"});
  });
}

TEST_CASE("ended sagas and effects are forgotten once they are old; those that go on are not") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.with_pivot(0));
    Effects::Handler handler;
    handler.perform = [](const Call&, const std::string&, const std::string& data, Effects::Done done) { done({data == "done" ? EffectResult::Kind::done : EffectResult::Kind::again, "", 0}); };
    handler.record = [](Tx&, const std::string&, const std::string&, const EffectResult&) {};
    travel.node.effects.handle("letter", handler);
    ground.open();
    for (int i = 0; i < 250; ++i) travel.node.sagas.drive(travel.start());
    travel.second = [] { return Advance::unknown(1000); };
    const auto going = travel.start();
    travel.node.sagas.drive(going);
    travel.node.db.write(ground.as_system(), [&](Tx& tx) {
      for (const auto* id : {"done", "due"}) travel.node.effects.enqueue(tx, "letter", id, id, 1);
    });
    ground.clock().advance(1);
    ground.deliver_events();
    constexpr Timestamp day = 24 * 3600'000;
    const auto count = [&] {
      travel.node.sagas.forget_ended(30 * day);
      travel.node.effects.forget_ended(30 * day);
      return travel.node.db.read(ground.as_system(), [](Tx& tx) {
        return std::vector{tx.get<std::int64_t>("SELECT count(*) AS n FROM saga"_sql), tx.get<std::int64_t>("SELECT count(*) AS n FROM saga_step"_sql), tx.get<std::int64_t>("SELECT count(*) AS n FROM effect"_sql)};
      });
    };
    ground.clock().advance(29 * day);
    CHECK(count() == std::vector<std::int64_t>{251, 751, 2});
    travel.second = [] { return Advance::next(); };
    const auto young = travel.start();
    travel.node.sagas.drive(young);
    ground.clock().advance(2 * day);
    CHECK(count() == std::vector<std::int64_t>{2, 4, 1});
    CHECK(travel.node.sagas.find(young));
    CHECK(travel.node.sagas.find(going));
    CHECK_FALSE(travel.node.sagas.drive(SagaId::make(0)));
  });
}

}  // namespace polyshop::bus
