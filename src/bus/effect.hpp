#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "kernel/db/database.hpp"
#include "kernel/runtime/workers.hpp"

namespace polyshop::bus {

// What became of an outside effect.
struct EffectResult {
  enum class Kind { done, again, failed };
  Kind kind = Kind::done;
  std::string text;            // JSON for the handler where done; the reason otherwise
  Timestamp again_after_ms = 0;  // 0: the usual backoff
};

// Something outside of the shop that a committed transaction asked for: a mail, a call to a payment provider. A row says so,
// written with the change; after the commit it is performed, with the row's id as the key the other side can recognise a
// repetition by, and the handler records the result in one transaction with the row's end.
class Effects {
 public:
  using Done = std::move_only_function<void(EffectResult)>;
  using Start = std::function<void(const Call& call, Done done)>;
  struct Row {
    std::string id;
    std::string data;
    std::int64_t attempts = 0;
  };
  struct Handler {
    // Starts the effect and returns; calls done once, from any thread. Runs at least once for each row.
    std::function<void(const Call& call, const std::string& id, const std::string& data, Done done)> perform;
    // In its place, for effects that take less when they are done together: takes its time, on one worker for all that is there by then,
    // and answers for each of the rows in their order. Their results are recorded in one transaction.
    std::function<std::vector<EffectResult>(const Call& call, std::span<const Row> rows)> perform_together;
    // Records what came of it; exactly once, in the transaction that ends the row. After the last attempt `result` is failed.
    std::function<void(Tx& tx, const std::string& id, const std::string& data, const EffectResult& result)> record;
    std::int64_t attempts_max = 10;
    bool blocks = false;  // perform takes its time on the thread that it is called on, so each gets a worker of its own
  };

  Effects(Database& database, Workers& workers) : database_(database), workers_(workers) {}

  void handle(std::string kind, Handler handler) { handlers_.emplace(std::move(kind), std::move(handler)); }
  void enqueue(Tx& tx, const std::string& kind, const std::string& id, const std::string& data, Timestamp delay_ms = 0);
  // The same, for a caller who performs it as soon as the transaction is through, so that an answer that comes at once needs no
  // other thread. Where it dies before, the row is taken up like any other once its lease is over.
  void enqueue_to_perform(Tx& tx, const std::string& kind, const std::string& id, const std::string& data);
  void perform(const std::string& kind, const std::string& id, const std::string& data, const Start& start);

  // What is due and held by nobody: left by a process that died, or to be tried again. True where there was something.
  bool take_due();
  // SQLite: nobody else can hold a lease when this process opens the file.
  void release_leases();
  // Before the workers stop: what was taken and not begun is left to the next process.
  void leave_the_rest();
  // Removes those that ended and are older than that, some at a time.
  void forget_ended(Timestamp kept_ms);

 private:
  bool insert(Tx& tx, const std::string& kind, const std::string& id, const std::string& data, Timestamp delay_ms);  // whether this process has taken it
  bool has_room_for(const std::string& kind);
  void perform_row(const std::string& kind, const Row& row);
  void perform(const std::string& kind, const Row& row, const Start& start);
  void perform_gathered(const std::string& kind);
  std::vector<EffectResult> results_of(const std::string& kind, std::span<const Row> rows) const;
  void submit(const std::string& kind, Row row);
  void record(const std::string& kind, std::span<const Row> rows, std::vector<EffectResult> results);
  void record(Tx& tx, const Handler& handler, const Row& row, EffectResult result);
  Call call() const;

  Database& database_;
  Workers& workers_;
  std::map<std::string, Handler> handlers_;
  std::mutex mutex_;
  std::map<std::string, std::vector<Row>> gathered_;  // by kind: what is to be performed together; there where a worker is to come or at it
  std::atomic<bool> is_leaving_ = false;
};

}  // namespace polyshop::bus
