#include "bus/saga_run.hpp"

#include <fmt/format.h>

#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::bus {
namespace {

constexpr std::int64_t attempts_max = 20;  // of one step, over about an hour; then somebody has to look
constexpr Timestamp poll_max_ms = 300'000;

Timestamp backoff_ms(std::int64_t attempts) { return std::min<Timestamp>(100LL << std::min<std::int64_t>(attempts, 12), poll_max_ms); }

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

Call saga::own_call(Database& database) {
  Call call;
  call.actor = Actor::system("sagas");
  call.module = database.module();
  call.now = database.clock().now();
  return call;
}

Call SagaRun::own_call() const { return saga::own_call(database_); }

Call SagaRun::call_for(const std::string& step) const {
  auto call = own_call();
  call.actor = Actor::system("saga." + saga_.kind);
  call.deadline = std::min(lease_ends_, std::chrono::steady_clock::now() + std::chrono::milliseconds(saga::step_ms_max));
  call.trace = Trace::make();
  call.request_id = saga_.id.str();
  call.key = "saga/" + saga_.id.str() + "/" + step;
  return call;
}

Saga SagaRun::go() {
  failpoint::reach("saga.leased", saga_.kind);
  while (advance()) {}
  return std::move(saga_);
}

bool SagaRun::advance() {
  if (!definition_) return strand(fmt::format("This release has no version {} of the saga {}. Start the release that began it and retry, or undo by hand what its log shows.", saga_.definition, saga_.kind));
  if (saga::goes_back(saga_)) return compensate_step();
  const auto index = saga::index_of(*definition_, saga_.step);
  if (!index) return strand(fmt::format("Version {} of the saga {} has no step {} in this release. Start the release that began it and retry.", saga_.definition, saga_.kind, saga_.step));
  return run_step(*index);
}

// Writes how the saga stands, logs what was done and says what comes next, in one transaction. A wake that came while the step
// ran (wake_ms is -1) turns parking into going on. Answers whether there is more to do now.
bool SagaRun::commit(Park park, const Record& record) {
  const bool parks = park == Park::yes;
  // It goes on asking, and is listed as stuck meanwhile: somebody should look.
  const bool is_late = parks && database_.clock().now() > saga_.deadline_ms + saga::late_ms;
  if (is_late) log::error("a saga is late", {{"saga", saga_.id.view()}, {"kind", saga_.kind}, {"step", saga_.step}, {"error", saga_.failure}});
  const auto state = is_late ? SagaState::stuck : saga_.state;
  const bool ends = !parks && Sagas::has_ended(state);
  auto data = saga_.data;
  const auto lease_ends = std::chrono::steady_clock::now() + std::chrono::milliseconds(saga::lease_ms);
  const auto lease = database_.write(own_call(), [&](Tx& tx) {
    data = saga_.data;
    if (record) {
      // Whoever was overtaken finds everything done, which a record need not be able to take.
      if (tx.exec("UPDATE saga SET updated_ms = :now WHERE id = :id AND version = :version"_sql, tx.now(), saga_.id, saga_.version) == 0) throw TakenOver();
      record(tx, data);
    }
    const auto wake = parks ? saga_.wake_ms : state == SagaState::stuck ? saga::never : tx.now();
    const auto stored = tx.find<Timestamp>(R"(UPDATE saga SET state = :state, step = :step, version = version + 1, data = :data, outcome = :outcome, attempts = :attempts, failure = :failure,
                                                     wake_ms = CASE WHEN wake_ms < 0 AND :parks = 1 THEN 0 ELSE cast(:wake_ms as bigint) END,
                                                     lease_until_ms = CASE WHEN wake_ms >= 0 AND :parks = 1 THEN 0 ELSE cast(:lease as bigint) END, updated_ms = :now
                                              WHERE id = :id AND version = :version RETURNING lease_until_ms)"_sql,
                                           state, saga_.step, data, saga_.outcome, saga_.attempts, saga_.failure, parks ? 1 : 0, wake, ends ? 0 : tx.now() + saga::lease_ms, tx.now(), saga_.id, saga_.version);
    if (!stored) throw TakenOver();
    if (!unlogged_.empty()) saga::insert_entries(tx, saga_.id, unlogged_);
    failpoint::reach("saga.recorded", saga_.kind);
    return *stored;
  });
  failpoint::reach("saga.committed", saga_.kind);
  unlogged_.clear();
  saga_.data = std::move(data);
  ++saga_.version;
  lease_ends_ = lease_ends;
  if (ends) metrics_.counter("polyshop_sagas_ended_total", "Sagas that ended, or got stuck.", {{"kind", saga_.kind}, {"state", std::string(json::enum_name(saga_.state))}}).add();
  if (lease != 0) return true;
  saga_.state = state;
  return false;
}

bool SagaRun::park(SagaState state, Timestamp poll_ms, Timestamp latest_ms) {
  const auto now = database_.clock().now();
  saga_.state = state;
  // What has been waited for for long is looked at less often: a provider that is away for a day must not be asked by
  // everything that waits for it once a second. Wakes do not depend on it.
  saga_.wake_ms = now + std::max(poll_ms, std::min((now - saga_.created_ms) / 8, poll_max_ms));
  if (latest_ms > now) saga_.wake_ms = std::min(saga_.wake_ms, latest_ms);
  return commit(Park::yes);
}

