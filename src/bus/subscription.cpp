#include "bus/subscription.hpp"

#include <semaphore>

#include <fmt/format.h>

#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::bus {
namespace {

constexpr std::size_t batch_max = 200;
constexpr Timestamp lane_ms_max = 20;  // a transaction that is longer keeps others waiting
constexpr std::int64_t attempts_max = 10;  // over about 17 minutes; then dead until somebody looks
constexpr std::int64_t begun_max = 3;      // processes that may end with an event

struct Place {
  std::int64_t epoch = 1;
  std::int64_t position = 0;
  SubscriptionState state = SubscriptionState::running;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(Place, (), (epoch, position, state, reason))

struct Parked {
  std::int64_t position = 0;
  std::string aggregate;
  db::Json<Event> event;
  std::int64_t attempts = 0;
};
BOOST_DESCRIBE_STRUCT(Parked, (), (position, aggregate, event, attempts))

// Nobody's fault that waiting would not mend: the database is away or full, a facade is overloaded.
bool is_infrastructure(const Problem& problem) { return problem.status == 503 || problem.status == 507 || problem.status == 429; }

Timestamp backoff_ms(std::int64_t attempts) { return std::min<Timestamp>(1000LL << std::min<std::int64_t>(attempts, 10), 600'000); }

// What is begun under suspicion is begun alone, so that the end of the process is blamed on the right event.
// No mutex, since a job may go on on another thread than it began on.
std::binary_semaphore others_have_ended(1);
struct Alone {
  Alone() { others_have_ended.acquire(); }
  ~Alone() { others_have_ended.release(); }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;
};

}  // namespace

Subscription::Subscription(Database& consumer, Source& source, From from, Metrics& metrics)
    : consumer_(consumer), source_(source), name_(consumer.module() + "." + source.module()), from_(from), batch_(batch_max) {
  const Metrics::Labels labels{{"subscription", name_}};
  taken_ = metrics.counter("polyshop_events_taken_total", "Events that took effect.", labels);
  parked_ = metrics.counter("polyshop_events_parked_total", "Events set aside because their handler failed.", labels);
  position_ = metrics.gauge("polyshop_subscription_position", "The position of the last event taken.", labels);
}

Subscription::Subscription(Database& consumer, const Subscription& like, Metrics& metrics) : Subscription(consumer, like.source_, like.from_, metrics) { handlers_ = like.handlers_; }

void Subscription::begin_at_head(const Call& call) {
  const auto epoch = source_.epoch_since(1).epoch;  // before the head: a restore between the two is noticed
  const auto head = source_.head();
  consumer_.write(call, [&](Tx& tx) { tx.exec("INSERT INTO subscription (name, source, position, epoch) VALUES (:name, :source, :position, :epoch)"_sql, name_, source_.module(), head, epoch); });
}

void Subscription::handle(std::string event_name, Handler handler) {
  if (!event_name.starts_with(source_.module() + ".")) die("a subscription to " + source_.module() + " handles " + event_name);
  if (!handlers_.emplace(event_name, std::move(handler)).second) die(name_ + " handles " + event_name + " twice");
}

std::vector<std::string> Subscription::event_names() const {
  std::vector<std::string> names;
  for (const auto& [name, handler] : handlers_) names.push_back(name);
  return names;
}

Call Subscription::call() const {
  Call call;
  call.actor = Actor::system(name_);
  call.module = consumer_.module();
  call.now = consumer_.clock().now();
  call.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  call.trace = Trace::make();
  return call;
}

// What is done about an event goes on in the event's trace.
Call Subscription::call_about(const Event& event) const {
  auto about = call();
  if (const auto trace = Trace::parse(event.trace)) about.trace = trace->child();
  return about;
}

std::optional<std::int64_t> Subscription::load_cursor() {
  const auto find = [&](Tx& tx) { return tx.find<Place>("SELECT epoch, position, state, reason FROM subscription WHERE name = :name"_sql, name_); };
  auto place = consumer_.read(call(), find);
  if (!place) {
    const auto start = from_ == From::head ? source_.head() : 0;
    place = consumer_.write(call(), [&](Tx& tx) {
      tx.exec("INSERT INTO subscription (name, source, position) VALUES (:name, :source, :position) ON CONFLICT (name) DO NOTHING"_sql, name_, source_.module(), start);
      return find(tx);
    });
  }
  if (const auto now = source_.epoch_since(place->epoch); now.epoch != place->epoch) {
    if (place->position > now.common)
      log::warning("the log of a source was restored to an earlier state; what was taken of it since is gone there", {{"subscription", name_}, {"from", now.common + 1}, {"to", place->position}});
    consumer_.write(call(), [&](Tx& tx) {
      tx.exec("UPDATE subscription SET epoch = :epoch, position = :position WHERE name = :name AND epoch = :before"_sql, now.epoch, std::min(place->position, now.common), name_, place->epoch);
      place = find(tx);
    });
  }
  if (place->state == SubscriptionState::paused) return {};
  if (is_suspicious_) {
    suspect_until_ = std::min(place->position + static_cast<std::int64_t>(batch_max), source_.head());
    is_suspicious_ = false;
  }
  return place->position;
}

bool Subscription::step() {
  if (consumer_.clock().steady_ms() < waits_until_ms_) return false;
  try {
    if (!cursor_) cursor_ = load_cursor();
    if (!cursor_) return false;
    const bool retried = retry_parked();
    if (!cursor_) return true;
    const bool one_by_one = *cursor_ < suspect_until_;
    const auto wanted = one_by_one ? 1 : batch_;
    const auto events = source_.read_after(*cursor_, wanted);
    if (!events.empty()) {
      // Positions are dense. Going on after a hole would lose events without a word.
      if (events.front().position != *cursor_ + 1)
        throw Problem(409, "events_gone", fmt::format("The log of {} begins at {}, and {} has taken only what is before {}: the events between are neither in the log nor in the archive.", source_.module(), events.front().position, name_, *cursor_ + 1));
      if (one_by_one) {
        const Alone alone;
        if (may_begin(events.front())) take(events);
        begun_.erase(events.front().position);  // this process lives
      } else {
        take(events);
      }
    }
    waits_ = 0;
    {
      const std::lock_guard lock(failure_mutex_);
      failure_.clear();
    }
    const bool was_behind = is_behind_.exchange(events.size() == wanted);
    if (!events.empty()) position_.set(cursor_ ? static_cast<double>(*cursor_) : 0);
    if (!events.empty() || was_behind)
      for (const auto& progress : progress_) progress();
    return events.empty() ? retried : is_behind_ || !cursor_;
  } catch (const std::exception& error) {
    wait(error.what());
    return false;
  }
}

void Subscription::take(const std::vector<Event>& events) {
  std::string failure;
  auto applied = apply_batch(events, failure);
  if (applied == Applied::failed && events.size() > 1) {
    // One of them fails: take them one at a time, so that only that one is set aside.
    for (const auto& event : events) {
      applied = apply_batch({&event, 1}, failure);
      if (applied == Applied::failed) park(event, failure);
      if (!cursor_ || applied == Applied::moved_elsewhere) break;
    }
  } else if (applied == Applied::failed) {
    park(events.front(), failure);
  }
  if (applied == Applied::moved_elsewhere) cursor_.reset();
}

// Writes down that the event is begun. False where it must not be: it is parked then, or somebody else has taken it.
bool Subscription::may_begin(const Event& event) {
  if (!begun_.insert(event.position).second) return true;
  const auto begun = consumer_.write(call(), [&](Tx& tx) {
    return tx.find<std::int64_t>(R"(UPDATE subscription SET begun = CASE WHEN begun_position = :position THEN begun + 1 ELSE 1 END, begun_position = :position
                                    WHERE name = :name AND position = :from AND state = 'running' RETURNING begun)"_sql,
                                 event.position, name_, *cursor_);
  });
  if (!begun) {
    cursor_.reset();
    return false;
  }
  if (*begun <= begun_max) return true;
  park(event, fmt::format("{} processes ended while they took it", begun_max), true);
  return false;
}

void Subscription::prepare_all(std::span<const Event> events) {
  for (const auto& [name, handler] : handlers_) {
    if (!handler.prepare_all) continue;
    std::vector<const Event*> its;
    for (const auto& event : events)
      if (event.name == name) its.push_back(&event);
    if (!its.empty()) handler.prepare_all(its.size() == 1 ? call_about(*its.front()) : call(), its);
  }
}

Subscription::Applied Subscription::apply_batch(std::span<const Event> events, std::string& failure) {
  std::vector<std::any> prepared(events.size());
  try {
    failpoint::reach("subscription.before_prepare", name_);
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto handler = handlers_.find(events[i].name);
      if (handler != handlers_.end() && handler->second.prepare) prepared[i] = handler->second.prepare(call_about(events[i]), events[i]);
    }
    prepare_all(events);
    const bool look_for_parked = has_parked_.value_or(true);
    const auto from = *cursor_;
    const auto to = events.back().position;
    bool still_parked = false;
    Timestamp taken_ms = 0;
    const bool moved = consumer_.write(call(), [&](Tx& tx) {
      const auto start_ms = consumer_.clock().steady_ms();
      still_parked = false;
      if (tx.exec("UPDATE subscription SET position = :to WHERE name = :name AND position = :from AND state = 'running'"_sql, to, name_, from) == 0) return false;
      failpoint::reach("subscription.cursor_moved", name_);
      std::set<std::string> parked;
      if (look_for_parked)
        for (auto& aggregate : tx.list<std::string>("SELECT DISTINCT aggregate FROM parked_event WHERE subscription = :name AND state <> 'discarded'"_sql, name_)) parked.insert(std::move(aggregate));
      still_parked = !parked.empty();
      Call about;
      for (std::size_t i = 0; i < events.size(); ++i) {
        const auto& event = events[i];
        const auto handler = handlers_.find(event.name);
        if (handler == handlers_.end()) continue;
        if (parked.contains(event.aggregate)) {
          tx.exec(R"(INSERT INTO parked_event (subscription, position, aggregate, event, attempts, failure, retry_ms, parked_ms)
                     VALUES (:name, :position, :aggregate, :event, 0, 'waits behind an earlier event', 0, :now))"_sql,
                  name_, event.position, event.aggregate, db::Json<Event>{event}, tx.now());
          continue;
        }
        about = call_about(event);
        tx.act_for(about);
        handler->second.apply(tx, event, prepared[i]);
      }
      failpoint::reach("subscription.applied", name_);
      taken_ms = consumer_.clock().steady_ms() - start_ms;
      return true;
    });
    if (!moved) return Applied::moved_elsewhere;
    failpoint::reach("subscription.committed", name_);
    has_parked_ = still_parked;
    cursor_ = to;
    taken_.add(static_cast<double>(events.size()));
    if (taken_ms > lane_ms_max)
      batch_ = std::max<std::size_t>(1, batch_ / 2);
    else if (taken_ms < lane_ms_max / 4)
      batch_ = std::min(batch_max, batch_ + 1 + batch_ / 4);
    return Applied::all;
  } catch (const Problem& problem) {
    if (is_infrastructure(problem)) throw;
    failure = problem.what();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  return Applied::failed;
}

void Subscription::park(const Event& event, const std::string& failure, bool is_dead) {
  const bool has_handler = handlers_.find(event.name) != handlers_.end();  // any other is passed over: there is nothing to try again
  if (has_handler)
    log::error("an event could not be taken and is set aside", {{"subscription", name_}, {"event", event.name}, {"position", event.position}, {"aggregate", event.aggregate}, {"error", failure}});
  failpoint::reach("subscription.before_park", name_);
  const bool moved = consumer_.write(call(), [&](Tx& tx) {
    if (tx.exec("UPDATE subscription SET position = :to WHERE name = :name AND position = :from AND state = 'running'"_sql, event.position, name_, *cursor_) == 0) return false;
    if (!has_handler) return true;
    tx.exec(R"(INSERT INTO parked_event (subscription, position, aggregate, event, state, attempts, failure, retry_ms, parked_ms)
               VALUES (:name, :position, :aggregate, :event, :state, 1, :failure, :retry_ms, :now))"_sql,
            name_, event.position, event.aggregate, db::Json<Event>{event}, is_dead ? "dead" : "parked", log::redacted(failure), tx.now() + backoff_ms(1), tx.now());
    failpoint::reach("subscription.parked", name_);
    return true;
  });
  if (!moved) return cursor_.reset();
  cursor_ = event.position;
  if (!has_handler) return;
  has_parked_ = true;
  parked_.add();
}

