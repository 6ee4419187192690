#include "bus/node.hpp"

#include <pthread.h>

#include "kernel/db/database_settings.hpp"
#include "kernel/observe/log.hpp"

namespace polyshop::bus {
namespace {

constexpr std::size_t sagas_at_a_time = 8;  // after a restart many are due, and one commit serves them all
constexpr Timestamp ended_kept_ms = 30LL * 24 * 3600'000;

}  // namespace

struct Node::Task {
  std::string name;
  std::function<bool()> step;        // true: there may be more
  std::atomic<int> asked = 0;        // how often it was asked for since its runner last looked; 0: nobody runs it
};

struct Node::Repeated {
  std::string name;
  Timestamp interval_ms;
  std::function<void(const Call&)> run;
  Timestamp next_ms = 0;
};

Node::Node(Platform& platform, std::string module)
    : db(module, database_of_module(platform.config, platform.database, module), platform.clock, platform.metrics),
      workers(module + "-bus", 32, 100'000),
      log(db),
      effects(db, workers),
      sagas(db, workers, platform.metrics),
      platform_(platform) {
  platform.nodes.push_back(this);
  db.set_events(&log);
  const auto add = [&](std::string name, std::function<bool()> step) -> Task& {
    auto& task = *tasks_.emplace_back(std::make_unique<Task>());
    task.name = std::move(name);
    task.step = std::move(step);
    return task;
  };
  auto& sequencer = add("sequencer", [this] { return log.sequence(); });
  if (db.engine() == Engine::postgresql) log.on_append([this, &sequencer] { schedule(sequencer); });
  add("effects", [this] { return effects.take_due(); });
  add("sagas", [this] { return sagas.run_due(started_ ? sagas_at_a_time : 1); });
  add("saga moves", [this] {
    sagas.notice_moves();
    return false;
  });
  every("forget old idempotency keys", 10 * 60'000, [this](const Call& call) {
    constexpr Timestamp kept_ms = 24 * 3600'000;
    db.write(call, [&](Tx& tx) { tx.exec("DELETE FROM keyed_command WHERE created_ms < :before"_sql, tx.now() - kept_ms); });
  });
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
  std::erase(platform_.nodes, this);
}

Subscription& Node::subscribe(Node& source, From from) {
  for (auto& subscription : subscriptions_)
    if (&subscription->source() == &source.log) return *subscription;
  auto& subscription = *subscriptions_.emplace_back(std::make_unique<Subscription>(db, source.log, from, platform_.metrics));
  auto& task = *tasks_.emplace_back(std::make_unique<Task>());
  task.name = subscription.name();
  task.step = [&subscription] { return subscription.step(); };
  source.log.on_append([this, &task] { schedule(task); });
  return subscription;
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
  db.open();
  effects.release_leases();
  sagas.release_leases();
}

void Node::start() {
  started_ = true;
  ticker_ = std::thread([this] {
    pthread_setname_np(pthread_self(), (module().substr(0, 10) + "-tick").c_str());
    tick();
  });
}

void Node::stop() {
  if (started_.exchange(false)) {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_asked_.notify_all();
    ticker_.join();
  }
  workers.stop();  // also of one that was only opened: what followed a commit is finished
}

// The wake-ups after commits are what makes things fast; this poll is what makes them certain.
void Node::tick() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    for (auto& task : tasks_) schedule(*task);
    for (auto& repeated : repeated_) {
      const auto now = platform_.clock.now();
      if (now < repeated->next_ms) continue;
      repeated->next_ms = now + repeated->interval_ms;
      Job job = [this, &job_of = *repeated] {
        try {
          job_of.run(system_call(job_of.name));
        } catch (const std::exception& error) {
          log::warning("a job failed", {{"job", job_of.name}, {"error", error.what()}});
        }
      };
      workers.submit(std::move(job));
    }
    lock.lock();
    stop_asked_.wait_for(lock, std::chrono::milliseconds(250), [this] { return stopping_; });
  }
}

void Node::schedule(Task& task) {
  if (!started_ || task.asked.fetch_add(1) > 0) return;  // its runner will look again
  Job job = [this, &task] {
    int seen = task.asked.load();
    while (true) {
      bool more = false;
      try {
        more = task.step();
      } catch (const std::exception& error) {
        log::warning("background work failed", {{"module", module()}, {"task", task.name}, {"error", error.what()}});
      }
      if (more && started_) continue;
      if (task.asked.compare_exchange_strong(seen, 0)) return;
    }
  };
  if (!workers.submit(std::move(job))) task.asked = 0;
}

bool Node::work_once() {
  bool any = false;
  for (auto& task : tasks_) any |= task->step();
  return any;
}

std::vector<Node::SubscriptionRow> Node::subscription_rows() {
  std::vector<SubscriptionRow> rows;
  for (auto& subscription : subscriptions_) {
    SubscriptionRow row{subscription->name(), 0, subscription->source().head(), 0};
    db.read(system_call("look"), [&](Tx& tx) {
      row.position = tx.find<std::int64_t>("SELECT position FROM subscription WHERE name = :name"_sql, row.name).value_or(0);
      row.parked = tx.get<std::int64_t>("SELECT count(*) AS n FROM parked_event WHERE subscription = :name"_sql, row.name);
    });
    rows.push_back(std::move(row));
  }
  return rows;
}

bool Node::is_caught_up() {
  return std::ranges::all_of(subscription_rows(), [](const auto& row) { return row.position >= row.head; });
}

}  // namespace polyshop::bus
