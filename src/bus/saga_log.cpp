#include <fmt/format.h>

#include "bus/saga.hpp"
#include "kernel/json/problem_json.hpp"

// What is known of sagas, and what somebody does about them.
namespace polyshop::bus {
namespace saga {

std::optional<std::size_t> index_of(const SagaDefinition& definition, const std::string& step) {
  for (std::size_t i = 0; i < definition.steps.size(); ++i)
    if (definition.steps[i].name == step) return i;
  return {};
}

bool is_past_pivot(const SagaDefinition& definition, std::size_t index) {
  for (std::size_t i = 0; i < index; ++i)
    if (definition.steps[i].pivot) return true;
  return false;
}

void step_done(const SagaDefinition& definition, std::size_t index, Saga& saga) {
  const bool is_last = index + 1 == definition.steps.size();
  saga.state = is_last ? SagaState::done : SagaState::running;
  if (!is_last) saga.step = definition.steps[index + 1].name;
  saga.attempts = 0;
  saga.failure.clear();
}

std::vector<SagaEntry> suspect_unlogged(const SagaDefinition& definition, Saga& saga) {
  std::vector<SagaEntry> entries;
  const auto goes_on = [&](std::size_t index) { return definition.steps[index].logged_with_next && !definition.steps[index].pivot && !definition.steps[index + 1].pivot; };
  for (auto index = index_of(definition, saga.step); index && goes_on(*index); ++*index) {
    entries.push_back({0, saga.step, "forward", "unsure", "", "", 0});
    saga.step = definition.steps[*index + 1].name;
  }
  return entries;
}

const SagaStep* pivot_to_ask(const SagaDefinition& definition, const Saga& saga) {
  const auto index = index_of(definition, saga.step);
  const auto pivot = std::ranges::find(definition.steps, true, &SagaStep::pivot);
  const bool is_before = index && pivot != definition.steps.end() && pivot - definition.steps.begin() > static_cast<std::ptrdiff_t>(*index);
  return is_before && pivot->may_have_happened ? &*pivot : nullptr;
}

void turned_back(Saga& saga, const Problem& problem) {
  saga.state = SagaState::compensating;
  saga.attempts = 0;
  saga.outcome = json::problem_text(problem, {}, {});
}

void step_undone(Saga& saga) {
  saga.state = SagaState::compensating;
  saga.step.clear();
  saga.attempts = 0;
  saga.failure.clear();
}

std::string next_to_undo(Tx& tx, const Saga& saga) {
  if (!saga.step.empty()) return saga.step;
  return tx.find<std::string>(R"(SELECT step FROM saga_step AS done WHERE saga_id = :id AND direction = 'forward'
                                 AND NOT EXISTS (SELECT 1 FROM saga_step AS undone WHERE undone.saga_id = done.saga_id AND undone.step = done.step AND undone.direction = 'back')
                                 ORDER BY number DESC LIMIT 1)"_sql,
                              saga.id)
      .value_or("");
}

void insert_entries(Tx& tx, const SagaId& id, const std::vector<SagaEntry>& entries) {
  tx.exec(db::one_of(R"(INSERT INTO saga_step (saga_id, number, step, direction, result, actor, reason, time_ms)
                        SELECT :id, (SELECT coalesce(max(number), 0) FROM saga_step WHERE saga_id = :id) + e.key + 1,
                               e.value ->> 'step', e.value ->> 'direction', e.value ->> 'result', e.value ->> 'actor', e.value ->> 'reason', :now
                        FROM json_each(:entries) AS e)"_sqlite,
                     R"(INSERT INTO saga_step (saga_id, number, step, direction, result, actor, reason, time_ms)
                        SELECT :id, (SELECT coalesce(max(number), 0) FROM saga_step WHERE saga_id = :id) + e.key,
                               e.value ->> 'step', e.value ->> 'direction', e.value ->> 'result', e.value ->> 'actor', e.value ->> 'reason', cast(:now as bigint)
                        FROM jsonb_array_elements(cast(:entries as jsonb)) WITH ORDINALITY AS e (value, key))"_postgresql),
          id, tx.now(), db::Json<std::vector<SagaEntry>>{entries});
}

std::optional<Saga> find(Tx& tx, const SagaId& id) {
  return tx.find<Saga>(R"(SELECT id, kind, definition, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms, updated_ms
                          FROM saga WHERE id = :id)"_sql,
                       id);
}

}  // namespace saga

