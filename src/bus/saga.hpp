#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernel/db/database.hpp"
#include "kernel/runtime/workers.hpp"

namespace polyshop::bus {

// Forward a saga is running, waits for something it was promised, or does not know what came of its step: the call failed in
// a way that leaves open whether it took effect. That is left only by asking, which is to run the step again under the same
// key. Back it is compensating until it is compensated. A stuck one needs somebody to look at it.
enum class SagaState { running, waiting, unknown, compensating, done, compensated, stuck };
BOOST_DESCRIBE_ENUM(SagaState, running, waiting, unknown, compensating, done, compensated, stuck)

using SagaId = Id<"saga">;

// A saga as it stands.
struct Saga {
  SagaId id;
  std::string kind;
  std::int64_t definition = 1;  // the version of the definition that it was started under, and whose steps alone run it
  SagaState state = SagaState::running;
  std::string step;         // the next to run, or to compensate; empty where the log says what to compensate next
  std::int64_t version = 0;
  std::string data;         // JSON of the definition's data
  std::string outcome;      // problem+json of what made it compensate, or empty
  std::int64_t attempts = 0;  // of the step, that failed
  std::string failure;
  Timestamp wake_ms = 0;
  Timestamp lease_until_ms = 0;
  Timestamp deadline_ms = 0;
  Timestamp created_ms = 0;
  Timestamp updated_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Saga, (), (id, kind, definition, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms, updated_ms))

// An entry of a saga's log: a step that was done or undone, or somebody who intervened.
struct SagaEntry {
  std::int64_t number = 0;
  std::string step;
  std::string direction;  // forward, back; none where only somebody intervened
  std::string result;     // skipped, or retry, compensate, cancel; unsure: a runner died and may have done it; empty where the saga itself did the step
  std::string actor;      // who intervened, and why
  std::string reason;
  Timestamp time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(SagaEntry, (), (number, step, direction, result, actor, reason, time_ms))

// What a step answers. A step that throws a Problem that waiting may mend (503, 507, 429, 5xx) is repeated; any other Problem
// before and at the pivot makes the saga compensate. After the pivot every failure is repeated, until the saga is stuck.
struct Advance {
  enum class Kind { next, wait, unknown };
  Kind kind = Kind::next;
  Timestamp poll_ms = 0;  // the step is run again when the saga is woken, or after this long; after longer where it waits for long
  static Advance next() { return {}; }
  static Advance wait(Timestamp poll_ms) { return {Kind::wait, poll_ms}; }
  // It was asked for and nobody can say yet whether it happened.
  static Advance unknown(Timestamp poll_ms) { return {Kind::unknown, poll_ms}; }
};

// A step calls facades with the key `saga/<id>/<step>`, holding no transaction; `record` then runs in the transaction that
// logs the step. `compensate` undoes what the log says it did, or what it may have done where it failed; it must succeed in the end,
// so it is repeated.
struct SagaStep {
  std::string name;
  std::function<Advance(const Call& call, std::string& data)> run;
  std::function<void(Tx& tx, std::string& data)> record = nullptr;
  std::function<Advance(const Call& call, std::string& data)> compensate = nullptr;
  std::function<void(Tx& tx, std::string& data, const std::string& outcome)> record_compensation = nullptr;
  bool pivot = false;  // once it is done the saga only goes forward, and what came of it is settled only by asking
  // Of the pivot: whether it may have happened, in its own step or in one before; changes nothing. Asked before the saga is turned back where the
  // log does not say that it stands at its pivot; one whose pivot may have happened goes on from there.
  std::function<bool(const Call& call, const std::string& data)> may_have_happened = nullptr;
  // Its entry is written with that of a later step, which spares a commit. Where the process dies before, the step is run again, so a
  // repetition has to answer as the first did, and its compensation has to do no harm where it was never run. Never the last
  // step; nor the one before a pivot that cannot say whether it may have happened, since then the log has to say that it comes.
  bool logged_with_next = false;
};

// Steps that differ from those of a release before are a new version; the old one stays defined until none of its sagas runs.
struct SagaDefinition {
  std::string kind;
  std::int64_t version = 1;
  std::vector<SagaStep> steps;
  Timestamp deadline_ms = 15 * 60'000;  // after which a saga before its pivot compensates
  std::string expired = "It took too long and was given up.";
};

// Steps over a described struct instead of its text. A compensation may answer nothing.
template <class D, class F>
auto saga_call(F run) {
  return [run = std::move(run)](const Call& call, std::string& text) {
    auto data = json::from_text<D>(text, json::Mode::lenient);
    Advance advance;
    if constexpr (std::is_void_v<std::invoke_result_t<const F&, const Call&, D&>>)
      run(call, data);
    else
      advance = run(call, data);
    text = json::to_text(data);
    return advance;
  };
}
template <class D, class F>
auto saga_step(F run) {
  return saga_call<D>(std::move(run));
}
template <class D, class F>
auto saga_compensation(F run) {
  return saga_call<D>(std::move(run));
}
template <class D>
auto saga_record(std::function<void(Tx&, D&)> run) {
  return [run = std::move(run)](Tx& tx, std::string& text) {
    auto data = json::from_text<D>(text, json::Mode::lenient);
    run(tx, data);
    text = json::to_text(data);
  };
}

// What somebody may do about a saga. retry: the step is run again now. skip: a failing step counts as done, having been done by
// hand; what it records is recorded. compensate: a stuck saga is undone. cancel: one that is under way is given up.
enum class SagaAction { retry, skip, compensate, cancel };
BOOST_DESCRIBE_ENUM(SagaAction, retry, skip, compensate, cancel)

struct SagaFilter {
  std::optional<SagaState> state;
  std::optional<std::string> kind;
  std::optional<SagaId> before;
  bool unended = false;  // only those that have not ended
  std::int64_t limit = 100;
};

// The sagas of one module. A runner holds a lease, and every commit compares the saga's version, so that two instances
// never both advance one.
class Sagas {
 public:
  Sagas(Database& database, Workers& workers, Metrics& metrics) : database_(database), workers_(workers), metrics_(metrics) {}

