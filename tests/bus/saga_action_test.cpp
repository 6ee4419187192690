#include "trip.hpp"

// What somebody may do about a saga, when, and what is written down of it.
namespace polyshop::bus {
namespace {

using tests::Ground;
using tests::on_each_engine;

Advance refuse() { throw Problem::conflict("refused", "No."); }
Advance be_away() { throw Problem::unavailable("away", "Later."); }

Saga act(Travel& travel, const SagaId& id, SagaAction action, std::int64_t version = -1) {
  return travel.node.sagas.intervene(travel.ground.as_staff({}, "usr_ada"), id, version < 0 ? travel.standing(id).version : version, action, "it is known to be right");
}

std::string refusal(Travel& travel, const SagaId& id, SagaAction action, std::int64_t version = -1) {
  const auto before = travel.standing(id);
  try {
    act(travel, id, action, version);
  } catch (const Problem& problem) {
    CHECK(json::to_text(travel.standing(id)) == json::to_text(before));
    return problem.code;
  }
  return "none";
}

}  // namespace

TEST_CASE("a stuck saga is retried where it stood") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.with_pivot(1));
    ground.open();
    travel.second = be_away;
    const auto id = travel.start();
    travel.until(id, SagaState::stuck);
    CHECK(refusal(travel, id, SagaAction::retry, 1) == "version_changed");
    CHECK(refusal(travel, id, SagaAction::skip) == "pivot_unknown");
    CHECK(refusal(travel, id, SagaAction::compensate) == "pivot_unknown");
    CHECK(refusal(travel, id, SagaAction::cancel) == "saga_stuck");
    travel.second = [] { return Advance::next(); };
    act(travel, id, SagaAction::retry);
    travel.until(id, SagaState::done);
    CHECK(travel.log(id) == Happened{"forward first", "none second retry by usr_ada: it is known to be right", "forward second", "forward third"});
    CHECK(refusal(travel, id, SagaAction::retry) == "saga_ended");
  });
}

TEST_CASE("past its pivot a saga is neither undone nor given up, but a failing step can be done by hand and skipped") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    auto definition = travel.with_pivot(1);
    int recorded = 0;
    definition.steps[2].record = [&](Tx&, std::string&) { ++recorded; };
    travel.node.sagas.define(definition);
    ground.open();
    travel.third = [] { return Advance::wait(3600'000); };
    const auto id = travel.start();
    travel.node.sagas.drive(id);
    CHECK(refusal(travel, id, SagaAction::skip) == "not_failing");
    CHECK(refusal(travel, id, SagaAction::cancel) == "past_pivot");
    travel.third = refuse;
    travel.until(id, SagaState::stuck);
    CHECK(refusal(travel, id, SagaAction::compensate) == "past_pivot");
    CHECK(act(travel, id, SagaAction::skip).state == SagaState::done);
    CHECK(recorded == 1);
    CHECK(travel.log(id) == Happened{"forward first", "forward second", "forward third skipped by usr_ada: it is known to be right"});
  });
}

TEST_CASE("a saga before its pivot is given up by whoever may; one that nobody can undo is undone by hand") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    auto definition = travel.with_pivot(2);
    int recorded = 0;
    definition.steps[1].record_compensation = [&](Tx&, std::string&, const std::string& outcome) {
      CHECK(outcome.find("given_up") != std::string::npos);
      ++recorded;
    };
    travel.node.sagas.define(definition);
    ground.open();
    travel.second = [] { return Advance::wait(3600'000); };
    travel.undo = [](const std::string& name) { return name == "second" ? refuse() : Advance::next(); };
    const auto id = travel.start();
    travel.node.sagas.drive(id);
    CHECK(refusal(travel, id, SagaAction::compensate) == "not_stuck");
    act(travel, id, SagaAction::cancel);
    travel.until(id, SagaState::stuck);
    CHECK(refusal(travel, id, SagaAction::compensate) == "saga_compensating");
    CHECK(recorded == 0);
    act(travel, id, SagaAction::skip);
    travel.until(id, SagaState::compensated);
    CHECK(recorded == 1);
    const std::string by = " by usr_ada: it is known to be right";
    CHECK(travel.log(id) == Happened{"forward first", "none second cancel" + by, "back second skipped" + by, "back first"});
  });
}

TEST_CASE("a step that is being run is nobody else's") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.trip());
    ground.open();
    SagaId id;
    std::vector<std::string> answers;
    travel.second = [&] {
      for (const auto action : {SagaAction::retry, SagaAction::skip, SagaAction::cancel}) answers.push_back(refusal(travel, id, action));
      return Advance::next();
    };
    id = travel.start();
    CHECK(travel.node.sagas.drive(id)->state == SagaState::done);
    CHECK(answers == Happened{"saga_running", "saga_running", "saga_running"});
    CHECK_THROWS_WITH_AS(travel.node.sagas.intervene(ground.as_system(), SagaId::make(0), 1, SagaAction::retry, "x"), doctest::Contains("not_found"), Problem);
  });
}

TEST_CASE("what a saga is known by: lists by state and kind, and gauges") {
  on_each_engine([](Ground& ground) {
    Travel travel(ground);
    travel.node.sagas.define(travel.with_pivot(1));
    ground.open();
    const auto done = travel.start();
    travel.node.sagas.drive(done);
    ground.clock().advance(1);
    travel.second = be_away;
    const auto stuck = travel.start();
    travel.until(stuck, SagaState::stuck);
    travel.second = [] { return Advance::unknown(1000); };
    const auto unknown = travel.start();
    travel.node.sagas.drive(unknown);
    const auto ids = [&](const SagaFilter& filter) {
      std::vector<SagaId> found;
      for (const auto& saga : travel.node.sagas.list(ground.as_system(), filter)) found.push_back(saga.id);
      return found;
    };
    using Ids = std::vector<SagaId>;
    CHECK(ids({}) == Ids{unknown, stuck, done});
    CHECK(ids({{}, {}, {}, true, 100}) == Ids{unknown, stuck});
    CHECK(ids({SagaState::stuck, {}, {}, false, 100}) == Ids{stuck});
    CHECK(ids({{}, "trip", unknown, false, 1}) == Ids{stuck});
    CHECK(ids({{}, "journey", {}, false, 100}).empty());

    ground.clock().advance(90'000);
    travel.node.sagas.measure();
    const auto text = ground.metrics().text();
    CHECK(text.find(R"(polyshop_sagas{module="travel",state="stuck"} 1)") != std::string::npos);
    CHECK(text.find(R"(polyshop_sagas{module="travel",state="unknown"} 1)") != std::string::npos);
    CHECK(text.find(R"(polyshop_sagas{module="travel",state="running"} 0)") != std::string::npos);
    CHECK(text.find(R"(polyshop_saga_oldest_seconds{module="travel"} 90)") != std::string::npos);
    CHECK(text.find(R"(polyshop_sagas_ended_total{kind="trip",state="done"} 1)") != std::string::npos);
  });
}

}  // namespace polyshop::bus
