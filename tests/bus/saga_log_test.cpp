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

TEST_CASE("a suspicion outlives a runner that could not find out") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    bool is_away = true;
    auto definition = logged_at_the_end(travel);
    definition.steps[0].run = [&](const Call&, std::string&) -> Advance {
      if (is_away) throw Problem::unavailable("away", "Away.");
      return refuse();
    };
    travel.node.sagas.define(definition);
    ground.open();
    const auto saga = started(travel);  // whose runner did all three, and died
    ground.clock().advance(61'000);
    CHECK(travel.node.sagas.drive(saga.id)->state == SagaState::unknown);
    is_away = false;
    travel.until(saga.id, SagaState::compensated);
    CHECK(travel.happened == Happened{"undo third", "undo second", "undo first"});
  });
}

namespace {

// Its second step is the pivot, which may happen without the log having said that it comes; its third is refused once.
struct Asked {
  explicit Asked(Ground& ground) : travel(ground) {
    auto definition = logged_at_the_end(travel);
    definition.steps[1].pivot = true;
    definition.steps[1].may_have_happened = [this](const Call&, const std::string&) {
      ++questions;
      if (is_away) throw Problem::unavailable("away", "Away.");
      return has_happened;
    };
    definition.steps[0].run = [this, run = definition.steps[0].run](const Call& call, std::string& data) { return is_first_refused ? refuse() : run(call, data); };
    travel.node.sagas.define(definition);
    ground.open();
  }
  Travel travel;
  bool has_happened = false;
  bool is_away = false;
  bool is_first_refused = false;
  int questions = 0;
};

}  // namespace

TEST_CASE("a pivot that can be asked takes no commit of its own") {
  on_each_engine([](Ground& ground) {
    Asked trip(ground);
    const auto saga = started(trip.travel);
    const auto done = trip.travel.node.sagas.drive(saga).value();
    CHECK(done.state == SagaState::done);
    CHECK(done.version == saga.version + 1);
    CHECK(trip.questions == 0);
    CHECK(steps_of(trip.travel, saga.id) == Happened{"forward first", "forward second", "forward third"});
  });
}

TEST_CASE("whoever turns a saga back asks its pivot first, and goes on where it may have happened") {
  for (const bool is_late : {false, true})
    for (const bool has_happened : {false, true})
      on_each_engine([&](Ground& ground) {
        CAPTURE(is_late);
        CAPTURE(has_happened);
        Asked trip(ground);
        trip.has_happened = has_happened;
        const auto saga = started(trip.travel);  // and its runner died, having passed the pivot or not
        ground.clock().advance(is_late ? 16 * 60'000 : 61'000);
        trip.is_first_refused = !is_late;
        const auto ended = trip.travel.node.sagas.drive(saga.id).value();
        CHECK(trip.questions == 1);
        CHECK(ended.state == (has_happened ? SagaState::done : SagaState::compensated));
        CHECK(trip.travel.happened == (has_happened ? Happened{"second", "third"} : Happened{"undo first"}));
        CHECK(steps_of(trip.travel, saga.id) == (has_happened ? Happened{"forward first unsure", "forward second", "forward third"} : Happened{"back first"}));
      });
}

TEST_CASE("a pivot that cannot be asked leaves the saga where it is, until it can") {
  on_each_engine([](Ground& ground) {
    Asked trip(ground);
    trip.is_first_refused = trip.is_away = true;
    const auto saga = started(trip.travel);
    const auto waiting = trip.travel.node.sagas.drive(saga).value();
    CHECK(waiting.state == SagaState::unknown);
    CHECK(waiting.outcome.empty());
    trip.has_happened = true;
    trip.is_away = false;
    trip.travel.until(saga.id, SagaState::done);
    CHECK(trip.travel.happened == Happened{"second", "third"});
  });
}

TEST_CASE("staff cannot give up a saga whose pivot may have happened unseen") {
  on_each_engine([](Ground& ground) {
    Asked trip(ground);
    const auto saga = started(trip.travel);
    ground.clock().advance(61'000);
    const auto give_up = [&] { trip.travel.node.sagas.intervene(ground.as_staff({}), saga.id, saga.version, SagaAction::cancel, "it hangs"); };
    const auto code = [&] {
      try {
        give_up();
      } catch (const Problem& problem) {
        return problem.code;
      }
      return std::string();
    };
    trip.has_happened = true;
    CHECK(code() == "pivot_unknown");
    trip.is_away = true;
    CHECK(code() == "away");
    trip.has_happened = trip.is_away = false;
    CHECK(code().empty());
    trip.travel.until(saga.id, SagaState::compensated);
  });
}

TEST_CASE("no call of a step goes on after its lease") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    auto definition = logged_at_the_end(travel);
    std::vector<double> seconds;
    for (auto& step : definition.steps)
      step.run = [&, run = step.run](const Call& call, std::string& data) {
        seconds.push_back(std::chrono::duration<double>(call.deadline - std::chrono::steady_clock::now()).count());
        return run(call, data);
      };
    definition.steps[1].logged_with_next = false;
    travel.node.sagas.define(definition);
    ground.open();
    auto saga = started(travel);
    ground.clock().advance(15'000);  // of the 20 s that whoever starts it has
    travel.node.sagas.drive(saga);
    REQUIRE(seconds.size() == 3);
    CHECK(seconds[0] <= 5);
    CHECK(seconds[1] <= 5);
    CHECK(seconds[2] > 15);  // the commit before it was a lease anew
  });
}

TEST_CASE("the last step, the one before a pivot that cannot be asked and one that records something are logged by themselves") {
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
