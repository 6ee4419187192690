#include "bus/saga.hpp"

#include "kernel/json/problem_json.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::bus {
namespace {

constexpr Timestamp lease_ms = 60'000;
constexpr std::int64_t attempts_max = 20;  // of one step, over about an hour; then it is stuck and somebody has to look

struct Step {
  std::int64_t number = 0;
  std::string step;
  std::string direction;
};
BOOST_DESCRIBE_STRUCT(Step, (), (number, step, direction))

Timestamp backoff_ms(std::int64_t attempts) { return std::min<Timestamp>(100LL << std::min<std::int64_t>(attempts, 12), 300'000); }

Problem problem_of_current_exception() {
  try {
    throw;
  } catch (const Problem& problem) {
    return problem;
  } catch (const std::exception& error) {
    log::error("a saga's step failed", {{"error", error.what()}});
    return Problem::internal();
  }
}

struct TakenOver : std::exception {
  const char* what() const noexcept override { return "the saga was taken over by another runner"; }
};

// Waiting may mend it: the same step will be run again.
bool is_passing(const Problem& problem) { return problem.retryable() || problem.status >= 500; }

std::size_t index_of(const SagaDefinition& definition, const std::string& step) {
  for (std::size_t i = 0; i < definition.steps.size(); ++i)
    if (definition.steps[i].name == step) return i;
  die("a saga of kind " + definition.kind + " stands at the unknown step " + step);
}

bool is_past_pivot(const SagaDefinition& definition, std::size_t index) {
  for (std::size_t i = 0; i < index; ++i)
    if (definition.steps[i].pivot) return true;
  return false;
}

}  // namespace

void Sagas::define(SagaDefinition definition) {
  const auto kind = definition.kind;
  definitions_.emplace(kind, std::move(definition));
}

SagaId Sagas::start(Tx& tx, const std::string& kind, const std::string& data) {
  const auto& definition = definitions_.at(kind);
  const auto id = SagaId::make(tx.now());
  tx.exec(R"(INSERT INTO saga (id, kind, definition, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms, updated_ms)
             VALUES (:id, :kind, 1, 'running', :step, 1, :data, '', 0, '', :wake, 0, :deadline, :now, :now))"_sql,
          id, kind, definition.steps.front().name, data, tx.now(), tx.now() + definition.deadline_ms, tx.now());
  failpoint::reach("saga.started", kind);
  return id;
}

std::optional<Saga> Sagas::find(const SagaId& id) {
  Call call;
  call.now = database_.clock().now();
  return database_.read(call, [&](Tx& tx) {
    return tx.find<Saga>("SELECT id, kind, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms FROM saga WHERE id = :id"_sql, id);
  });
}

Call Sagas::call_for(const Saga& saga, const std::string& step) const {
  Call call;
  call.actor = Actor::system("saga." + saga.kind);
  call.module = database_.module();
  call.now = database_.clock().now();
  call.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  call.trace = Trace::make();
  call.request_id = saga.id.str();
  call.key = "saga/" + saga.id.str() + "/" + step;
  return call;
}

std::optional<Saga> Sagas::lease(const SagaId& id) {
  Call call;
  call.now = database_.clock().now();
  return database_.write(call, [&](Tx& tx) {
    return tx.find<Saga>(R"(UPDATE saga SET lease_until_ms = :lease, version = version + 1
                            WHERE id = :id AND lease_until_ms <= :now AND state IN ('running', 'waiting', 'compensating')
                            RETURNING id, kind, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms)"_sql,
                         tx.now() + lease_ms, id, tx.now());
  });
}

Saga Sagas::drive(const SagaId& id) {
  auto saga = lease(id);
  if (!saga) {
    auto standing = find(id);
    if (!standing) die("there is no saga " + id.str());
    return *standing;
  }
  const auto& definition = definitions_.at(saga->kind);
  failpoint::reach("saga.leased", saga->kind);
  try {
    while (saga->state == SagaState::compensating ? compensate_step(definition, *saga) : run_step(definition, *saga)) {}
  } catch (const TakenOver&) {
    // Its lease ran out while a step was slow; whoever holds it now repeats the step with the same key.
    return find(id).value_or(*saga);
  }
  moved(id);
  return *saga;
}

