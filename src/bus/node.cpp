#include "bus/node.hpp"

#include <pthread.h>

#include <fmt/format.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/database_settings.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::bus {
namespace {

constexpr std::size_t sagas_at_a_time = 8;  // after a restart many are due, and one commit serves them all
constexpr Timestamp ended_kept_ms = 30LL * 24 * 3600'000;
constexpr Timestamp tend_ms = 60'000;
constexpr Timestamp measure_ms = 15'000;
constexpr Timestamp key_kept_ms = 24 * 3600'000;
// Events that come one after the other are taken together: each taking is a commit. The first is taken at once.
constexpr auto between_takings = std::chrono::milliseconds(50);

std::filesystem::path archive_of(const Platform& platform, const std::string& module) {
  return (platform.events.archive.empty() ? platform.database.folder / "archive" : platform.events.archive) / module;
}

}  // namespace

struct Node::Task {
  std::string name;
  std::function<bool()> step;        // true: there may be more
  std::chrono::milliseconds pause{};   // from one step to the next that is asked for
  std::atomic<int> asked = 0;        // how often it was asked for since its runner last looked; 0: nobody runs it
  std::chrono::steady_clock::time_point last{};  // of its runner: when it last made a step
};

struct Node::Repeated {
  std::string name;
  Timestamp interval_ms;
  std::function<void(const Call&)> run;
  Timestamp next_ms = 0;
};

Node::Node(Platform& platform, std::string module)
    : db(module, database_of_module(platform.config, platform.database, module), platform.clock, platform.metrics),
      workers(module + "-bus", platform.threads_per_module, 100'000),
      log(db, archive_of(platform, module)),
      dead_letters(db),
      effects(db, workers),
      sagas(db, workers, platform.metrics),
      platform_(platform) {
  platform.nodes.push_back(this);
  db.set_events(&log);
  constexpr std::chrono::milliseconds at_once{0};
  auto sequence = work("sequencer", at_once, [this] { return log.sequence(); });
  if (db.engine() == Engine::postgresql) {
    log.set_sequencer(std::move(sequence));
    log.set_tell([this] {
      if (started_) notifier_->notify(this->module());
    });
  }
  work("effects", at_once, [this] { return effects.take_due(); });
  work("sagas", at_once, [this] { return sagas.run_due(started_ ? sagas_at_a_time : 1); });
  work("saga moves", at_once, [this] {
    sagas.notice_moves();
    return false;
  });
  every("look after the log", tend_ms, [this](const Call&) { tend(); });
  every("measure events", measure_ms, [this](const Call&) { measure(); });
  every("forget what ended", 10 * 60'000, [this](const Call&) {
    sagas.forget_ended(ended_kept_ms);
    effects.forget_ended(ended_kept_ms);
  });
  every("measure sagas", 15'000, [this](const Call&) {
    if (sagas.are_defined()) sagas.measure();
  });
}

Node::~Node() {
  stop();
  for (auto* node : platform_.nodes) std::erase_if(node->subscribers_, [this](const auto& one) { return one.second == this; });
  std::erase(platform_.nodes, this);
}

Subscription& Node::subscribe(Node& source, From from) {
  const auto count = subscriptions_.size();
  auto& subscription = subscribe(source.log, from);
  if (subscriptions_.size() > count) source.subscribers_.emplace_back(&subscription, this);
  return subscription;
}

Subscription& Node::subscribe(Source& source, From from) {
  for (auto& subscription : subscriptions_)
    if (&subscription->source() == &source) return *subscription;
  auto& subscription = *subscriptions_.emplace_back(std::make_unique<Subscription>(db, source, from, platform_.metrics));
  source.on_append(work(subscription.name(), between_takings, [&subscription] { return subscription.step(); }));
  return subscription;
}

Rebuild& Node::rebuild() {
  if (!rebuild_) throw Problem::conflict("not_rebuildable", "The module " + module() + " has data of its own, which nothing else could be rebuilt from.");
  return *rebuild_;
}

Subscription* Node::find_subscription(std::string_view name) {
  const auto found = std::ranges::find_if(subscriptions_, [&](const auto& one) { return one->name() == name; });
  return found == subscriptions_.end() ? nullptr : found->get();
}

std::function<void()> Node::work(std::string name, std::chrono::milliseconds pause, std::function<bool()> step) {
  auto& task = *tasks_.emplace_back(std::make_unique<Task>());
  task.name = std::move(name);
  task.step = std::move(step);
  task.pause = pause;
  return [this, &task] { schedule(task); };
}

