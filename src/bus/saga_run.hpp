#pragma once

#include <functional>
#include <vector>

#include "bus/saga.hpp"

namespace polyshop::bus {

// Another runner holds the saga by now: nothing of what this one was about to write was written.
struct TakenOver : std::exception {
  const char* what() const noexcept override { return "the saga was taken over by another runner"; }
};

// One runner's hold on a saga, from its lease until the saga ends, waits, or fails for now. Every commit compares the saga's
// version, so that two runners never both advance it.
class SagaRun {
 public:
  // `definition` is null where this release does not have it. `is_suspect`: steps from saga.step on may have been done without an
  // entry in the log, by a runner that died.
  SagaRun(Database& database, Metrics& metrics, const SagaDefinition* definition, Saga saga, bool is_suspect)
      : database_(database), metrics_(metrics), definition_(definition), saga_(std::move(saga)), is_suspect_(is_suspect), lease_ends_(std::chrono::steady_clock::now() + std::chrono::milliseconds(saga_.lease_until_ms - database.clock().now())) {}

  Saga go();  // how the saga stands then; throws TakenOver

 private:
  enum class Park { no, yes };
  // What a step's failure leads to, where it is not repeated: a refusal (nothing that waiting mends), and too many attempts.
  // Where it does not turn back, a saga is stuck after too many.
  struct Failing {
    bool refusal_turns_back;
    bool exhaustion_turns_back;
  };
  using Record = std::function<void(Tx&, std::string&)>;

  // Each answers whether there is more to do now.
  bool advance();
  bool run_step(std::size_t index);
  bool compensate_step();
  bool commit(Park park, const Record& record = nullptr);
  bool commit_step(Saga next, SagaEntry entry, const Record& record, Failing failing);
  bool park(SagaState state, Timestamp poll_ms, Timestamp latest_ms);
  bool turn_back(const Problem& problem);
  bool go_on_at(const SagaStep& pivot);
  bool fail(const Problem& problem, Failing failing);
  bool strand(std::string why);
  Call own_call() const;
  Call call_for(const std::string& step) const;

  Database& database_;
  Metrics& metrics_;
  const SagaDefinition* const definition_;
  Saga saga_;
  std::vector<SagaEntry> unlogged_;  // of steps that were done, for the next commit
  const bool is_suspect_;
  Deadline lease_ends_;  // no call of a step is under way after it
};

namespace saga {

// Longer than the facade calls of one step may take, so that a step is not on its way any more when another runner repeats it.
constexpr Timestamp lease_ms = 60'000;
constexpr Timestamp step_ms_max = 20'000;
// How long after its deadline a saga that has not ended is listed as stuck.
constexpr Timestamp late_ms = 3'600'000;

Call own_call(Database& database);

}  // namespace saga
}  // namespace polyshop::bus
