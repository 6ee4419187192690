#include "bus/saga.hpp"

#include <latch>

#include <fmt/format.h>

#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::bus {
namespace {

// Longer than the facade calls of one step may take, so that a step is not on its way any more when another runner repeats it.
constexpr Timestamp lease_ms = 60'000;
constexpr std::chrono::seconds step_max(20);
constexpr std::int64_t attempts_max = 20;  // of one step, over about an hour; then somebody has to look
constexpr Timestamp poll_max_ms = 300'000;
// Due for so long with nobody taking it: there is no instance of the release that knows it.
constexpr Timestamp orphaned_ms = 10 * 60'000;

struct TakenOver : std::exception {
  const char* what() const noexcept override { return "the saga was taken over by another runner"; }
};
struct NotOurs : std::exception {
  const char* what() const noexcept override { return "the saga is a newer release's"; }
};

struct Due {
  SagaId id;
  std::string kind;
  std::int64_t definition = 0;
  Timestamp wake_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Due, (), (id, kind, definition, wake_ms))

Timestamp backoff_ms(std::int64_t attempts) { return std::min<Timestamp>(100LL << std::min<std::int64_t>(attempts, 12), poll_max_ms); }

bool is_orphaned(Timestamp wake_ms, Timestamp now) { return wake_ms > 0 && wake_ms <= now - orphaned_ms; }

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

// Waiting may mend it, and what came of the call is not known: the same step will be run again.
bool is_passing(const Problem& problem) { return problem.retryable() || problem.status >= 500; }

}  // namespace

void Sagas::define(SagaDefinition definition) {
  if (definition.steps.empty()) die("the saga " + definition.kind + " has no steps");
  auto& versions = definitions_[definition.kind];
  const auto version = definition.version;
  if (!versions.emplace(version, std::move(definition)).second) die(fmt::format("version {} of a saga is defined twice", version));
}

SagaId Sagas::start(Tx& tx, const std::string& kind, const std::string& data) {
  const auto& definition = definitions_.at(kind).rbegin()->second;
  const auto id = SagaId::make(tx.now());
  tx.exec(R"(INSERT INTO saga (id, kind, definition, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms, updated_ms)
             VALUES (:id, :kind, :definition, 'running', :step, 1, :data, '', 0, '', :wake, 0, :deadline, :now, :now))"_sql,
          id, kind, definition.version, definition.steps.front().name, data, tx.now(), tx.now() + definition.deadline_ms, tx.now());
  failpoint::reach("saga.started", kind);
  return id;
}

const SagaDefinition* Sagas::find_definition(const Saga& saga) const {
  const auto versions = definitions_.find(saga.kind);
  if (versions == definitions_.end()) return nullptr;
  const auto found = versions->second.find(saga.definition);
  return found == versions->second.end() ? nullptr : &found->second;
}

// Two neighbouring releases run side by side while one replaces the other.
bool Sagas::may_be_newer(const std::string& kind, std::int64_t version) const {
  const auto versions = definitions_.find(kind);
  return versions == definitions_.end() || version > versions->second.rbegin()->first;
}

Call Sagas::own_call() const {
  Call call;
  call.actor = Actor::system("sagas");
  call.module = database_.module();
  call.now = database_.clock().now();
  return call;
}

Call Sagas::call_for(const Saga& saga, const std::string& step) const {
  Call call;
  call.actor = Actor::system("saga." + saga.kind);
  call.module = database_.module();
  call.now = database_.clock().now();
  call.deadline = std::chrono::steady_clock::now() + step_max;
  call.trace = Trace::make();
  call.request_id = saga.id.str();
  call.key = "saga/" + saga.id.str() + "/" + step;
  return call;
}

std::optional<Saga> Sagas::lease(const SagaId& id) {
  try {
    return database_.write(own_call(), [&](Tx& tx) {
      const auto saga = tx.find<Saga>(R"(UPDATE saga SET lease_until_ms = :lease, version = version + 1, wake_ms = CASE WHEN wake_ms < 0 THEN 0 ELSE wake_ms END
                                         WHERE id = :id AND lease_until_ms <= :now AND wake_ms <= :now AND state NOT IN ('done', 'compensated')
                                         RETURNING id, kind, definition, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms, updated_ms)"_sql,
                                      tx.now() + lease_ms, id, tx.now());
      if (saga && may_be_newer(saga->kind, saga->definition) && !is_orphaned(saga->wake_ms, tx.now())) throw NotOurs();
      return saga;
    });
  } catch (const NotOurs&) {
    return {};
  }
}