bool SagaRun::run_step(std::size_t index) {
  const auto& step = definition_->steps[index];
  const bool is_past_pivot = saga::is_past_pivot(*definition_, index);
  // A pivot that may have happened is not abandoned for being late: only asking settles it.
  const bool may_expire = !is_past_pivot && !step.pivot;
  if (may_expire && database_.clock().now() > saga_.deadline_ms) return turn_back(Problem(409, "expired", definition_->expired));
  auto next = saga_;
  Advance advance;
  try {
    failpoint::reach("saga.before_step", saga_.kind);
    advance = step.run(call_for(step.name), next.data);
    failpoint::reach("saga.after_step", saga_.kind);
  } catch (...) {
    return fail(problem_of_current_exception(), {!is_past_pivot, may_expire});
  }
  if (advance.kind != Advance::Kind::next) {
    saga_.data = std::move(next.data);
    return park(advance.kind == Advance::Kind::wait ? SagaState::waiting : SagaState::unknown, advance.poll_ms, may_expire ? saga_.deadline_ms + 1 : 0);
  }
  saga::step_done(*definition_, index, next);
  SagaEntry entry{0, step.name, "forward", "", "", "", 0};
  if (!step.logged_with_next) return commit_step(std::move(next), std::move(entry), step.record, {false, may_expire});
  saga_ = std::move(next);
  unlogged_.push_back(std::move(entry));
  return true;
}

// A step that was done and whose record is refused by the saga's own database was done nevertheless: that is no refusal.
bool SagaRun::commit_step(Saga next, SagaEntry entry, const Record& record, Failing failing) {
  const auto before = std::exchange(saga_, std::move(next));
  unlogged_.push_back(std::move(entry));
  try {
    return commit(Park::no, record);
  } catch (const TakenOver&) {
    throw;
  } catch (...) {
    saga_ = before;
    unlogged_.pop_back();
    return fail(problem_of_current_exception(), failing);
  }
}

bool SagaRun::turn_back(const Problem& problem) {
  if (const auto* pivot = saga::pivot_to_ask(*definition_, saga_)) {
    try {
      if (pivot->may_have_happened(call_for(pivot->name), saga_.data)) return go_on_at(*pivot);
    } catch (...) {
      return fail(problem_of_current_exception(), {false, false});
    }
  }
  if (is_suspect_) std::ranges::move(saga::suspect_unlogged(*definition_, saga_), std::back_inserter(unlogged_));
  saga::turned_back(saga_, problem);
  return commit(Park::no);
}

bool SagaRun::go_on_at(const SagaStep& pivot) {
  std::ranges::move(saga::suspect_unlogged(*definition_, saga_), std::back_inserter(unlogged_));
  unlogged_.push_back({0, saga_.step, "forward", "unsure", "", "", 0});
  saga_.step = pivot.name;
  saga_.attempts = 0;
  return commit(Park::no);
}

bool SagaRun::fail(const Problem& problem, Failing failing) {
  failpoint::reach("saga.failing", saga_.kind);
  saga_.failure = log::redacted(problem.what());
  const bool is_refused = !is_passing(problem);
  const bool is_exhausted = ++saga_.attempts >= attempts_max;
  if ((is_refused && failing.refusal_turns_back) || (is_exhausted && failing.exhaustion_turns_back)) return turn_back(problem);
  if (is_exhausted) return strand(saga_.failure);
  saga_.state = saga::goes_back(saga_) ? SagaState::compensating : is_refused ? SagaState::waiting : SagaState::unknown;
  saga_.wake_ms = database_.clock().now() + backoff_ms(saga_.attempts);
  return commit(Park::yes);
}

bool SagaRun::strand(std::string why) {
  log::error("a saga is stuck", {{"saga", saga_.id.view()}, {"kind", saga_.kind}, {"step", saga_.step}, {"error", why}});
  saga_.state = SagaState::stuck;
  saga_.failure = std::move(why);
  return commit(Park::no);
}

bool SagaRun::compensate_step() {
  const auto name = database_.read(own_call(), [&](Tx& tx) { return saga::next_to_undo(tx, saga_); });
  if (name.empty()) {
    saga_.state = SagaState::compensated;
    return commit(Park::no);
  }
  const auto index = saga::index_of(*definition_, name);
  if (!index) return strand(fmt::format("Version {} of the saga {} has no step {} in this release, which the log shows as done. Start the release that began it and retry.", saga_.definition, saga_.kind, name));
  const auto& step = definition_->steps[*index];
  auto next = saga_;
  Advance advance;
  try {
    failpoint::reach("saga.before_compensation", saga_.kind);
    if (step.compensate) advance = step.compensate(call_for(step.name + "/back"), next.data);
    failpoint::reach("saga.after_compensation", saga_.kind);
  } catch (...) {
    return fail(problem_of_current_exception(), {false, false});
  }
  if (advance.kind != Advance::Kind::next) {
    saga_.data = std::move(next.data);
    return park(advance.kind == Advance::Kind::wait ? SagaState::compensating : SagaState::unknown, advance.poll_ms, 0);
  }
  saga::step_undone(next);
  Record record;
  if (step.record_compensation) record = [&step, outcome = saga_.outcome](Tx& tx, std::string& data) { step.record_compensation(tx, data, outcome); };
  return commit_step(std::move(next), {0, name, "back", "", "", "", 0}, record, {false, false});
}

}  // namespace polyshop::bus
