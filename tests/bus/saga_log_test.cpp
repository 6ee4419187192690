#include <doctest/doctest.h>

#include "death.hpp"
#include "trip.hpp"

// Steps that are logged together with what follows, and what a runner that died leaves of them.
namespace polyshop::bus {
namespace {

using tests::Ground;
using tests::on_each_engine;

Advance refuse() { throw Problem::conflict("refused", "No."); }

SagaDefinition logged_at_the_end(Travel& travel) {
  auto definition = travel.trip();
  definition.steps[0].logged_with_next = definition.steps[1].logged_with_next = true;
  return definition;
}

Saga started(Travel& travel) {
  return travel.node.db.write(travel.ground.as_system(), [&](Tx& tx) { return travel.node.sagas.start_to_drive(tx, "trip", "{}"); });
}

Happened steps_of(Travel& travel, const SagaId& id) {
  Happened lines;
  for (const auto& entry : travel.node.sagas.entries(travel.ground.as_system(), id)) lines.push_back(entry.direction + " " + entry.step + (entry.result.empty() ? "" : " " + entry.result));
  return lines;
}

}  // namespace

TEST_CASE("steps are logged together where they say so: a saga of three takes one commit") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(logged_at_the_end(travel));
    ground.open();
    const auto saga = started(travel);
    const auto done = travel.node.sagas.drive(saga).value();
    CHECK(done.state == SagaState::done);
    CHECK(done.version == saga.version + 1);
    CHECK(done.data == R"({"steps":3})");
    CHECK(steps_of(travel, saga.id) == Happened{"forward first", "forward second", "forward third"});
  });
}

TEST_CASE("a step that waits, or fails, is written down with what was done before it") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(logged_at_the_end(travel));
    ground.open();
    travel.second = [] { return Advance::wait(1000); };
    const auto waiting = travel.node.sagas.drive(started(travel)).value();
    CHECK(waiting.state == SagaState::waiting);
    CHECK(waiting.step == "second");
    CHECK(steps_of(travel, waiting.id) == Happened{"forward first"});
    // It was left in order, so nobody suspects more than that.
    travel.second = refuse;
    travel.wake(waiting.id);
    ground.deliver_events();
    travel.until(waiting.id, SagaState::compensated);
    CHECK(steps_of(travel, waiting.id) == Happened{"forward first", "back second", "back first"});
  });
}

TEST_CASE("what a runner that died may have done without logging it is undone, too") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    Metrics metrics;
    Sagas other(travel.node.db, travel.node.workers, metrics);
    bool first_is_refused = false;
    auto definition = logged_at_the_end(travel);
    definition.steps[0].run = [&, run = definition.steps[0].run](const Call& call, std::string& data) { return first_is_refused ? refuse() : run(call, data); };
    travel.node.sagas.define(definition);
    other.define(definition);
    ground.open();
    // While its third step runs, the first runner's lease ends: as far as the database knows, it died before its first.
    const auto saga = started(travel);
    travel.third = [&] {
      ground.clock().advance(61'000);
      first_is_refused = true;
      travel.happened.clear();
      CHECK(other.drive(saga.id)->state == SagaState::compensated);
      return Advance::next();
    };
    CHECK(travel.node.sagas.drive(saga)->state == SagaState::compensated);
    CHECK(travel.happened == Happened{"undo third", "undo second", "undo first"});
    CHECK(steps_of(travel, saga.id) == Happened{"forward first unsure", "forward second unsure", "back third", "back second", "back first"});
  });
}

TEST_CASE("giving up a saga whose runner died undoes what it may have done") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(logged_at_the_end(travel));
    ground.open();
    const auto saga = started(travel);  // and nobody drives it
    ground.clock().advance(61'000);
    travel.node.sagas.intervene(ground.as_staff({}), saga.id, saga.version, SagaAction::cancel, "it hangs");
    travel.until(saga.id, SagaState::compensated);
    CHECK(travel.happened == Happened{"undo third", "undo second", "undo first"});
  });
}

TEST_CASE("the last step, the one before the pivot and one that records something are logged by themselves") {
  const auto last_words = [](std::function<void(SagaDefinition&)> spoil) {
    return tests::last_words([&] {
      Ground ground(Engine::sqlite);
      Travel travel(ground);
      auto definition = travel.trip();
      spoil(definition);
      travel.node.sagas.define(definition);
    });
  };
  constexpr std::string_view why = "has to be logged by itself";
  CHECK(last_words([](auto& definition) { definition.steps[2].logged_with_next = true; }).find(why) != std::string::npos);
  CHECK(last_words([](auto& definition) { definition.steps[0].logged_with_next = definition.steps[1].pivot = true; }).find(why) != std::string::npos);
  CHECK(last_words([](auto& definition) {
          definition.steps[1].logged_with_next = true;
          definition.steps[1].record = [](Tx&, std::string&) {};
        }).find(why) != std::string::npos);
  CHECK(last_words([](auto& definition) { definition.steps[0].logged_with_next = true; }).empty());
}

}  // namespace polyshop::bus
