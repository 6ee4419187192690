#include <latch>

#include <fmt/format.h>

#include "bus/saga_run.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::bus {
namespace {

// Due for so long with nobody taking it: there is no instance of the release that knows it.
constexpr Timestamp orphaned_ms = 10 * 60'000;

struct Due {
  SagaId id;
  std::string kind;
  std::int64_t definition = 0;
  Timestamp wake_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Due, (), (id, kind, definition, wake_ms))

bool is_orphaned(Timestamp wake_ms, Timestamp now) { return wake_ms > 0 && wake_ms <= now - orphaned_ms; }

}  // namespace

void Sagas::define(SagaDefinition definition) {
  if (definition.steps.empty()) die("the saga " + definition.kind + " has no steps");
  for (std::size_t i = 0; i < definition.steps.size(); ++i) {
    const auto& step = definition.steps[i];
    const bool is_last = i + 1 == definition.steps.size();
    const bool announces_pivot = !is_last && definition.steps[i + 1].pivot && !definition.steps[i + 1].may_have_happened;
    if (step.logged_with_next && (is_last || announces_pivot || step.record)) die("the step " + step.name + " has to be logged by itself: it is the last, comes before a pivot that cannot be asked, or records something");
  }
  auto& versions = definitions_[definition.kind];
  const auto version = definition.version;
  if (!versions.emplace(version, std::move(definition)).second) die(fmt::format("version {} of a saga is defined twice", version));
}

SagaId Sagas::start(Tx& tx, const std::string& kind, const std::string& data) { return insert(tx, kind, data, 0).id; }
Saga Sagas::start_to_drive(Tx& tx, const std::string& kind, const std::string& data) { return insert(tx, kind, data, tx.now() + saga::step_ms_max); }

Saga Sagas::insert(Tx& tx, const std::string& kind, const std::string& data, Timestamp lease_until_ms) {
  const auto& definition = definitions_.at(kind).rbegin()->second;
  Saga saga;
  saga.id = SagaId::make(tx.now());
  saga.kind = kind;
  saga.definition = definition.version;
  saga.step = definition.steps.front().name;
  saga.version = 1;
  saga.data = data;
  saga.wake_ms = saga.created_ms = saga.updated_ms = tx.now();
  saga.lease_until_ms = lease_until_ms;
  saga.deadline_ms = tx.now() + definition.deadline_ms;
  tx.exec(R"(INSERT INTO saga (id, kind, definition, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms, updated_ms)
             VALUES (:id, :kind, :definition, :state, :step, :version, :data, :outcome, :attempts, :failure, :wake_ms, :lease_until_ms, :deadline_ms, :created_ms, :updated_ms))"_sql,
          saga);
  failpoint::reach("saga.started", kind);
  return saga;
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

Call Sagas::own_call() const { return saga::own_call(database_); }

// While it goes forward, `running` says that a runner has it or died with it: whoever leaves it in order leaves it in another state.
std::optional<Sagas::Leased> Sagas::lease(const SagaId& id) {
  std::optional<Leased> leased;
  database_.write(own_call(), [&](Tx& tx) {
    leased.reset();
    auto saga = saga::find(tx, id);
    if (!saga || saga->state == SagaState::done || saga->state == SagaState::compensated) return;
    if (saga->lease_until_ms > tx.now() || saga->wake_ms > tx.now()) return;
    if (may_be_newer(saga->kind, saga->definition) && !is_orphaned(saga->wake_ms, tx.now())) return;
    const bool is_suspect = saga::is_suspect(*saga);
    saga->state = saga::goes_back(*saga) ? SagaState::compensating : SagaState::running;
    saga->wake_ms = std::max<Timestamp>(saga->wake_ms, 0);
    saga->lease_until_ms = tx.now() + saga::lease_ms;
    const auto taken = tx.exec(R"(UPDATE saga SET state = :state, lease_until_ms = :lease_until_ms, wake_ms = :wake_ms, version = version + 1
                                  WHERE id = :id AND version = :version AND lease_until_ms <= :now)"_sql,
                               *saga, tx.now());
    if (taken == 0) return;
    ++saga->version;
    leased = Leased{std::move(*saga), is_suspect};
  });
  return leased;
}

std::optional<Saga> Sagas::run(Leased leased) {
  const auto id = leased.saga.id;
  const auto* definition = find_definition(leased.saga);
  std::optional<Saga> saga;
  try {
    saga = SagaRun(database_, metrics_, definition, std::move(leased.saga), leased.is_suspect).go();
  } catch (const TakenOver&) {
    // Its lease ran out while a step was slow; whoever holds it now repeats the step with the same key.
    return find(id);
  }
  moved(id);
  return saga;
}

std::optional<Saga> Sagas::drive(const SagaId& id) {
  auto leased = lease(id);
  return leased ? run(std::move(*leased)) : find(id);
}

std::optional<Saga> Sagas::drive(Saga started) { return run({std::move(started), false}); }

void Sagas::wake(Tx& tx, const SagaId& id) {
  // One that is parked is due at once; one whose step is running learns of it when it is about to be parked.
  const auto lease = tx.find<Timestamp>(R"(UPDATE saga SET wake_ms = CASE WHEN lease_until_ms <= :now THEN cast(:now as bigint) ELSE -1 END
                                           WHERE id = :id AND state NOT IN ('done', 'compensated') AND wake_ms < :never RETURNING lease_until_ms)"_sql,
                                        tx.now(), id, saga::never);
  if (lease && *lease <= tx.now()) drive_after(tx, id);
}

void Sagas::drive_after(Tx& tx, const SagaId& id) {
  tx.after_commit([this, id] {
    Job job = [this, id] { try_to_run(id); };
    workers_.submit(std::move(job));  // a full queue leaves it to the poll
  });
}

bool Sagas::try_to_run(const SagaId& id) {
  try {
    auto leased = lease(id);
    return leased && run(std::move(*leased)).has_value();
  } catch (const std::exception& error) {
    log::warning("a saga could not be driven", {{"saga", id.view()}, {"error", error.what()}});
    return false;
  }
}

bool Sagas::run_due(std::size_t parallel) {
  const auto call = own_call();
  auto due = database_.read_once(call, [&](Tx& tx) {
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
