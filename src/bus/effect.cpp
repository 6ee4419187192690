#include "bus/effect.hpp"

#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::bus {
namespace {

struct Due {
  std::string id;
  std::string kind;
  std::string data;
  std::int64_t attempts = 0;
};
BOOST_DESCRIBE_STRUCT(Due, (), (id, kind, data, attempts))

constexpr Timestamp lease_ms = 60'000;  // after which another instance may take it up
constexpr std::size_t gathered_max = 1000;  // of a kind: performed within some seconds

Timestamp backoff_ms(std::int64_t attempts) { return std::min<Timestamp>(500LL << std::min<std::int64_t>(attempts, 12), 900'000); }

}  // namespace

Call Effects::call() const {
  Call call;
  call.actor = Actor::system("effects");
  call.module = database_.module();
  call.now = database_.clock().now();
  call.trace = Trace::make();
  return call;
}

// Where it is to be performed at once, the row is written as taken by this process, which does so without a look at the table.
bool Effects::insert(Tx& tx, const std::string& kind, const std::string& id, const std::string& data, Timestamp delay_ms) {
  if (!handlers_.contains(kind)) die("an effect of the kind " + kind + " has no handler");
  const auto due = tx.now() + delay_ms;
  const bool is_taken = delay_ms == 0 && has_room_for(kind);
  tx.exec(R"(INSERT INTO effect (id, kind, state, data, result, attempts, failure, due_ms, lease_until_ms, created_ms)
             VALUES (:id, :kind, 'due', :data, '', :attempts, '', :due, :lease, :now))"_sql,
          id, kind, data, is_taken ? 1 : 0, due, is_taken ? tx.now() + lease_ms : 0, tx.now());
  failpoint::reach("effect.enqueued", kind);
  return is_taken;
}

void Effects::enqueue(Tx& tx, const std::string& kind, const std::string& id, const std::string& data, Timestamp delay_ms) {
  if (!insert(tx, kind, id, data, delay_ms)) return;
  tx.after_commit([this, kind, id, data] { submit(kind, {id, data, 1}); });
}

// Of those that are performed together only some wait here. The rest waits in the table, where no lease runs out before their turn.
bool Effects::has_room_for(const std::string& kind) {
  const std::lock_guard lock(mutex_);
  const auto rows = gathered_.find(kind);
  return rows == gathered_.end() || rows->second.size() < gathered_max;
}

// What is not taken any more is left to take_due(), once the lease is over, or to the next process.
void Effects::leave_the_rest() { is_leaving_ = true; }

// A full queue leaves it to take_due(), once the lease is over.
void Effects::submit(const std::string& kind, Row row) {
  const auto handler = handlers_.find(kind);
  if (handler == handlers_.end() || !handler->second.perform_together) {
    Job job = [this, kind, row = std::move(row)] { perform_row(kind, row); };
    workers_.submit(std::move(job));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    const auto [rows, is_first] = gathered_.try_emplace(kind);
    rows->second.push_back(std::move(row));
    if (!is_first) return;
  }
  Job job = [this, kind] { perform_gathered(kind); };
  if (workers_.submit(std::move(job))) return;
  const std::lock_guard lock(mutex_);
  gathered_.erase(kind);
}

void Effects::perform_gathered(const std::string& kind) {
  constexpr std::size_t together_max = 32;
  while (true) {
    std::vector<Row> rows;
    {
      const std::lock_guard lock(mutex_);
      auto& gathered = gathered_.at(kind);
      if (gathered.empty() || is_leaving_) {
        gathered_.erase(kind);
        return;
      }
      const auto end = gathered.begin() + static_cast<std::ptrdiff_t>(std::min(gathered.size(), together_max));
      rows.assign(std::move_iterator(gathered.begin()), std::move_iterator(end));
      gathered.erase(gathered.begin(), end);
    }
    record(kind, rows, results_of(kind, rows));
  }
}

std::vector<EffectResult> Effects::results_of(const std::string& kind, std::span<const Row> rows) const {
  try {
    failpoint::reach("effect.before_perform", kind);
    return handlers_.at(kind).perform_together(call(), rows);
  } catch (const std::exception& error) {
    return std::vector(rows.size(), EffectResult{EffectResult::Kind::again, error.what(), 0});
  }
}

void Effects::enqueue_to_perform(Tx& tx, const std::string& kind, const std::string& id, const std::string& data) { insert(tx, kind, id, data, 0); }

bool Effects::take_due() {
  // Whatever is waited for here comes first.
  if (std::ranges::any_of(handlers_, [this](const auto& one) { return one.second.perform_together && !has_room_for(one.first); })) return false;
  // Mostly there is nothing, and a look costs no commit.
  const auto is_due = [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM (SELECT 1 FROM effect WHERE state = 'due' AND due_ms <= :now AND lease_until_ms <= :now LIMIT 1) AS first"_sql, tx.now()) > 0; };
  if (!database_.read_once(call(), is_due)) return false;
  const auto due = database_.write(call(), [&](Tx& tx) {
    auto rows = tx.list<Due>(db::one_of(R"(UPDATE effect SET attempts = attempts + 1, lease_until_ms = :lease
                                           WHERE id IN (SELECT id FROM effect WHERE state = 'due' AND due_ms <= :now AND lease_until_ms <= :now ORDER BY due_ms LIMIT 50)
                                           RETURNING id, kind, data, attempts)"_sqlite,
                                        R"(UPDATE effect SET attempts = attempts + 1, lease_until_ms = :lease
                                           WHERE id IN (SELECT id FROM effect WHERE state = 'due' AND due_ms <= :now AND lease_until_ms <= :now ORDER BY due_ms LIMIT 50 FOR UPDATE SKIP LOCKED)
                                           RETURNING id, kind, data, attempts)"_postgresql),
                             tx.now() + lease_ms, tx.now());
    return rows;
  });
  for (const auto& row : due) {
    const auto handler = handlers_.find(row.kind);
    const bool blocks = handler != handlers_.end() && (handler->second.blocks || handler->second.perform_together);
    blocks ? submit(row.kind, {row.id, row.data, row.attempts}) : perform_row(row.kind, {row.id, row.data, row.attempts});
  }
  return !due.empty();
}

void Effects::release_leases() {
  if (database_.engine() != Engine::sqlite) return;
  database_.write(call(), [](Tx& tx) { tx.exec("UPDATE effect SET lease_until_ms = 0 WHERE state = 'due' AND lease_until_ms > 0"_sql); });
}

void Effects::forget_ended(Timestamp kept_ms) {
  constexpr std::int64_t batch = 200;
  std::int64_t removed = batch;
  while (removed == batch)
    removed = database_.write(call(), [&](Tx& tx) {
      return tx.exec("DELETE FROM effect WHERE id IN (SELECT id FROM effect WHERE state <> 'due' AND created_ms < :before ORDER BY created_ms LIMIT :batch)"_sql, tx.now() - kept_ms, batch);
    });
}

void Effects::perform_row(const std::string& kind, const Row& row) {
  const auto handler = handlers_.find(kind);
  if (handler == handlers_.end()) return log::error("an effect has no handler", {{"kind", kind}, {"id", row.id}});
  perform(kind, row, [&](const Call& call, Done done) { handler->second.perform(call, row.id, row.data, std::move(done)); });
}

void Effects::perform(const std::string& kind, const std::string& id, const std::string& data, const Start& start) { perform(kind, {id, data, 1}, start); }

void Effects::perform(const std::string& kind, const Row& row, const Start& start) {
  auto done = [this, kind, row](EffectResult result) { record(kind, {&row, 1}, {std::move(result)}); };
  try {
    failpoint::reach("effect.before_perform", kind);
    start(call(), done);
  } catch (const std::exception& error) {
    done({EffectResult::Kind::again, error.what(), 0});
  }
}

// Where that fails the rows stay due and their lease runs out: they are performed again, and the other side recognises the keys.
void Effects::record(const std::string& kind, std::span<const Row> rows, std::vector<EffectResult> results) {
  const auto& handler = handlers_.at(kind);
  try {
    failpoint::reach("effect.performed", kind);
    database_.write(call(), [&](Tx& tx) {
      for (std::size_t i = 0; i < rows.size(); ++i) record(tx, handler, rows[i], results.at(i));
      failpoint::reach("effect.recorded", kind);
    });
    failpoint::reach("effect.committed", kind);
  } catch (const std::exception& error) {
    log::error("the result of an effect could not be recorded", {{"kind", kind}, {"id", rows.front().id}, {"rows", rows.size()}, {"error", error.what()}});
  }
}

void Effects::record(Tx& tx, const Handler& handler, const Row& row, EffectResult result) {
  if (result.kind == EffectResult::Kind::again && row.attempts >= handler.attempts_max) result.kind = EffectResult::Kind::failed;
  if (result.kind == EffectResult::Kind::again) {
    // Not where somebody else performs it by now, because this took longer than the lease.
    tx.exec("UPDATE effect SET due_ms = :due, lease_until_ms = 0, failure = :failure WHERE id = :id AND state = 'due' AND attempts = :attempts"_sql,
            tx.now() + (result.again_after_ms ? result.again_after_ms : backoff_ms(row.attempts)), log::redacted(result.text), row.id, row.attempts);
    return;
  }
  const bool is_done = result.kind == EffectResult::Kind::done;
  const auto ended = tx.exec("UPDATE effect SET state = :state, result = :result, failure = :failure, lease_until_ms = 0 WHERE id = :id AND state = 'due'"_sql,
                             is_done ? "done" : "failed", is_done ? result.text : "", is_done ? std::string() : log::redacted(result.text), row.id);
  if (ended == 1) handler.record(tx, row.id, row.data, result);
}

}  // namespace polyshop::bus