namespace {

struct Count {
  SagaState state = SagaState::running;
  std::int64_t count = 0;
  Timestamp oldest_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Count, (), (state, count, oldest_ms))

Problem refused(std::string code, std::string detail) { return Problem::conflict(std::move(code), std::move(detail)); }

Problem unknown_step(const std::string& step) { return refused("definition_missing", fmt::format("This release does not know its step {}. Start the release that began it.", step)); }

void check_may_go_back(const SagaDefinition& definition, const Saga& saga) {
  if (saga::goes_back(saga)) throw refused("saga_compensating", "It is being undone already. Retry it, or skip the step that cannot be undone.");
  const auto index = saga::index_of(definition, saga.step);
  if (!index) throw unknown_step(saga.step);
  if (saga::is_past_pivot(definition, *index)) throw refused("past_pivot", fmt::format("It is past its pivot, so what it did stands and it only goes forward. Retry it, or skip the step {} once it was done by hand.", saga.step));
  if (definition.steps[*index].pivot) throw refused("pivot_unknown", fmt::format("It stands at its pivot {}, which may have happened. Only asking settles that: retry it.", saga.step));
}

}  // namespace

std::optional<Saga> Sagas::find(const SagaId& id) {
  return database_.read_once(own_call(), [&](Tx& tx) { return saga::find(tx, id); });
}

std::vector<Saga> Sagas::list(const Call& call, const SagaFilter& filter) {
  return database_.read(call, [&](Tx& tx) {
    return tx.list<Saga>(R"(SELECT id, kind, definition, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms, updated_ms
                            FROM saga WHERE (cast(:state as text) IS NULL OR state = :state) AND (cast(:kind as text) IS NULL OR kind = :kind)
                            AND (cast(:before as text) IS NULL OR id < :before) AND (cast(:unended as bigint) = 0 OR state NOT IN ('done', 'compensated'))
                            ORDER BY id DESC LIMIT :limit)"_sql,
                         filter.state, filter.kind, filter.before, filter.unended ? 1 : 0, filter.limit);
  });
}

std::vector<SagaEntry> Sagas::entries(const Call& call, const SagaId& id) {
  return database_.read(call, [&](Tx& tx) {
    return tx.list<SagaEntry>("SELECT number, step, direction, result, actor, reason, time_ms FROM saga_step WHERE saga_id = :id ORDER BY number"_sql, id);
  });
}

// Asked outside of a transaction. Where the saga goes on meanwhile, its version tells.
bool Sagas::may_be_past_pivot(const Call& call, const SagaId& id) {
  const auto saga = find(id);
  const auto* definition = saga ? find_definition(*saga) : nullptr;
  const auto* pivot = definition && !saga::goes_back(*saga) ? saga::pivot_to_ask(*definition, *saga) : nullptr;
  auto asking = own_call();
  asking.deadline = call.deadline;
  return pivot && pivot->may_have_happened(asking, saga->data);
}

Saga Sagas::intervene(const Call& call, const SagaId& id, std::int64_t version, SagaAction action, const std::string& reason) {
  const bool gives_up = action == SagaAction::compensate || action == SagaAction::cancel;
  const bool is_past_pivot = gives_up && may_be_past_pivot(call, id);
  return database_.write(call, [&](Tx& tx) {
    auto saga = saga::find(tx, id);
    if (!saga) throw Problem::not_found("saga", id.view());
    if (saga->state == SagaState::done || saga->state == SagaState::compensated) throw refused("saga_ended", fmt::format("It has ended as {}.", json::enum_name(saga->state)));
    if (saga->version != version) throw Problem::precondition_failed("The saga has moved since you read it; read it again and decide anew.");
    if (saga->lease_until_ms > tx.now()) throw refused("saga_running", "Its step is being run at this moment. Read it again and decide anew.");
    const auto* definition = find_definition(*saga);
    if (!definition && action != SagaAction::retry) throw refused("definition_missing", "This release does not know the steps of its version. Start the release that began it.");
    SagaEntry entry{0, saga->step, "none", std::string(json::enum_name(action)), call.actor.id, reason, 0};
    const bool is_stuck = saga->state == SagaState::stuck;
    std::vector<SagaEntry> unsure;
    const auto give_up = [&](Problem problem) {
      check_may_go_back(*definition, *saga);
      if (is_past_pivot) throw refused("pivot_unknown", "Its pivot may have happened, though its log does not show it. Only asking settles that: retry it.");
      if (saga::is_suspect(*saga)) unsure = saga::suspect_unlogged(*definition, *saga);
      saga::turned_back(*saga, problem);
    };
    switch (action) {
      case SagaAction::retry: saga->state = saga::goes_back(*saga) ? SagaState::compensating : SagaState::running; break;
      case SagaAction::skip: skip(tx, *definition, *saga, entry); break;
      case SagaAction::compensate:
        if (!is_stuck) throw refused("not_stuck", fmt::format("It is {} and goes on by itself. Cancel it to give it up.", json::enum_name(saga->state)));
        give_up(Problem::conflict("undone", "It could not go on and was undone by the shop's staff."));
        break;
      case SagaAction::cancel:
        if (is_stuck) throw refused("saga_stuck", "It is stuck. Compensate it to undo what it did.");
        give_up(Problem::conflict("given_up", "It was given up by the shop's staff."));
        break;
    }
    const bool ends = has_ended(saga->state);
    const auto changed = tx.exec(R"(UPDATE saga SET state = :state, step = :step, version = version + 1, data = :data, outcome = :outcome, attempts = 0, failure = :failure, wake_ms = :now, lease_until_ms = 0, updated_ms = :now
                                    WHERE id = :id AND version = :version)"_sql,
                                 saga->state, saga->step, saga->data, saga->outcome, saga->failure, tx.now(), id, version);
    if (changed == 0) throw Problem::precondition_failed("The saga has moved since you read it; read it again and decide anew.");
    unsure.push_back(entry);
    saga::insert_entries(tx, id, unsure);
    if (!ends) drive_after(tx, id);
    tx.after_commit([this, id] { moved(id); });
    return saga::find(tx, id).value();
  });
}