std::optional<Saga> Sagas::run(const SagaId& id) {
  auto saga = lease(id);
  if (!saga) return {};
  failpoint::reach("saga.leased", saga->kind);
  try {
    while (advance(*saga)) {}
  } catch (const TakenOver&) {
    // Its lease ran out while a step was slow; whoever holds it now repeats the step with the same key.
    return find(id);
  }
  moved(id);
  return saga;
}

std::optional<Saga> Sagas::drive(const SagaId& id) {
  auto saga = run(id);
  return saga ? saga : find(id);
}

bool Sagas::advance(Saga& saga) {
  const auto* definition = find_definition(saga);
  if (!definition) return strand(saga, fmt::format("This release has no version {} of the saga {}. Start the release that began it and retry, or undo by hand what its log shows.", saga.definition, saga.kind));
  if (saga::goes_back(saga)) return compensate_step(*definition, saga);
  const auto index = saga::index_of(*definition, saga.step);
  if (!index) return strand(saga, fmt::format("Version {} of the saga {} has no step {} in this release. Start the release that began it and retry.", saga.definition, saga.kind, saga.step));
  return run_step(*definition, *index, saga);
}

// Writes how the saga stands, logs a step and says what comes next, in one transaction. A wake that came while the step ran
// (wake_ms is -1) turns parking into going on. Answers whether there is more to do now.
bool Sagas::commit(Saga& saga, Park park, const SagaEntry& entry, const std::function<void(Tx&, std::string&)>& record) {
  const bool parks = park == Park::yes;
  const bool ends = has_ended(saga.state);
  auto data = saga.data;
  const auto lease = database_.write(own_call(), [&](Tx& tx) {
    data = saga.data;
    if (record) record(tx, data);
    const auto wake = parks ? saga.wake_ms : saga.state == SagaState::stuck ? saga::never : tx.now();
    const auto stored = tx.find<Timestamp>(R"(UPDATE saga SET state = :state, step = :step, version = version + 1, data = :data, outcome = :outcome, attempts = :attempts, failure = :failure,
                                                     wake_ms = CASE WHEN wake_ms < 0 AND :parks = 1 THEN 0 ELSE cast(:wake_ms as bigint) END,
                                                     lease_until_ms = CASE WHEN wake_ms >= 0 AND :parks = 1 THEN 0 ELSE cast(:lease as bigint) END, updated_ms = :now
                                              WHERE id = :id AND version = :version RETURNING lease_until_ms)"_sql,
                                           saga.state, saga.step, data, saga.outcome, saga.attempts, saga.failure, parks ? 1 : 0, wake, ends ? 0 : tx.now() + lease_ms, tx.now(), saga.id, saga.version);
    if (!stored) throw TakenOver();
    if (!entry.direction.empty()) saga::insert_entry(tx, saga.id, entry);
    failpoint::reach("saga.recorded", saga.kind);
    return *stored;
  });
  failpoint::reach("saga.committed", saga.kind);
  saga.data = std::move(data);
  ++saga.version;
  if (ends) metrics_.counter("polyshop_sagas_ended_total", "Sagas that ended, or got stuck.", {{"kind", saga.kind}, {"state", std::string(json::enum_name(saga.state))}}).add();
  return lease != 0;
}

bool Sagas::park(Saga& saga, SagaState state, Timestamp poll_ms, Timestamp latest_ms) {
  const auto now = database_.clock().now();
  saga.state = state;
  // What has been waited for for long is looked at less often: a provider that is away for a day must not be asked by
  // everything that waits for it once a second. Wakes do not depend on it.
  saga.wake_ms = now + std::max(poll_ms, std::min((now - saga.created_ms) / 8, poll_max_ms));
  if (latest_ms > now) saga.wake_ms = std::min(saga.wake_ms, latest_ms);
  return commit(saga, Park::yes);
}