// Logs a step and says what comes next, in one transaction. A wake that came while the step ran (wake_ms is -1) turns its
// waiting into going on: answers whether there is more to do now.
bool Sagas::commit(Saga& saga, const std::string& step, const std::string& direction, const std::function<void(Tx&, std::string&)>& record) {
  Call call;
  call.now = database_.clock().now();
  auto data = saga.data;
  const bool waits = saga.state == SagaState::waiting;
  const bool more = saga.state == SagaState::running || saga.state == SagaState::compensating;
  const auto wake = database_.write(call, [&](Tx& tx) {
    data = saga.data;
    if (record) record(tx, data);
    const auto stored = tx.find<Timestamp>(R"(UPDATE saga SET state = :state, step = :step, version = version + 1, data = :data, outcome = :outcome, attempts = :attempts, failure = :failure,
                                                     wake_ms = CASE WHEN wake_ms < 0 AND :waits = 1 THEN 0 ELSE cast(:wake_ms as bigint) END, lease_until_ms = :lease, updated_ms = :now
                                              WHERE id = :id AND version = :version RETURNING wake_ms)"_sql,
                                           saga.state, saga.step, data, saga.outcome, saga.attempts, saga.failure, waits, saga.wake_ms, more || waits ? tx.now() + lease_ms : 0, tx.now(), saga.id, saga.version);
    if (!stored) throw TakenOver();
    if (!step.empty())
      tx.exec(R"(INSERT INTO saga_step (saga_id, number, step, direction, result, time_ms)
                 SELECT :id, coalesce(max(number), 0) + 1, :step, :direction, '', :now FROM saga_step WHERE saga_id = :id)"_sql,
              saga.id, step, direction, tx.now());
    failpoint::reach("saga.recorded", saga.kind);
    if (waits && *stored > 0) tx.exec("UPDATE saga SET lease_until_ms = 0 WHERE id = :id"_sql, saga.id);
    return *stored;
  });
  failpoint::reach("saga.committed", saga.kind);
  saga.data = std::move(data);
  ++saga.version;
  return more || (waits && wake == 0);
}

bool Sagas::run_step(const SagaDefinition& definition, Saga& saga) {
  const auto index = index_of(definition, saga.step);
  const auto& step = definition.steps[index];
  const bool past_pivot = is_past_pivot(definition, index);
  // An action of a pivot that may have happened is not abandoned for being late: only asking settles it.
  if (!past_pivot && !step.pivot && database_.clock().now() > saga.deadline_ms) {
    fail(saga, Problem(409, "expired", "The checkout took too long and was given up; nothing was charged."), true);
    return saga.state == SagaState::compensating;
  }
  auto data = saga.data;
  Advance advance;
  try {
    failpoint::reach("saga.before_step", saga.kind);
    advance = step.run(call_for(saga, step.name), data);
    failpoint::reach("saga.after_step", saga.kind);
  } catch (...) {
    fail(saga, problem_of_current_exception(), !past_pivot);
    return saga.state == SagaState::compensating;
  }
  saga.data = std::move(data);
  if (advance.kind == Advance::Kind::wait) {
    saga.state = SagaState::waiting;
    saga.wake_ms = database_.clock().now() + advance.poll_ms;
    return commit(saga, {}, {}, nullptr);
  }
  saga.attempts = 0;
  saga.failure.clear();
  const bool last = index + 1 == definition.steps.size();
  saga.state = last ? SagaState::done : SagaState::running;
  if (!last) saga.step = definition.steps[index + 1].name;
  commit(saga, step.name, "forward", step.record);
  return !last;
}

void Sagas::fail(Saga& saga, const Problem& problem, bool may_compensate) {
  failpoint::reach("saga.failing", saga.kind);
  saga.failure = log::redacted(problem.what());
  if (is_passing(problem) && saga.attempts + 1 < attempts_max) {
    ++saga.attempts;
    saga.wake_ms = database_.clock().now() + backoff_ms(saga.attempts);
    if (saga.state == SagaState::running) saga.state = SagaState::waiting;
    Call call;
    call.now = database_.clock().now();
    database_.write(call, [&](Tx& tx) {
      tx.exec("UPDATE saga SET state = :state, version = version + 1, attempts = :attempts, failure = :failure, wake_ms = :wake_ms, lease_until_ms = 0, updated_ms = :now WHERE id = :id AND version = :version"_sql,
              saga.state, saga.attempts, saga.failure, saga.wake_ms, tx.now(), saga.id, saga.version);
    });
    ++saga.version;
    return;
  }
  if (may_compensate) {
    saga.state = SagaState::compensating;
    saga.attempts = 0;
    saga.outcome = json::problem_text(problem, {}, {});
    commit(saga, {}, {}, nullptr);
    return;
  }
  log::error("a saga is stuck", {{"saga", saga.id.view()}, {"kind", saga.kind}, {"step", saga.step}, {"error", saga.failure}});
  saga.state = SagaState::stuck;
  commit(saga, {}, {}, nullptr);
}