void Node::every(std::string name, Timestamp interval_ms, std::function<void(const Call&)> run) {
  repeated_.push_back(std::make_unique<Repeated>(std::move(name), interval_ms, std::move(run), 0));
}

Call Node::system_call(std::string_view as) const {
  Call call;
  call.actor = Actor::system(module() + "." + std::string(as));
  call.module = module();
  call.now = platform_.clock.now();
  call.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  call.trace = Trace::make();
  return call;
}

void Node::open() {
  if (rebuild_ && !log.kinds().empty()) die("the module " + module() + " can be rebuilt and publishes events: its log would be lost");
  for (const auto& subscription : subscriptions_) {
    for (const auto& event : subscription->event_names())
      if (!subscription->source().may_publish(event)) die(subscription->name() + " handles " + event + ", which " + subscription->source().module() + " does not publish");
    if (platform_.events.is_after_crash) subscription->suspect();
  }
  db.open();
  effects.release_leases();
  sagas.release_leases();
}

void Node::start() {
  check_subscriptions();
  if (db.engine() == Engine::postgresql) {
    const auto session = db.session_options(false);
    auto& notifier = platform_.notifiers[session.target];
    if (!notifier) notifier = std::make_unique<db::Notifier>(db::with_password(session.target, session.password_file));
    notifier_ = notifier.get();
  }
  started_ = true;
  if (notifier_) notifier_->listen(module(), [this] { log.wake(); });
  ticker_ = std::thread([this] {
    pthread_setname_np(pthread_self(), (module().substr(0, 10) + "-tick").c_str());
    tick();
  });
}

void Node::stop() {
  if (rebuild_) rebuild_->stop();
  if (started_.exchange(false)) {
    effects.leave_the_rest();
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_asked_.notify_all();
    if (notifier_) notifier_->forget(module());
    ticker_.join();
  }
  workers.stop();  // also of one that was only opened: what followed a commit is finished
}

bool Node::is_due(Repeated& repeated) {
  const auto now = platform_.clock.now();
  if (now < repeated.next_ms) return false;
  repeated.next_ms = now + repeated.interval_ms;
  return true;
}

void Node::repeat(const Repeated& repeated) {
  try {
    repeated.run(system_call(repeated.name));
  } catch (const std::exception& error) {
    log::warning("a job failed", {{"job", repeated.name}, {"error", error.what()}});
  }
}

void Node::repeat_due() {
  for (auto& repeated : repeated_)
    if (is_due(*repeated)) repeat(*repeated);
}

// The wake-ups after commits are what makes things fast; this poll is what makes them certain.
void Node::tick() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    for (auto& task : tasks_) schedule(*task);
    for (auto& repeated : repeated_) {
      if (!is_due(*repeated)) continue;
      Job job = [this, &due = *repeated] { repeat(due); };
      workers.submit(std::move(job));
    }
    lock.lock();
    stop_asked_.wait_for(lock, std::chrono::milliseconds(250), [this] { return stopping_; });
  }
}

void Node::schedule(Task& task) {
  if (!started_ || task.asked.fetch_add(1) > 0) return;  // its runner will look again
  Job job = [this, &task] {
    while (true) {
      if (const auto next = task.last + task.pause; std::chrono::steady_clock::now() < next) std::this_thread::sleep_until(next);
      int seen = task.asked.load();
      bool more = true;
      try {
        while (more && started_) more = task.step();
      } catch (const std::exception& error) {
        log::warning("background work failed", {{"module", module()}, {"task", task.name}, {"error", error.what()}});
      }
      task.last = std::chrono::steady_clock::now();
      if (task.asked.compare_exchange_strong(seen, 0)) return;
    }
  };
  if (!workers.submit(std::move(job))) task.asked = 0;
}

bool Node::work_once() {
  bool any = false;
  for (auto& task : tasks_) any |= task->step();
  if (platform_.threads_per_module == 0)
    while (workers.run_one()) any = true;
  return any;
}

std::vector<SubscriptionRow> Node::subscription_rows() {
  std::vector<SubscriptionRow> rows;
  for (const auto& subscription : subscriptions_) rows.push_back(subscription->row());
  return rows;
}

bool Node::is_caught_up() {
  return std::ranges::all_of(subscription_rows(), [](const auto& row) { return row.position >= row.head; });
}

bool Node::is_stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

std::vector<std::string> Node::orphans() {
  auto names = db.read(system_call("look"), [](Tx& tx) { return tx.list<std::string>("SELECT name FROM subscription ORDER BY name"_sql); });
  std::erase_if(names, [this](const auto& name) { return find_subscription(name) != nullptr; });
  return names;
}

