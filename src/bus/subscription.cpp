#include "bus/subscription.hpp"

#include <set>

#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::bus {
namespace {

constexpr std::size_t batch_max = 200;
constexpr std::int64_t attempts_max = 10;  // over about 17 minutes; then dead until somebody looks

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

}  // namespace

Subscription::Subscription(Database& consumer, Source& source, From from, Metrics& metrics)
    : consumer_(consumer), source_(source), name_(consumer.module() + "." + source.module()), from_(from) {
  const Metrics::Labels labels{{"subscription", name_}};
  taken_ = metrics.counter("polyshop_events_taken_total", "Events that took effect.", labels);
  parked_ = metrics.counter("polyshop_events_parked_total", "Events set aside because their handler failed.", labels);
  position_ = metrics.gauge("polyshop_subscription_position", "The position of the last event taken.", labels);
}

void Subscription::handle(std::string event_name, Handler handler) {
  if (!event_name.starts_with(source_.module() + ".")) die("a subscription to " + source_.module() + " handles " + event_name);
  if (!source_.may_publish(event_name)) die(name_ + " handles " + event_name + ", which " + source_.module() + " does not publish");
  if (!handlers_.emplace(event_name, std::move(handler)).second) die(name_ + " handles " + event_name + " twice");
}

// What is done about an event goes on in the event's trace.
Call Subscription::call_about(const Event& event) const {
  auto about = call();
  if (const auto trace = Trace::parse(event.trace)) about.trace = trace->child();
  return about;
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

std::int64_t Subscription::load_cursor() {
  const auto start = from_ == From::head ? source_.head() : 0;
  return consumer_.write(call(), [&](Tx& tx) {
    tx.exec("INSERT INTO subscription (name, source, position) VALUES (:name, :source, :position) ON CONFLICT (name) DO NOTHING"_sql, name_, source_.module(), start);
    return tx.get<std::int64_t>("SELECT position FROM subscription WHERE name = :name"_sql, name_);
  });
}

bool Subscription::step() {
  if (std::chrono::steady_clock::now() < paused_until_) return false;
  try {
    if (!cursor_) cursor_ = load_cursor();
    const bool retried = retry_parked();
    auto events = source_.read_after(*cursor_, batch_max);
    if (events.empty()) return retried;
    const bool full = events.size() == batch_max;
    std::string failure;
    auto applied = apply_batch(events, failure);
    if (applied == Applied::failed && events.size() > 1) {
      // One of them fails: take them one at a time, so that only that one is set aside.
      for (const auto& event : events) {
        applied = apply_batch({event}, failure);
        if (applied == Applied::moved_elsewhere) break;
        if (applied == Applied::failed) park(event, failure);
      }
    } else if (applied == Applied::failed) {
      park(events.front(), failure);
    }
    if (applied == Applied::moved_elsewhere) cursor_.reset();
    pauses_ = 0;
    position_.set(cursor_ ? static_cast<double>(*cursor_) : 0);
    for (const auto& progress : progress_) progress();
    return full || !cursor_;
  } catch (const std::exception& error) {
    pause(error.what());
    return false;
  }
}

Subscription::Applied Subscription::apply_batch(const std::vector<Event>& events, std::string& failure) {
  std::vector<std::any> prepared(events.size());
  try {
    failpoint::reach("subscription.before_prepare", name_);
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto handler = handlers_.find(events[i].name);
      if (handler != handlers_.end() && handler->second.prepare) prepared[i] = handler->second.prepare(call_about(events[i]), events[i]);
    }
    const bool look_for_parked = has_parked_.value_or(true);
    const auto from = *cursor_;
    const auto to = events.back().position;
    bool still_parked = false;
    const bool moved = consumer_.write(call(), [&](Tx& tx) {
      still_parked = false;
      if (tx.exec("UPDATE subscription SET position = :to WHERE name = :name AND position = :from"_sql, to, name_, from) == 0) return false;
      failpoint::reach("subscription.cursor_moved", name_);
      std::set<std::string> parked;
      if (look_for_parked)
        for (auto& aggregate : tx.list<std::string>("SELECT DISTINCT aggregate FROM parked_event WHERE subscription = :name"_sql, name_)) parked.insert(std::move(aggregate));
      still_parked = !parked.empty();
      Call about;
      for (std::size_t i = 0; i < events.size(); ++i) {
        const auto& event = events[i];
        const auto handler = handlers_.find(event.name);
        if (handler == handlers_.end()) continue;
        if (parked.contains(event.aggregate)) {
          tx.exec(R"(INSERT INTO parked_event (subscription, position, aggregate, event, attempts, failure, retry_ms)
                     VALUES (:name, :position, :aggregate, :event, 0, 'waits behind an earlier event', 0))"_sql,
                  name_, event.position, event.aggregate, db::Json<Event>{event});
          continue;
        }
        about = call_about(event);
        tx.act_for(about);
        handler->second.apply(tx, event, prepared[i]);
      }
      failpoint::reach("subscription.applied", name_);
      return true;
    });
    if (!moved) return Applied::moved_elsewhere;
    failpoint::reach("subscription.committed", name_);
    has_parked_ = still_parked;
    cursor_ = to;
    taken_.add(static_cast<double>(events.size()));
    return Applied::all;
  } catch (const Problem& problem) {
    if (is_infrastructure(problem)) throw;
    failure = problem.what();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  return Applied::failed;
}