// The first parked event of each aggregate, once its time has come; the others follow it. Behind a dead one they stay.
bool Subscription::retry_parked() {
  if (has_parked_ == false || consumer_.clock().steady_ms() < next_parked_look_ms_) return false;
  next_parked_look_ms_ = consumer_.clock().steady_ms() + 200;
  const auto now = call().now;
  const auto due = consumer_.read(call(), [&](Tx& tx) {
    has_parked_ = tx.get<std::int64_t>("SELECT count(*) AS n FROM parked_event WHERE subscription = :name AND state <> 'discarded'"_sql, name_) > 0;
    return tx.list<Parked>(R"(SELECT position, aggregate, event, attempts FROM parked_event AS p
                              WHERE subscription = :name AND state = 'parked' AND retry_ms <= :now AND position =
                                (SELECT min(position) FROM parked_event AS first WHERE first.subscription = p.subscription AND first.aggregate = p.aggregate AND first.state <> 'discarded')
                              ORDER BY position LIMIT 50)"_sql,
                           name_, now);
  });
  bool any = false;
  for (const auto& parked : due) any |= retry(parked.event.value, parked.attempts);
  return any;
}

bool Subscription::retry(const Event& event, std::int64_t attempts) {
  const Alone alone;
  if (begun_.insert(event.position).second) {
    const auto begun = consumer_.write(call(), [&](Tx& tx) {
      const auto count = tx.find<std::int64_t>(R"(UPDATE parked_event SET begun = begun + 1 WHERE subscription = :name AND position = :position AND state = 'parked' RETURNING begun)"_sql, name_, event.position);
      if (count && *count > begun_max)
        tx.exec("UPDATE parked_event SET state = 'dead', failure = :failure WHERE subscription = :name AND position = :position"_sql, fmt::format("{} processes ended while they tried it again", begun_max), name_, event.position);
      return count;
    });
    if (!begun || *begun > begun_max) return false;
  }
  std::string failure;
  try {
    const auto handler = handlers_.find(event.name);
    if (handler == handlers_.end()) throw Problem(409, "no_handler", "This release has no handler for it.");
    failpoint::reach("subscription.before_retry", name_);
    const auto about = call_about(event);
    const auto prepared = handler->second.prepare ? handler->second.prepare(about, event) : std::any();
    prepare_all({&event, 1});
    const bool taken = consumer_.write(about, [&](Tx& tx) {
      const auto deleted = tx.exec(R"(DELETE FROM parked_event WHERE subscription = :name AND position = :position AND state = 'parked'
                                      AND EXISTS (SELECT 1 FROM subscription WHERE name = :name AND state = 'running'))"_sql,
                                   name_, event.position);
      if (deleted == 1) handler->second.apply(tx, event, prepared);
      failpoint::reach("subscription.retried", name_);
      return deleted == 1;
    });
    begun_.erase(event.position);
    if (!taken) cursor_.reset();  // somebody took it, or paused the subscription
    return taken;
  } catch (const Problem& problem) {
    if (is_infrastructure(problem)) throw;
    failure = problem.what();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  const bool is_dead = attempts + 1 >= attempts_max;
  consumer_.write(call(), [&](Tx& tx) {
    tx.exec("UPDATE parked_event SET attempts = attempts + 1, begun = 0, state = :state, failure = :failure, retry_ms = :retry_ms WHERE subscription = :name AND position = :position AND state = 'parked'"_sql,
            is_dead ? "dead" : "parked", log::redacted(failure), tx.now() + backoff_ms(attempts + 1), name_, event.position);
  });
  begun_.erase(event.position);
  if (is_dead) log::error("an event is dead", {{"subscription", name_}, {"event", event.name}, {"position", event.position}, {"attempts", attempts + 1}, {"error", failure}});
  return false;
}

