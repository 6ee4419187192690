#include "bus/log.hpp"

#include "bus/marks.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::bus {
namespace {

struct NewEvent {
  std::string id;
  std::string name;
  std::string aggregate;
  std::int64_t version;
  Timestamp time_ms;
  std::string actor;
  std::string trace;
  std::string data;
};
BOOST_DESCRIBE_STRUCT(NewEvent, (), (id, name, aggregate, version, time_ms, actor, trace, data))

Call reading() {
  Call call;
  call.actor = Actor::system("bus");
  return call;
}

}  // namespace

void Log::declare(EventKind kind) {
  if (!kind.name.starts_with(module() + ".")) die("the module " + module() + " declares the event " + kind.name + ", which is not named after it");
  const auto name = kind.name;
  if (!kinds_.emplace(name, std::move(kind)).second) die("the module " + module() + " declares the event " + name + " twice");
}

void Log::append(Tx& tx, std::string_view name, std::string_view aggregate, std::int64_t version, std::string data) {
  if (!kinds_.contains(name)) die("the module " + module() + " publishes " + std::string(name) + " without declaring it; name it in the publishes<...>() of its module.cpp");
  // What a client sends can come to this, such as a product with long texts in many languages.
  if (data.size() > event_size_max) throw Problem::invalid("too_large", "This comes to more than 64 KiB in all, which is the most that can be published. Shorten its texts.");
  const NewEvent event{Id<"evt">::make(tx.now()).str(), std::string(name), std::string(aggregate), version, tx.now(), tx.actor(), tx.traceparent(), std::move(data)};
  // SQLite has one writer, so the next number is the position. On PostgreSQL the sequencer gives it after the commit.
  if (tx.engine() == Engine::sqlite)
    tx.exec(R"(INSERT INTO event_log (position, id, name, aggregate, version, time_ms, actor, trace, data)
               VALUES ((SELECT coalesce(max(position), 0) + 1 FROM event_log), :id, :name, :aggregate, :version, :time_ms, :actor, :trace, :data))"_sqlite,
            event);
  else
    tx.exec(R"(INSERT INTO event_staging (id, name, aggregate, version, time_ms, actor, trace, data)
               VALUES (:id, :name, :aggregate, :version, :time_ms, :actor, :trace, :data))"_postgresql,
            event);
  failpoint::reach("log.appended", database_.module());
  tx.after_commit([this] { sequencer_ ? sequencer_() : wake(); });
}

void Log::wake() {
  for (const auto& wake : wakes_) wake();
  std::vector<std::move_only_function<void()>> waiting;
  {
    const std::lock_guard lock(waiting_mutex_);
    waiting.swap(waiting_);
  }
  for (auto& ready : waiting) ready();
}

void Log::when_appended(std::int64_t position, std::move_only_function<void()> ready) {
  // Who waits is written down before the look at the log: what comes in between is not missed.
  constexpr std::size_t waiting_max = 10'000;
  bool is_full = false;
  {
    const std::lock_guard lock(waiting_mutex_);
    waiting_.push_back(std::move(ready));
    is_full = waiting_.size() > waiting_max;  // of those whose time is up; woken too early they look and wait again
  }
  if (is_full || head() > position) wake();
}

std::vector<Event> Log::read_after(std::int64_t position, std::size_t count_max) {
  auto events = database_.read_once(reading(), [&](Tx& tx) {
    return tx.list<Event>(R"(SELECT position, id, name, aggregate, version, time_ms, actor, trace, data FROM event_log
                             WHERE position > :position ORDER BY position LIMIT :count)"_sql,
                          position, count_max);
  });
  if (events.empty() || events.front().position <= position + 1) return events;
  auto archived = archive_.read_from(position + 1, count_max);
  if (archived.empty()) return events;
  for (auto& event : events)
    if (archived.size() < count_max && event.position == archived.back().position + 1) archived.push_back(std::move(event));
  return archived;
}

std::vector<Event> Log::list_before(const Call& call, std::int64_t position, std::size_t count_max) {
  return database_.read(call, [&](Tx& tx) {
    return tx.list<Event>(R"(SELECT position, id, name, aggregate, version, time_ms, actor, trace, data FROM event_log
                             WHERE position < :position ORDER BY position DESC LIMIT :count)"_sql,
                          position, count_max);
  });
}

std::optional<Event> Log::find(const Call& call, const std::string& id) {
  return database_.read(call, [&](Tx& tx) { return tx.find<Event>("SELECT position, id, name, aggregate, version, time_ms, actor, trace, data FROM event_log WHERE id = :id"_sql, id); });
}

LogEpoch Log::epoch_since(std::int64_t epoch) {
  return database_.read(reading(), [&](Tx& tx) { return bus::epoch_since(tx, epoch); });
}