void Subscription::park(const Event& event, const std::string& failure) {
  log::error("an event could not be taken and is set aside", {{"subscription", name_}, {"event", event.name}, {"position", event.position}, {"aggregate", event.aggregate}, {"error", failure}});
  failpoint::reach("subscription.before_park", name_);
  const bool moved = consumer_.write(call(), [&](Tx& tx) {
    if (tx.exec("UPDATE subscription SET position = :to WHERE name = :name AND position = :from"_sql, event.position, name_, *cursor_) == 0) return false;
    tx.exec(R"(INSERT INTO parked_event (subscription, position, aggregate, event, attempts, failure, retry_ms)
               VALUES (:name, :position, :aggregate, :event, 1, :failure, :retry_ms))"_sql,
            name_, event.position, event.aggregate, db::Json<Event>{event}, log::redacted(failure), tx.now() + backoff_ms(1));
    failpoint::reach("subscription.parked", name_);
    return true;
  });
  if (!moved) return cursor_.reset();
  cursor_ = event.position;
  has_parked_ = true;
  parked_.add();
}

// The first parked event of each aggregate, once its time has come; the others follow it.
bool Subscription::retry_parked() {
  if (has_parked_ == false || std::chrono::steady_clock::now() < next_parked_look_) return false;
  next_parked_look_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  const auto now = call().now;
  const auto due = consumer_.read(call(), [&](Tx& tx) {
    has_parked_ = tx.get<std::int64_t>("SELECT count(*) AS n FROM parked_event WHERE subscription = :name"_sql, name_) > 0;
    return tx.list<Parked>(R"(SELECT position, aggregate, event, attempts FROM parked_event AS p
                              WHERE subscription = :name AND attempts < :attempts_max AND retry_ms <= :now AND position =
                                (SELECT min(position) FROM parked_event AS first WHERE first.subscription = p.subscription AND first.aggregate = p.aggregate)
                              ORDER BY position LIMIT 50)"_sql,
                           name_, attempts_max, now);
  });
  bool any = false;
  for (const auto& parked : due) {
    const auto& event = parked.event.value;
    std::string failure;
    try {
      failpoint::reach("subscription.before_retry", name_);
      const auto& handler = handlers_.at(event.name);
      const auto about = call_about(event);
      const auto prepared = handler.prepare ? handler.prepare(about, event) : std::any();
      consumer_.write(about, [&](Tx& tx) {
        if (tx.exec("DELETE FROM parked_event WHERE subscription = :name AND position = :position"_sql, name_, parked.position) == 1) handler.apply(tx, event, prepared);
        failpoint::reach("subscription.retried", name_);
      });
      any = true;
      continue;
    } catch (const Problem& problem) {
      if (is_infrastructure(problem)) throw;
      failure = problem.what();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    consumer_.write(call(), [&](Tx& tx) {
      tx.exec("UPDATE parked_event SET attempts = attempts + 1, failure = :failure, retry_ms = :retry_ms WHERE subscription = :name AND position = :position"_sql,
              log::redacted(failure), tx.now() + backoff_ms(parked.attempts + 1), name_, parked.position);
    });
  }
  return any;
}

void Subscription::pause(const std::string& why) {
  // The cursor may or may not have moved: read it again.
  cursor_.reset();
  const auto wait = std::chrono::milliseconds(std::min(100 << std::min(pauses_, 7), 10'000));
  if (pauses_++ % 10 == 0) log::warning("a subscription pauses", {{"subscription", name_}, {"error", why}, {"ms", wait.count()}});
  paused_until_ = std::chrono::steady_clock::now() + wait;
}

}  // namespace polyshop::bus