bool Sagas::run_step(const SagaDefinition& definition, std::size_t index, Saga& saga) {
  const auto& step = definition.steps[index];
  const bool is_past_pivot = saga::is_past_pivot(definition, index);
  // A pivot that may have happened is not abandoned for being late: only asking settles it.
  const bool may_expire = !is_past_pivot && !step.pivot;
  if (may_expire && database_.clock().now() > saga.deadline_ms) return turn_back(saga, Problem(409, "expired", definition.expired));
  auto next = saga;
  Advance advance;
  try {
    failpoint::reach("saga.before_step", saga.kind);
    advance = step.run(call_for(saga, step.name), next.data);
    failpoint::reach("saga.after_step", saga.kind);
  } catch (...) {
    return fail(saga, problem_of_current_exception(), {!is_past_pivot, may_expire});
  }
  if (advance.kind != Advance::Kind::next) {
    saga.data = std::move(next.data);
    return park(saga, advance.kind == Advance::Kind::wait ? SagaState::waiting : SagaState::unknown, advance.poll_ms, may_expire ? saga.deadline_ms + 1 : 0);
  }
  saga::step_done(definition, index, next);
  return commit_step(saga, std::move(next), {0, step.name, "forward", "", "", "", 0}, step.record, {false, may_expire});
}

// A step that was done and whose record is refused by the saga's own database was done nevertheless: that is no refusal.
bool Sagas::commit_step(Saga& saga, Saga next, const SagaEntry& entry, const std::function<void(Tx&, std::string&)>& record, Failing failing) {
  try {
    const bool more = commit(next, Park::no, entry, record);
    saga = std::move(next);
    return more;
  } catch (const TakenOver&) {
    throw;
  } catch (...) {
    return fail(saga, problem_of_current_exception(), failing);
  }
}

bool Sagas::turn_back(Saga& saga, const Problem& problem) {
  saga::turned_back(saga, problem);
  return commit(saga, Park::no);
}

bool Sagas::fail(Saga& saga, const Problem& problem, Failing failing) {
  failpoint::reach("saga.failing", saga.kind);
  saga.failure = log::redacted(problem.what());
  const bool is_refused = !is_passing(problem);
  const bool is_exhausted = ++saga.attempts >= attempts_max;
  if ((is_refused && failing.refusal_turns_back) || (is_exhausted && failing.exhaustion_turns_back)) return turn_back(saga, problem);
  if (is_exhausted) return strand(saga, saga.failure);
  saga.state = saga::goes_back(saga) ? SagaState::compensating : is_refused ? SagaState::waiting : SagaState::unknown;
  saga.wake_ms = database_.clock().now() + backoff_ms(saga.attempts);
  return commit(saga, Park::yes);
}

bool Sagas::strand(Saga& saga, std::string why) {
  log::error("a saga is stuck", {{"saga", saga.id.view()}, {"kind", saga.kind}, {"step", saga.step}, {"error", why}});
  saga.state = SagaState::stuck;
  saga.failure = std::move(why);
  return commit(saga, Park::no);
}

bool Sagas::compensate_step(const SagaDefinition& definition, Saga& saga) {
  const auto name = database_.read(own_call(), [&](Tx& tx) { return saga::next_to_undo(tx, saga); });
  if (name.empty()) {
    saga.state = SagaState::compensated;
    return commit(saga, Park::no);
  }
  const auto index = saga::index_of(definition, name);
  if (!index) return strand(saga, fmt::format("Version {} of the saga {} has no step {} in this release, which the log shows as done. Start the release that began it and retry.", saga.definition, saga.kind, name));
  const auto& step = definition.steps[*index];
  auto next = saga;
  Advance advance;
  try {
    failpoint::reach("saga.before_compensation", saga.kind);
    if (step.compensate) advance = step.compensate(call_for(saga, step.name + "/back"), next.data);
    failpoint::reach("saga.after_compensation", saga.kind);
  } catch (...) {
    return fail(saga, problem_of_current_exception(), {false, false});
  }
  if (advance.kind != Advance::Kind::next) {
    saga.data = std::move(next.data);
    return park(saga, advance.kind == Advance::Kind::wait ? SagaState::compensating : SagaState::unknown, advance.poll_ms, 0);
  }
  saga::step_undone(next);
  std::function<void(Tx&, std::string&)> record;
  if (step.record_compensation) record = [&](Tx& tx, std::string& data) { step.record_compensation(tx, data, saga.outcome); };
  return commit_step(saga, std::move(next), {0, name, "back", "", "", "", 0}, record, {false, false});
}