void Subscription::wait(const std::string& why) {
  // The cursor may or may not have moved: read it again.
  cursor_.reset();
  const Timestamp ms = std::min(100 << std::min(waits_, 7), 10'000);
  if (waits_++ % 10 == 0) log::warning("a subscription waits", {{"subscription", name_}, {"error", why}, {"ms", ms}});
  waits_until_ms_ = consumer_.clock().steady_ms() + ms;
  const std::lock_guard lock(failure_mutex_);
  failure_ = log::redacted(why);
}

void Subscription::pause(const Call& call, const std::string& reason) {
  const auto start = from_ == From::head ? source_.head() : 0;
  consumer_.write(call, [&](Tx& tx) {
    tx.exec(R"(INSERT INTO subscription (name, source, position, state, reason) VALUES (:name, :source, :position, 'paused', :reason)
               ON CONFLICT (name) DO UPDATE SET state = 'paused', reason = excluded.reason)"_sql,
            name_, source_.module(), start, reason);
  });
}

void Subscription::resume(const Call& call) {
  consumer_.write(call, [&](Tx& tx) { tx.exec("UPDATE subscription SET state = 'running', reason = '' WHERE name = :name"_sql, name_); });
}

std::int64_t Subscription::position() {
  return consumer_.read(call(), [&](Tx& tx) { return tx.find<std::int64_t>("SELECT position FROM subscription WHERE name = :name"_sql, name_).value_or(0); });
}

