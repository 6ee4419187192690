#include "bus/log.hpp"

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
               SELECT coalesce(max(position), 0) + 1, :id, :name, :aggregate, :version, :time_ms, :actor, :trace, :data FROM event_log)"_sqlite,
            event);
  else
    tx.exec(R"(INSERT INTO event_staging (id, name, aggregate, version, time_ms, actor, trace, data)
               VALUES (:id, :name, :aggregate, :version, :time_ms, :actor, :trace, :data))"_postgresql,
            event);
  failpoint::reach("log.appended", database_.module());
  tx.after_commit([this] { wake(); });
}

void Log::wake() {
  for (const auto& wake : wakes_) wake();
}

std::vector<Event> Log::read_after(std::int64_t position, std::size_t count_max) {
  return database_.read(reading(), [&](Tx& tx) {
    return tx.list<Event>(R"(SELECT position, id, name, aggregate, version, time_ms, actor, trace, data FROM event_log
                             WHERE position > :position ORDER BY position LIMIT :count)"_sql,
                          position, count_max);
  });
}

std::int64_t Log::head() {
  return database_.read(reading(), [](Tx& tx) { return tx.get<std::int64_t>("SELECT coalesce(max(position), 0) AS head FROM event_log"_sql); });
}

bool Log::sequence() {
  if (database_.engine() != Engine::postgresql) return false;
  const auto waiting = database_.read(reading(), [](Tx& tx) {
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
    if (moved > 0) tx.after_commit([this] { wake(); });
    return moved > 0;
  });
}

}  // namespace polyshop::bus