  void define(SagaDefinition definition);
  bool are_defined() const { return !definitions_.empty(); }
  // In the transaction of the change that wants it. Run it afterwards with drive(), or leave it to the poll.
  SagaId start(Tx& tx, const std::string& kind, const std::string& data);
  // The same, leased to the caller, who drives it as soon as the transaction is through; where it dies before, the poll does
  // once the lease is over.
  Saga start_to_drive(Tx& tx, const std::string& kind, const std::string& data);
  // Runs steps on this thread until the saga ends, waits, or fails for now. Does nothing where it is not due, or somebody
  // else runs it. Answers how it stands; nothing where it is gone, having ended long ago.
  std::optional<Saga> drive(const SagaId& id);
  std::optional<Saga> drive(Saga started);
  std::optional<Saga> find(const SagaId& id);
  // Something a waiting saga may be waiting for has happened; from a subscription's or an effect's transaction.
  void wake(Tx& tx, const SagaId& id);
  // Calls back once, from any thread, when a runner has left the saga after that version: it has ended, or waits for
  // something else. At once where that is so already; within the poll's 250 ms where another instance runs it.
  void when_moved(const SagaId& id, std::int64_t seen_version, std::move_only_function<void()> moved);

  // Runs what is due: woken, to be repeated, or left by a process that died; with up to `parallel` at a time.
  bool run_due(std::size_t parallel = 1);
  // Looks whether what when_moved() waits for has moved elsewhere.
  void notice_moves();
  void release_leases();  // SQLite, at start
  // Removes those that ended `kept_ms` ago or longer, some at a time.
  void forget_ended(Timestamp kept_ms);
  void measure();

  std::vector<Saga> list(const Call& call, const SagaFilter& filter);  // the latest first
  std::vector<SagaEntry> entries(const Call& call, const SagaId& id);
  // Throws Problem 404, 412 where the version is another, 409 where a runner has it or the saga's state does not allow it. Is
  // recorded in the log with the actor. The saga then goes on by itself.
  Saga intervene(const Call& call, const SagaId& id, std::int64_t version, SagaAction action, const std::string& reason);

  static bool has_ended(SagaState state) { return state == SagaState::done || state == SagaState::compensated || state == SagaState::stuck; }

 private:
  struct Waiting {
    std::int64_t seen_version;
    std::move_only_function<void()> moved;
  };
  struct Leased {
    Saga saga;
    bool is_suspect;  // left by a runner that died with it, or known not to know what it did
  };
  const SagaDefinition* find_definition(const Saga& saga) const;
  bool may_be_newer(const std::string& kind, std::int64_t version) const;
  Call own_call() const;
  Saga insert(Tx& tx, const std::string& kind, const std::string& data, Timestamp lease_until_ms);
  std::optional<Leased> lease(const SagaId& id);  // nothing where it is not due or not free
  std::optional<Saga> run(Leased leased);
  bool try_to_run(const SagaId& id);
  void drive_after(Tx& tx, const SagaId& id);
  void skip(Tx& tx, const SagaDefinition& definition, Saga& saga, SagaEntry& entry);
  bool may_be_past_pivot(const Call& call, const SagaId& id);

  static bool has_left(const Saga& saga, std::int64_t seen_version);
  void moved(const SagaId& id);

  Database& database_;
  Workers& workers_;
  Metrics& metrics_;
  std::map<std::string, std::map<std::int64_t, SagaDefinition>> definitions_;
  std::mutex mutex_;
  std::multimap<SagaId, Waiting> waiting_;
};

namespace saga {

// Where a saga of that definition stands; nothing where the definition has no such step.
std::optional<std::size_t> index_of(const SagaDefinition& definition, const std::string& step);
bool is_past_pivot(const SagaDefinition& definition, std::size_t index);
inline bool goes_back(const Saga& saga) { return !saga.outcome.empty(); }
// The saga after its step was done: at the next one, or ended.
void step_done(const SagaDefinition& definition, std::size_t index, Saga& saga);
void step_undone(Saga& saga);
void turned_back(Saga& saga, const Problem& problem);
// Of a saga whose runner died, or that does not know: entries for what may have been done without logging it, before its pivot. The saga then
// stands at the last of these steps.
std::vector<SagaEntry> suspect_unlogged(const SagaDefinition& definition, Saga& saga);
inline bool is_suspect(const Saga& saga) { return saga.state == SagaState::running || saga.state == SagaState::unknown || saga.state == SagaState::stuck; }
// The pivot, where the saga is before it by its log and the pivot can be asked.
const SagaStep* pivot_to_ask(const SagaDefinition& definition, const Saga& saga);
// The step to be undone next: the failing one first, since it may have had its effect without our hearing of it, then in
// reverse what the saga's own log shows it did. Empty where nothing is left.
std::string next_to_undo(Tx& tx, const Saga& saga);
void insert_entries(Tx& tx, const SagaId& id, const std::vector<SagaEntry>& entries);  // after those that are there; their numbers and times are made
std::optional<Saga> find(Tx& tx, const SagaId& id);

constexpr Timestamp never = std::numeric_limits<Timestamp>::max();

}  // namespace saga
}  // namespace polyshop::bus
