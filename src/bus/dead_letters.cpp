#include "bus/dead_letters.hpp"

#include "kernel/observe/log.hpp"

namespace polyshop::bus {
namespace {

struct Row {
  std::string subscription;
  std::int64_t position = 0;
  ParkedState state = ParkedState::parked;
  std::int64_t attempts = 0;
  std::string failure;
  Timestamp retry_ms = 0;
  Timestamp parked_ms = 0;
  db::Json<Event> event;
};
BOOST_DESCRIBE_STRUCT(Row, (), (subscription, position, state, attempts, failure, retry_ms, parked_ms, event))

DeadLetter letter_of(Row&& row) {
  const auto id = row.subscription + "." + std::to_string(row.position);
  return {id, std::move(row.subscription), row.position, row.state, row.attempts, std::move(row.failure), row.retry_ms, row.parked_ms, std::move(row.event.value)};
}

std::optional<Row> find_row(Tx& tx, const std::string& subscription, std::int64_t position) {
  return tx.find<Row>("SELECT subscription, position, state, attempts, failure, retry_ms, parked_ms, event FROM parked_event WHERE subscription = :subscription AND position = :position"_sql, subscription, position);
}

DeadLetter get(Tx& tx, const std::string& subscription, std::int64_t position) {
  auto row = find_row(tx, subscription, position);
  if (!row) throw Problem::not_found("dead letter", subscription + "." + std::to_string(position));
  return letter_of(std::move(*row));
}

}  // namespace

std::vector<DeadLetter> DeadLetters::list(const Call& call, const Filter& filter) {
  const auto state = filter.state ? std::optional(std::string(json::enum_name(*filter.state))) : std::nullopt;
  auto rows = database_.read(call, [&](Tx& tx) {
    return tx.list<Row>(R"(SELECT subscription, position, state, attempts, failure, retry_ms, parked_ms, event FROM parked_event
                           WHERE (subscription, position) > (:after_subscription, :after_position)
                             AND (cast(:subscription as text) IS NULL OR subscription = :subscription)
                             AND (state = :state OR (cast(:state as text) IS NULL AND state <> 'discarded'))
                           ORDER BY subscription, position LIMIT :limit)"_sql,
                        filter.after_subscription, filter.after_position, filter.subscription, state, filter.limit);
  });
  std::vector<DeadLetter> letters;
  for (auto& row : rows) letters.push_back(letter_of(std::move(row)));
  return letters;
}

std::optional<DeadLetter> DeadLetters::find(const Call& call, const std::string& subscription, std::int64_t position) {
  auto row = database_.read(call, [&](Tx& tx) { return find_row(tx, subscription, position); });
  return row ? std::optional(letter_of(std::move(*row))) : std::nullopt;
}

DeadLetter DeadLetters::redrive(const Call& call, const std::string& subscription, std::int64_t position) {
  auto letter = database_.write(call, [&](Tx& tx) {
    tx.exec("UPDATE parked_event SET state = 'parked', attempts = 0, begun = 0, retry_ms = 0 WHERE subscription = :subscription AND position = :position"_sql, subscription, position);
    return get(tx, subscription, position);
  });
  log::info("a dead letter is tried again", {{"dead_letter", letter.id}, {"actor", call.actor.id}});
  return letter;
}

DeadLetter DeadLetters::discard(const Call& call, const std::string& subscription, std::int64_t position, const std::string& reason) {
  auto letter = database_.write(call, [&](Tx& tx) {
    tx.exec("UPDATE parked_event SET state = 'discarded', failure = failure || :why WHERE subscription = :subscription AND position = :position AND state <> 'discarded'"_sql,
            "; discarded by " + call.actor.id + (reason.empty() ? "" : ": " + reason), subscription, position);
    return get(tx, subscription, position);
  });
  log::warning("a dead letter is discarded: the event never takes effect there", {{"dead_letter", letter.id}, {"event", letter.event.name}, {"aggregate", letter.event.aggregate}, {"actor", call.actor.id}, {"reason", reason}});
  return letter;
}

bool DeadLetters::forget(const Call& call, Timestamp before) {
  constexpr std::int64_t batch = 200;
  return database_.write(call, [&](Tx& tx) {
    return tx.exec(R"(DELETE FROM parked_event WHERE (subscription, position) IN
                        (SELECT subscription, position FROM parked_event WHERE state = 'discarded' AND parked_ms < :before LIMIT :batch))"_sql,
                   before, batch) == batch;
  });
}

}  // namespace polyshop::bus
