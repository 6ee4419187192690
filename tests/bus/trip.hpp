#pragma once

#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ground.hpp"

// A saga of three steps whose middle one does what the test says, on a module of its own; keeps what happened, in order.
namespace polyshop::bus {

struct Trip {
  std::int64_t steps = 0;
};
BOOST_DESCRIBE_STRUCT(Trip, (), (steps))

using Happened = std::vector<std::string>;

struct Travel {
  explicit Travel(tests::Ground& on) : ground(on), node(ground.platform(), "travel") {}

  SagaStep step(const std::string& name, std::function<Advance()> run) {
    SagaStep made;
    made.name = name;
    made.run = saga_step<Trip>([this, name, run](const Call& call, Trip& data) {
      CHECK(call.key.ends_with("/" + name));
      happened.push_back(name);
      ++data.steps;
      return run();
    });
    made.compensate = saga_compensation<Trip>([this, name](const Call& call, Trip&) {
      CHECK(call.key.ends_with("/" + name + "/back"));
      happened.push_back("undo " + name);
      return undo(name);
    });
    return made;
  }
  SagaDefinition trip() {
    SagaDefinition definition;
    definition.kind = "trip";
    definition.steps = {step("first", [] { return Advance::next(); }), step("second", [this] { return second(); }), step("third", [this] { return third(); })};
    return definition;
  }
  SagaDefinition with_pivot(std::size_t at) {
    auto definition = trip();
    definition.steps.at(at).pivot = true;
    return definition;
  }
  SagaId start(Sagas& sagas) {
    return node.db.write(ground.as_system(), [&](Tx& tx) { return sagas.start(tx, "trip", "{}"); });
  }
  SagaId start() { return start(node.sagas); }
  Saga standing(const SagaId& id) { return node.sagas.find(id).value(); }
  void wake(const SagaId& id) {
    node.db.write(ground.as_system(), [&](Tx& tx) { node.sagas.wake(tx, id); });
  }
  // What the background threads would do, with time going by, until the saga is in that state. Who was woken by a commit may be
  // running it on a thread of its own: as long as somebody holds it, and for half of a lease, its time does not run out.
  Saga until(const SagaId& id, SagaState state) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    auto saga = standing(id);
    for (; saga.state != state && std::chrono::steady_clock::now() < give_up; saga = standing(id)) {
      if (saga.lease_until_ms > ground.clock().now()) {
        std::this_thread::yield();
        continue;
      }
      ground.clock().advance(30'000);
      ground.deliver_events();
    }
    CHECK(json::enum_name(saga.state) == json::enum_name(state));
    return saga;
  }
  // "forward first", "back first", "none first retry by somebody"
  Happened log(const SagaId& id) {
    Happened lines;
    for (const auto& entry : node.sagas.entries(ground.as_system(), id)) {
      auto line = entry.direction + " " + entry.step;
      if (!entry.result.empty()) line += " " + entry.result + " by " + entry.actor + ": " + entry.reason;
      lines.push_back(line);
    }
    return lines;
  }

  tests::Ground& ground;
  Node node;
  Happened happened;
  std::function<Advance()> second = [] { return Advance::next(); };
  std::function<Advance()> third = [] { return Advance::next(); };
  std::function<Advance(const std::string& name)> undo = [](const std::string&) { return Advance::next(); };
};

}  // namespace polyshop::bus