SubscriptionRow Subscription::row() {
  SubscriptionRow row;
  row.name = name_;
  row.source = source_.module();
  row.events = event_names();
  {
    const std::lock_guard lock(failure_mutex_);
    row.failure = failure_;
  }
  consumer_.read(call(), [&](Tx& tx) {
    if (const auto place = tx.find<Place>("SELECT epoch, position, state, reason FROM subscription WHERE name = :name"_sql, name_)) {
      row.position = place->position;
      row.state = place->state;
      row.reason = place->reason;
    }
    row.parked = tx.get<std::int64_t>("SELECT count(*) AS n FROM parked_event WHERE subscription = :name AND state = 'parked'"_sql, name_);
    row.dead = tx.get<std::int64_t>("SELECT count(*) AS n FROM parked_event WHERE subscription = :name AND state = 'dead'"_sql, name_);
  });
  try {
    row.head = source_.head();
    row.lag = std::max<std::int64_t>(0, row.head - row.position);
    if (row.lag > 0)
      if (const auto next = source_.read_after(row.position, 1); !next.empty()) row.lag_ms = std::max<Timestamp>(0, consumer_.clock().now() - next.front().time_ms);
  } catch (const Problem& problem) {
    // What is known is said also where the source is away.
    if (row.failure.empty()) row.failure = problem.what();
  }
  return row;
}

}  // namespace polyshop::bus
