#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernel/db/database.hpp"
#include "kernel/runtime/workers.hpp"

namespace polyshop::bus {

enum class SagaState { running, waiting, compensating, done, compensated, stuck };
BOOST_DESCRIBE_ENUM(SagaState, running, waiting, compensating, done, compensated, stuck)

using SagaId = Id<"saga">;

// A saga as it stands.
struct Saga {
  SagaId id;
  std::string kind;
  SagaState state = SagaState::running;
  std::string step;         // the next to run, or to compensate
  std::int64_t version = 0;
  std::string data;         // JSON of the definition's data
  std::string outcome;      // problem+json of what made it compensate, or empty
  std::int64_t attempts = 0;
  std::string failure;
  Timestamp wake_ms = 0;
  Timestamp lease_until_ms = 0;
  Timestamp deadline_ms = 0;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Saga, (), (id, kind, state, step, version, data, outcome, attempts, failure, wake_ms, lease_until_ms, deadline_ms, created_ms))

// What a step answers. A step that throws a Problem that waiting may mend (503, 507, 429, in_flight) is repeated; any other
// Problem before the pivot makes the saga compensate, and after it is repeated until somebody looks at the stuck saga.
struct Advance {
  enum class Kind { next, wait };
  Kind kind = Kind::next;
  Timestamp poll_ms = 0;  // wait: the step is run again when the saga is woken, or after this long
  static Advance next() { return {}; }
  static Advance wait(Timestamp poll_ms) { return {Kind::wait, poll_ms}; }
};

// A step calls facades with the key `saga/<id>/<step>`, holding no transaction; `record` then runs in the transaction that
// logs the step. `compensate` undoes what the log says it did; it must succeed in the end, so it is repeated.
struct SagaStep {
  std::string name;
  std::function<Advance(const Call& call, std::string& data)> run;
  std::function<void(Tx& tx, std::string& data)> record = nullptr;
  std::function<void(const Call& call, std::string& data)> compensate = nullptr;
  std::function<void(Tx& tx, std::string& data, const std::string& outcome)> record_compensation = nullptr;
  bool pivot = false;  // once it is done the saga only goes forward
};

struct SagaDefinition {
  std::string kind;
  std::vector<SagaStep> steps;
  Timestamp deadline_ms = 15 * 60'000;  // after which a saga before its pivot compensates
};

// Steps over a described struct instead of its text.
template <class D>
auto saga_step(std::function<Advance(const Call&, D&)> run) {
  return [run = std::move(run)](const Call& call, std::string& text) {
    auto data = json::from_text<D>(text, json::Mode::lenient);
    const auto advance = run(call, data);
    text = json::to_text(data);
    return advance;
  };
}
template <class D>
auto saga_compensation(std::function<void(const Call&, D&)> run) {
  return [run = std::move(run)](const Call& call, std::string& text) {
    auto data = json::from_text<D>(text, json::Mode::lenient);
    run(call, data);
    text = json::to_text(data);
  };
}
template <class D>
auto saga_record(std::function<void(Tx&, D&)> run) {
  return [run = std::move(run)](Tx& tx, std::string& text) {
    auto data = json::from_text<D>(text, json::Mode::lenient);
    run(tx, data);
    text = json::to_text(data);
  };
}

// The sagas of one module. A runner holds a lease, and every commit compares the saga's version, so that two instances
// never both advance one.
class Sagas {
 public:
  Sagas(Database& database, Workers& workers, Metrics& metrics) : database_(database), workers_(workers), metrics_(metrics) {}

  void define(SagaDefinition definition);
  // In the transaction of the change that wants it. Run it afterwards with drive(), or leave it to the poll.
  SagaId start(Tx& tx, const std::string& kind, const std::string& data);
  // Runs steps on this thread until the saga ends, waits, or fails for now. Answers how it stands.
  Saga drive(const SagaId& id);
  std::optional<Saga> find(const SagaId& id);
  // Something a waiting saga may be waiting for has happened; from a subscription's or an effect's transaction.
  void wake(Tx& tx, const SagaId& id);
  // Calls back once, from any thread, when a runner has left the saga after that version: it has ended, or waits for
  // something else. At once where that is so already.
  void when_moved(const SagaId& id, std::int64_t seen_version, std::move_only_function<void()> moved);
  // Runs what is due: woken, to be repeated, or left by a process that died.
  bool run_due();
  void release_leases();  // SQLite, at start

  static bool has_ended(SagaState state) { return state == SagaState::done || state == SagaState::compensated || state == SagaState::stuck; }

 private:
  std::optional<Saga> lease(const SagaId& id);
  bool run_step(const SagaDefinition& definition, Saga& saga);
  bool compensate_step(const SagaDefinition& definition, Saga& saga);
  bool commit(Saga& saga, const std::string& step, const std::string& direction, const std::function<void(Tx&, std::string&)>& record);
  void fail(Saga& saga, const Problem& problem, bool may_compensate);
  void try_to_drive(const SagaId& id);
  void moved(const SagaId& id);
  Call call_for(const Saga& saga, const std::string& step) const;

  Database& database_;
  Workers& workers_;
  Metrics& metrics_;
  std::map<std::string, SagaDefinition> definitions_;
  std::mutex mutex_;
  std::multimap<SagaId, std::move_only_function<void()>> waiting_;
};

}  // namespace polyshop::bus
