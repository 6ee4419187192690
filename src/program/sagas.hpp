#pragma once

#include "bus/node.hpp"

namespace polyshop {

// A saga as staff see it.
struct SagaView {
  bus::SagaId id;
  std::string module;
  std::string kind;
  std::int64_t definition = 1;
  bus::SagaState state = bus::SagaState::running;
  std::string step;
  std::int64_t version = 0;
  std::int64_t attempts = 0;
  std::string failure;
  std::optional<Timestamp> wake_ms;  // when its step is run next, by itself
  Timestamp deadline_ms = 0;
  Timestamp created_ms = 0;
  Timestamp updated_ms = 0;
};
BOOST_DESCRIBE_STRUCT(SagaView, (), (id, module, kind, definition, state, step, version, attempts, failure, wake_ms, deadline_ms, created_ms, updated_ms))

struct SagaDetail : SagaView {
  json::Raw data;
  std::optional<json::Raw> outcome;  // the problem that made it compensate
  std::vector<bus::SagaEntry> log;
};
BOOST_DESCRIBE_STRUCT(SagaDetail, (SagaView), (data, outcome, log))

// unended: all that have not ended, be they under way or stuck.
enum class SagaFilterState { unended, running, waiting, unknown, compensating, done, compensated, stuck };
BOOST_DESCRIBE_ENUM(SagaFilterState, unended, running, waiting, unknown, compensating, done, compensated, stuck)

// The sagas of every module in the admin API, which the command line uses too.
void add_saga_routes(http::ModuleRoutes routes, const std::vector<bus::Node*>& nodes);

}  // namespace polyshop
