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
void Effects::insert(Tx& tx, const std::string& kind, const std::string& id, const std::string& data, Timestamp delay_ms) {
  if (!handlers_.contains(kind)) die("an effect of the kind " + kind + " has no handler");
  const auto due = tx.now() + delay_ms;
  tx.exec(R"(INSERT INTO effect (id, kind, state, data, result, attempts, failure, due_ms, lease_until_ms, created_ms)
             VALUES (:id, :kind, 'due', :data, '', :attempts, '', :due, :lease, :now))"_sql,
          id, kind, data, delay_ms ? 0 : 1, due, delay_ms ? 0 : tx.now() + lease_ms, tx.now());
  failpoint::reach("effect.enqueued", kind);
}

void Effects::enqueue(Tx& tx, const std::string& kind, const std::string& id, const std::string& data, Timestamp delay_ms) {
  insert(tx, kind, id, data, delay_ms);
  if (delay_ms) return;
  tx.after_commit([this, kind, id, data] { submit(kind, id, data, 1); });
}

void Effects::submit(const std::string& kind, const std::string& id, const std::string& data, std::int64_t attempts) {
  Job job = [this, kind, id, data, attempts] { perform_row(kind, id, data, attempts); };
  workers_.submit(std::move(job));  // a full queue leaves it to take_due(), once the lease is over
}

void Effects::enqueue_to_perform(Tx& tx, const std::string& kind, const std::string& id, const std::string& data) { insert(tx, kind, id, data, 0); }

bool Effects::take_due() {
  // Mostly there is nothing, and a look costs no commit.
  const auto is_due = [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM (SELECT 1 FROM effect WHERE state = 'due' AND due_ms <= :now AND lease_until_ms <= :now LIMIT 1) AS first"_sql, tx.now()) > 0; };
  if (!database_.read(call(), is_due)) return false;
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
    const bool blocks = handler != handlers_.end() && handler->second.blocks;
    blocks ? submit(row.kind, row.id, row.data, row.attempts) : perform_row(row.kind, row.id, row.data, row.attempts);
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

void Effects::perform_row(const std::string& kind, const std::string& id, const std::string& data, std::int64_t attempts) {
  const auto handler = handlers_.find(kind);
  if (handler == handlers_.end()) return log::error("an effect has no handler", {{"kind", kind}, {"id", id}});
  perform(kind, id, data, attempts, [&](const Call& call, Done done) { handler->second.perform(call, id, data, std::move(done)); });
}

void Effects::perform(const std::string& kind, const std::string& id, const std::string& data, const Start& start) { perform(kind, id, data, 1, start); }

void Effects::perform(const std::string& kind, const std::string& id, const std::string& data, std::int64_t attempts, const Start& start) {
  auto done = [this, kind, id, data, attempts](EffectResult result) {
    try {
      failpoint::reach("effect.performed", kind);
      record(kind, id, data, attempts, std::move(result));
    } catch (const std::exception& error) {
      // The row stays due and its lease runs out: it is performed again, and the other side recognises the key.
      log::error("the result of an effect could not be recorded", {{"kind", kind}, {"id", id}, {"error", error.what()}});
    }
  };
  try {
    failpoint::reach("effect.before_perform", kind);
    start(call(), done);
  } catch (const std::exception& error) {
    done({EffectResult::Kind::again, error.what(), 0});
  }
}

void Effects::record(const std::string& kind, const std::string& id, const std::string& data, std::int64_t attempts, EffectResult result) {
  const auto& handler = handlers_.at(kind);
  if (result.kind == EffectResult::Kind::again && attempts >= handler.attempts_max) result.kind = EffectResult::Kind::failed;
  database_.write(call(), [&](Tx& tx) {
    if (result.kind == EffectResult::Kind::again) {
      // Not where somebody else performs it by now, because this took longer than the lease.
      tx.exec("UPDATE effect SET due_ms = :due, lease_until_ms = 0, failure = :failure WHERE id = :id AND state = 'due' AND attempts = :attempts"_sql,
              tx.now() + (result.again_after_ms ? result.again_after_ms : backoff_ms(attempts)), log::redacted(result.text), id, attempts);
      return;
    }
    const bool is_done = result.kind == EffectResult::Kind::done;
    const auto ended = tx.exec("UPDATE effect SET state = :state, result = :result, failure = :failure, lease_until_ms = 0 WHERE id = :id AND state = 'due'"_sql,
                               is_done ? "done" : "failed", is_done ? result.text : "", is_done ? std::string() : log::redacted(result.text), id);
    if (ended == 1) handler.record(tx, id, data, result);
    failpoint::reach("effect.recorded", kind);
  });
  failpoint::reach("effect.committed", kind);
}

}  // namespace polyshop::bus