std::int64_t Log::head() { return extent().last; }

Log::Extent Log::extent() {
  return database_.read(reading(), [](Tx& tx) {
    // Two statements of one column each: either engine answers these from the ends of the index.
    return Extent{tx.get<std::int64_t>("SELECT coalesce(min(position), 0) AS first FROM event_log"_sql), tx.get<std::int64_t>("SELECT coalesce(max(position), 0) AS last FROM event_log"_sql)};
  });
}

bool Log::sequence() {
  if (database_.engine() != Engine::postgresql) return false;
  const auto waiting = database_.read_once(reading(), [](Tx& tx) {
    return tx.get<std::int64_t>("SELECT count(*) AS waiting FROM (SELECT 1 FROM event_staging LIMIT 1) AS one"_postgresql);
  });
  if (waiting == 0) return false;
  return database_.write(reading(), [this](Tx& tx) {
    // The lock first, in a statement of its own, so that the next one sees all that earlier sequencers did.
    const auto head = tx.get<std::int64_t>("SELECT position FROM event_head FOR UPDATE"_postgresql);
    failpoint::reach("sequencer.locked", database_.module());
    const auto moved = tx.exec(
        R"(WITH moved AS (DELETE FROM event_staging WHERE number IN (SELECT number FROM event_staging ORDER BY number LIMIT 1000)
                          RETURNING number, id, name, aggregate, version, time_ms, actor, trace, data)
           INSERT INTO event_log (position, id, name, aggregate, version, time_ms, actor, trace, data)
           SELECT cast(:head as bigint) + row_number() OVER (ORDER BY number), id, name, aggregate, version, time_ms, actor, trace, data FROM moved)"_postgresql,
        head);
    tx.exec("UPDATE event_head SET position = position + cast(:moved as bigint)"_postgresql, moved);
    failpoint::reach("sequencer.moved", database_.module());
    if (moved > 0)
      tx.after_commit([this] {
        wake();
        if (tell_) tell_();
      });
    return moved > 0;
  });
}

bool Log::shorten(const Call& call, Timestamp before, std::int64_t taken) {
  constexpr std::size_t batch = 250;  // deleted in some milliseconds
  auto old = database_.read(call, [&](Tx& tx) {
    return tx.list<Event>(R"(SELECT position, id, name, aggregate, version, time_ms, actor, trace, data FROM event_log
                             WHERE position < (SELECT max(position) FROM event_log) ORDER BY position LIMIT :count)"_sql,
                          batch);
  });
  const bool is_full = old.size() == batch;
  const auto young = std::ranges::find_if(old, [&](const Event& event) { return event.time_ms >= before; });
  const bool are_all_old = young == old.end();
  old.erase(young, old.end());
  if (old.empty()) return false;
  const auto last = old.back().position;
  if (last > taken) {
    std::erase_if(old, [&](const Event& event) { return event.position <= taken; });
    archive_.add(old);
    failpoint::reach("log.archived", database_.module());
  }
  database_.write(call, [&](Tx& tx) {
    tx.exec("DELETE FROM event_log WHERE position <= :last"_sql, last);
    failpoint::reach("log.shortened", database_.module());
  });
  return is_full && are_all_old;
}

bool Log::may_tend(const Call& call, Timestamp for_ms) {
  if (database_.engine() == Engine::sqlite) return true;
  return database_.write(call, [&](Tx& tx) { return tx.exec("UPDATE event_head SET tended_until_ms = :until WHERE tended_until_ms <= :now"_postgresql, tx.now() + for_ms, tx.now()) == 1; });
}

void Log::note_reader(const Call& call, const std::string& name, std::int64_t position) {
  // A reader asks often: what is known is written down when it has become old.
  constexpr Timestamp known_ms = 10'000;
  const auto known = database_.read(call, [&](Tx& tx) { return tx.find<Timestamp>("SELECT seen_ms FROM event_reader WHERE name = :name"_sql, name); });
  if (known && *known > call.now - known_ms) return;
  database_.write(call.unkeyed(), [&](Tx& tx) {
    tx.exec(R"(INSERT INTO event_reader (name, position, seen_ms) VALUES (:name, :position, :now)
               ON CONFLICT (name) DO UPDATE SET position = excluded.position, seen_ms = excluded.seen_ms)"_sql,
            name, position, tx.now());
  });
}

std::vector<Log::Reader> Log::readers(const Call& call) {
  return database_.read(call, [](Tx& tx) { return tx.list<Reader>("SELECT name, position, seen_ms FROM event_reader ORDER BY name"_sql); });
}

bool Log::forget_reader(const Call& call, const std::string& name) {
  return database_.write(call, [&](Tx& tx) { return tx.exec("DELETE FROM event_reader WHERE name = :name"_sql, name) == 1; });
}

}  // namespace polyshop::bus