// The step counts as done, or undone: by hand, so only what it records is left to do.
void Sagas::skip(Tx& tx, const SagaDefinition& definition, Saga& saga, SagaEntry& entry) {
  if (saga.state != SagaState::stuck && saga.attempts == 0) throw refused("not_failing", "Its step does not fail, so there is nothing to skip.");
  const auto name = saga::goes_back(saga) ? saga::next_to_undo(tx, saga) : saga.step;
  const auto index = saga::index_of(definition, name);
  if (!index) throw unknown_step(name);
  const auto& step = definition.steps[*index];
  entry.step = name;
  entry.result = "skipped";
  if (saga::goes_back(saga)) {
    entry.direction = "back";
    if (step.record_compensation) step.record_compensation(tx, saga.data, saga.outcome);
    return saga::step_undone(saga);
  }
  if (step.pivot) throw refused("pivot_unknown", fmt::format("The step {} is its pivot. Whether that happened is settled only by asking: retry it.", name));
  entry.direction = "forward";
  if (step.record) step.record(tx, saga.data);
  saga::step_done(definition, *index, saga);
}

void Sagas::forget_ended(Timestamp kept_ms) {
  const auto call = own_call();
  const auto before = call.now - kept_ms;
  constexpr std::int64_t batch = 100;
  std::int64_t removed = batch;
  // Ids sort by when they were made, so the old ones come first without an index of their own.
  while (removed == batch)
    removed = database_.write(call, [&](Tx& tx) {
      return tx.exec(R"(DELETE FROM saga WHERE id IN (SELECT id FROM saga WHERE id < :oldest_kept AND state IN ('done', 'compensated') AND updated_ms < :before ORDER BY id LIMIT :batch))"_sql,
                     SagaId::make(before), before, batch);
    });
}

void Sagas::measure() {
  const auto call = own_call();
  const auto counts = database_.read(call, [](Tx& tx) {
    return tx.list<Count>("SELECT state, count(*) AS count, min(created_ms) AS oldest_ms FROM saga WHERE state NOT IN ('done', 'compensated') GROUP BY state"_sql);
  });
  const Metrics::Labels module{{"module", database_.module()}};
  Timestamp oldest_ms = call.now;
  for (const auto state : {SagaState::running, SagaState::waiting, SagaState::unknown, SagaState::compensating, SagaState::stuck}) {
    const auto found = std::ranges::find(counts, state, &Count::state);
    auto labels = module;
    labels["state"] = json::enum_name(state);
    metrics_.gauge("polyshop_sagas", "Sagas that have not ended, by state.", labels).set(found == counts.end() ? 0 : static_cast<double>(found->count));
    if (found != counts.end() && state != SagaState::stuck) oldest_ms = std::min(oldest_ms, found->oldest_ms);
  }
  metrics_.gauge("polyshop_saga_oldest_seconds", "The age of the oldest saga that is under way; stuck ones are counted, not aged.", module).set(static_cast<double>(call.now - oldest_ms) / 1000);
}

}  // namespace polyshop::bus