// Undoes the last forward step that the log shows and that is not undone yet.
bool Sagas::compensate_step(const SagaDefinition& definition, Saga& saga) {
  Call reading;
  reading.now = database_.clock().now();
  const auto last = database_.read(reading, [&](Tx& tx) {
    return tx.find<Step>(R"(SELECT number, step, direction FROM saga_step AS done WHERE saga_id = :id AND direction = 'forward'
                            AND NOT EXISTS (SELECT 1 FROM saga_step AS undone WHERE undone.saga_id = done.saga_id AND undone.step = done.step AND undone.direction = 'back')
                            ORDER BY number DESC LIMIT 1)"_sql,
                         saga.id);
  });
  // The failing step itself may have had its effect without our hearing of it, so it is undone first.
  const bool failing = !saga.step.empty();
  const auto name = failing ? saga.step : last ? last->step : std::string();
  if (name.empty()) {
    saga.state = SagaState::compensated;
    commit(saga, {}, {}, nullptr);
    return false;
  }
  const auto& step = definition.steps[index_of(definition, name)];
  auto data = saga.data;
  try {
    failpoint::reach("saga.before_compensation", saga.kind);
    if (step.compensate) step.compensate(call_for(saga, step.name + "/back"), data);
    failpoint::reach("saga.after_compensation", saga.kind);
  } catch (...) {
    fail(saga, problem_of_current_exception(), false);
    return false;
  }
  saga.data = std::move(data);
  saga.attempts = 0;
  saga.step.clear();
  const auto outcome = saga.outcome;
  commit(saga, name, "back", step.record_compensation ? [&step, outcome](Tx& tx, std::string& text) { step.record_compensation(tx, text, outcome); } : std::function<void(Tx&, std::string&)>());
  return true;
}

void Sagas::wake(Tx& tx, const SagaId& id) {
  // One that waits is due at once; one whose step is running learns of it when it is about to wait.
  const auto woken = tx.exec(R"(UPDATE saga SET wake_ms = CASE WHEN state = 'waiting' AND lease_until_ms <= :now THEN 0 ELSE -1 END
                                WHERE id = :id AND state IN ('running', 'waiting'))"_sql,
                             tx.now(), id);
  if (woken == 0) return;
  tx.after_commit([this, id] {
    Job job = [this, id] { try_to_drive(id); };
    workers_.submit(std::move(job));  // a full queue leaves it to the poll
  });
}

void Sagas::try_to_drive(const SagaId& id) {
  try {
    drive(id);
  } catch (const std::exception& error) {
    log::warning("a saga could not be driven", {{"saga", id.view()}, {"error", error.what()}});
  }
}

bool Sagas::run_due() {
  Call call;
  call.now = database_.clock().now();
  const auto due = database_.read(call, [&](Tx& tx) {
    return tx.list<SagaId>("SELECT id FROM saga WHERE state IN ('running', 'waiting', 'compensating') AND wake_ms <= :now AND lease_until_ms <= :now ORDER BY wake_ms LIMIT 50"_sql, call.now);
  });
  for (const auto& id : due) try_to_drive(id);
  return !due.empty();
}

void Sagas::release_leases() {
  if (database_.engine() != Engine::sqlite) return;
  Call call;
  call.now = database_.clock().now();
  database_.write(call, [](Tx& tx) { tx.exec("UPDATE saga SET lease_until_ms = 0 WHERE lease_until_ms > 0"_sql); });
}

void Sagas::when_moved(const SagaId& id, std::int64_t seen_version, std::move_only_function<void()> callback) {
  {
    std::lock_guard lock(mutex_);
    waiting_.emplace(id, std::move(callback));
  }
  const auto saga = find(id);
  if (!saga || has_ended(saga->state) || (saga->version != seen_version && saga->lease_until_ms == 0)) moved(id);
}

void Sagas::moved(const SagaId& id) {
  std::vector<std::move_only_function<void()>> callbacks;
  {
    std::lock_guard lock(mutex_);
    const auto [from, to] = waiting_.equal_range(id);
    for (auto at = from; at != to; ++at) callbacks.push_back(std::move(at->second));
    waiting_.erase(from, to);
  }
  for (auto& callback : callbacks) callback();
}

}  // namespace polyshop::bus