void Sagas::wake(Tx& tx, const SagaId& id) {
  // One that is parked is due at once; one whose step is running learns of it when it is about to be parked.
  const auto woken = tx.exec(R"(UPDATE saga SET wake_ms = CASE WHEN lease_until_ms <= :now THEN cast(:now as bigint) ELSE -1 END
                                WHERE id = :id AND state NOT IN ('done', 'compensated', 'stuck'))"_sql,
                             tx.now(), id);
  if (woken > 0) drive_after(tx, id);
}

void Sagas::drive_after(Tx& tx, const SagaId& id) {
  tx.after_commit([this, id] {
    Job job = [this, id] { try_to_run(id); };
    workers_.submit(std::move(job));  // a full queue leaves it to the poll
  });
}

bool Sagas::try_to_run(const SagaId& id) {
  try {
    return run(id).has_value();
  } catch (const std::exception& error) {
    log::warning("a saga could not be driven", {{"saga", id.view()}, {"error", error.what()}});
    return false;
  }
}

bool Sagas::run_due(std::size_t parallel) {
  const auto call = own_call();
  auto due = database_.read(call, [&](Tx& tx) {
    return tx.list<Due>("SELECT id, kind, definition, wake_ms FROM saga WHERE state NOT IN ('done', 'compensated') AND wake_ms <= :now AND lease_until_ms <= :now ORDER BY wake_ms LIMIT 200"_sql, call.now);
  });
  std::erase_if(due, [&](const Due& one) { return may_be_newer(one.kind, one.definition) && !is_orphaned(one.wake_ms, call.now); });
  if (due.empty()) return false;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> any = false;
  const auto run_some = [&] {
    for (auto i = next++; i < due.size(); i = next++)
      if (try_to_run(due[i].id)) any = true;
  };
  const auto helpers = std::min(parallel, due.size()) - 1;
  std::latch done(static_cast<std::ptrdiff_t>(helpers));
  for (std::size_t i = 0; i < helpers; ++i) {
    Job job = [&] {
      run_some();
      done.count_down();
    };
    if (!workers_.submit(std::move(job))) done.count_down();
  }
  run_some();
  done.wait();
  return any;
}

void Sagas::release_leases() {
  if (database_.engine() != Engine::sqlite) return;
  database_.write(own_call(), [](Tx& tx) { tx.exec("UPDATE saga SET lease_until_ms = 0 WHERE state NOT IN ('done', 'compensated') AND lease_until_ms > 0"_sql); });
}

void Sagas::when_moved(const SagaId& id, std::int64_t seen_version, std::move_only_function<void()> callback) {
  {
    std::lock_guard lock(mutex_);
    waiting_.emplace(id, Waiting{seen_version, std::move(callback)});
  }
  const auto saga = find(id);
  if (!saga || has_left(*saga, seen_version)) moved(id);
}

bool Sagas::has_left(const Saga& saga, std::int64_t seen_version) { return has_ended(saga.state) || (saga.version != seen_version && saga.lease_until_ms == 0); }

void Sagas::notice_moves() {
  std::vector<std::pair<SagaId, std::int64_t>> seen;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, waiting] : waiting_) seen.emplace_back(id, waiting.seen_version);
  }
  constexpr std::size_t batch = 100;
  for (std::size_t from = 0; from < seen.size(); from += batch) {
    const auto to = std::min(from + batch, seen.size());
    const auto left = database_.read(own_call(), [&](Tx& tx) {
      std::vector<SagaId> ids;
      for (auto i = from; i < to; ++i)
        if (const auto saga = saga::find(tx, seen[i].first); !saga || has_left(*saga, seen[i].second)) ids.push_back(seen[i].first);
      return ids;
    });
    for (const auto& id : left) moved(id);
  }
}

void Sagas::moved(const SagaId& id) {
  std::vector<std::move_only_function<void()>> callbacks;
  {
    std::lock_guard lock(mutex_);
    const auto [from, to] = waiting_.equal_range(id);
    for (auto at = from; at != to; ++at) callbacks.push_back(std::move(at->second.moved));
    waiting_.erase(from, to);
  }
  for (auto& callback : callbacks) callback();
}

}  // namespace polyshop::bus