void Node::check_subscriptions() {
  const auto names = orphans();
  if (names.empty()) return;
  throw Problem(409, "subscription_gone", fmt::format("The database of {} holds the cursor of {}, which this release does not have. Start the release that has it, or give it up with: polyshop events retire {}", module(), fmt::join(names, ", "), names.front()));
}

void Node::retire(const Call& call, const std::string& name) {
  if (find_subscription(name)) throw Problem::conflict("still_subscribed", fmt::format("This release subscribes as {}. Pause it instead.", name));
  const auto set_aside = db.write(call, [&](Tx& tx) {
    if (tx.exec("DELETE FROM subscription WHERE name = :name"_sql, name) == 0) throw Problem::not_found("subscription", name);
    return tx.exec("DELETE FROM parked_event WHERE subscription = :name"_sql, name);
  });
  log::warning("a subscription is retired", {{"subscription", name}, {"actor", call.actor.id}, {"set_aside_events_dropped", set_aside}});
}

void Node::tend() {
  if (!log.may_tend(system_call("tend"), tend_ms / 2)) return;
  const auto before = platform_.clock.now() - platform_.events.kept_ms;
  auto taken = log.head();
  for (const auto& [subscription, node] : subscribers_) taken = std::min(taken, subscription->position());
  for (const auto& reader : log.readers(system_call("tend"))) {
    if (reader.seen_ms < before - platform_.events.kept_ms) {
      log::warning("a reader in another process has not been heard of for long; nothing is kept for it any more", {{"module", module()}, {"reader", reader.name}, {"position", reader.position}});
      log.forget_reader(system_call("tend"), reader.name);
    } else {
      taken = std::min(taken, reader.position);
    }
  }
  while (!is_stopping() && log.shorten(system_call("tend"), before, taken)) {}
  failpoint::reach("log.tended", module());
  log.archive().forget_until(taken);
  while (!is_stopping() && dead_letters.forget(system_call("tend"), before)) {}
  constexpr std::int64_t batch = 500;  // deleted in some milliseconds
  const auto forget_keys = [&] {
    return db.write(system_call("tend"), [&](Tx& tx) {
      return tx.exec(R"(DELETE FROM keyed_command WHERE (principal, operation, key) IN
                          (SELECT principal, operation, key FROM keyed_command WHERE created_ms < :before LIMIT :batch))"_sql,
                     tx.now() - key_kept_ms, batch) == batch;
    });
  };
  while (!is_stopping() && forget_keys()) {}
}

void Node::measure() {
  auto& metrics = platform_.metrics;
  const auto extent = log.extent();
  metrics.gauge("polyshop_event_log_events", "Events in the log of a module.", {{"module", module()}}).set(extent.last ? static_cast<double>(extent.last - extent.first + 1) : 0);
  metrics.gauge("polyshop_event_log_position", "The position of the last event in the log of a module.", {{"module", module()}}).set(static_cast<double>(extent.last));
  for (const auto& row : subscription_rows()) {
    const Metrics::Labels labels{{"subscription", row.name}};
    metrics.gauge("polyshop_subscription_lag_events", "Events that a subscription has not taken yet.", labels).set(static_cast<double>(row.lag));
    metrics.gauge("polyshop_subscription_lag_seconds", "The age of the first event that a subscription has not taken yet.", labels).set(static_cast<double>(row.lag_ms) / 1000);
    metrics.gauge("polyshop_subscription_parked_events", "Events that a subscription has set aside and tries again.", labels).set(static_cast<double>(row.parked));
    metrics.gauge("polyshop_subscription_dead_events", "Events that a subscription has set aside until somebody looks.", labels).set(static_cast<double>(row.dead));
    metrics.gauge("polyshop_subscription_paused", "1 where a subscription was paused by hand.", labels).set(row.state == SubscriptionState::paused ? 1 : 0);
    warn_of_lag(row);
  }
}

void Node::warn_of_lag(const SubscriptionRow& row) {
  if (row.lag_ms < platform_.events.lag_alarm_ms) return;
  auto& warned = warned_ms_[row.name];
  const auto now = platform_.clock.now();
  if (warned && now - warned < 60'000) return;
  warned = now;
  log::warning("a subscription lags behind", {{"subscription", row.name}, {"events", row.lag}, {"oldest_s", row.lag_ms / 1000}, {"state", json::enum_name(row.state)}, {"failure", row.failure}});
}

}  // namespace polyshop::bus
