#pragma once

#include <atomic>
#include <memory>
#include <set>

#include "bus/dead_letters.hpp"
#include "bus/effect.hpp"
#include "bus/log.hpp"
#include "bus/rebuild.hpp"
#include "bus/saga.hpp"
#include "bus/subscription.hpp"
#include "kernel/config/config.hpp"
#include "kernel/db/notifier.hpp"
#include "kernel/facade/operation.hpp"
#include "kernel/http/cache.hpp"
#include "kernel/http/route.hpp"
#include "kernel/security/password.hpp"

namespace polyshop {

namespace bus {
class Node;
}

struct EventSettings {
  Timestamp kept_ms = 30LL * 24 * 3600'000;  // events in the log of their module
  Timestamp lag_alarm_ms = 5 * 60'000;       // behind which a subscription is warned of
  std::filesystem::path archive{};           // where what was not taken by then goes; empty: "archive" in the database's folder
  bool is_after_crash = false;               // the process before this one did not end in an orderly way
};

// What the program gives to every module.
struct Platform {
  Config& config;
  Metrics& metrics;
  const Clock& clock;
  http::Routes& routes;
  http::ResponseCache& cache;               // of public answers: a module invalidates what its changes concern
  PasswordHasher& hasher;
  DatabaseOptions database;                 // of every module here that has no settings of its own for its database
  Binding binding = Binding::local;
  EventSettings events{};
  std::size_t threads_per_module = 32;      // for background work; 0: work_once() does all of it
  std::vector<bus::Node*> nodes{};          // of the modules, in their order
  std::map<std::string, std::unique_ptr<db::Notifier>> notifiers{};  // PostgreSQL: by how to connect
};

namespace bus {

// The ground a module stands on: its database, its event log, its subscriptions, sagas, outside effects and jobs.
class Node {
 public:
  Node(Platform& platform, std::string module);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const std::string& module() const { return db.module(); }
  http::ModuleRoutes routes() { return {platform_.routes, db.module()}; }

  // Declares the events that the module publishes; others it cannot.
  template <EventType... E>
  void publishes() {
    (log.declare(event_kind<E>()), ...);
  }
  // One subscription per source; further calls answer the same.
  Subscription& subscribe(Node& source, From from = From::start);
  Subscription& subscribe(Source& source, From from = From::start);  // which outlives this
  const std::vector<std::unique_ptr<Subscription>>& subscriptions() const { return subscriptions_; }
  // The whole database of the module follows from its sources, and this is how. Such a module publishes nothing.
  void rebuilds(Rebuild::Plan plan) { rebuild_ = std::make_unique<Rebuild>(*this, std::move(plan)); }
  bool is_projection() const { return rebuild_ != nullptr; }
  Rebuild& rebuild();  // throws Problem 409 `not_rebuildable` where it has data of its own
  Subscription* find_subscription(std::string_view name);  // null where this release has none of that name
  // Something that one thread at a time does when it is asked for by what is answered here, at least `pause` after it was begun to be done the last time, and now and then
  // without being asked. `step` does some of it, and says whether there may be more.
  std::function<void()> work(std::string name, std::chrono::milliseconds pause, std::function<bool()> step);
  // Runs a function about every so often, on one of the module's workers; with several instances on each of them.
  void every(std::string name, Timestamp interval_ms, std::function<void(const Call&)> run);

  // A copy of a facade, wired for this module to call.
  template <class F>
  F use(const F& facade, const std::string& owner) {
    uses_.insert(owner);
    return facade::connect(facade, owner, module(), platform_.binding, platform_.metrics);
  }

  void open();    // the database's lanes; migrations come before
  // Threads that deliver, resume and repeat. Throws Problem 409 `subscription_gone` where the database holds the cursor of a
  // subscription that this release does not have: it would be forgotten without a word that it exists.
  void start();
  void stop();    // no further background work; what runs is finished
  // Does what there is to do now, on this thread; true where it did something. For tests and simulations.
  bool work_once();
  void repeat_due();  // the same for what every() has been given
  Call system_call(std::string_view as) const;

  // Whether everything published by the sources has been taken.
  bool is_caught_up();

  std::vector<SubscriptionRow> subscription_rows();

  // The cursors of subscriptions that this release does not have, and their end: a retired one and what it had set aside are
  // gone. Problem 404 where there is no such cursor, 409 `still_subscribed` where this release has the subscription.
  std::vector<std::string> orphans();
  void retire(const Call& call, const std::string& name);

  // What the node does by itself now and then: takes out of the log what is old, and measures.
  void tend();
  void measure();

  // What the module is wired to: the owners of the facades it uses, and where it subscribes.
  const std::set<std::string>& uses() const { return uses_; }

  Database db;
  Workers workers;
  Log log;
  DeadLetters dead_letters;
  Effects effects;
  Sagas sagas;

 private:
  struct Task;      // something that one thread at a time does, when asked
  struct Repeated;
  void schedule(Task& task);
  bool is_due(Repeated& repeated);  // and when it is next
  void repeat(const Repeated& repeated);
  void tick();
  bool is_stopping();
  void check_subscriptions();
  void warn_of_lag(const SubscriptionRow& row);
  Platform& platform_;
  std::set<std::string> uses_;
  db::Notifier* notifier_ = nullptr;
  std::unique_ptr<Rebuild> rebuild_;
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
  std::vector<std::pair<Subscription*, Node*>> subscribers_;  // to this log, in this process, with whose they are
  std::map<std::string, Timestamp> warned_ms_;                // of a subscription's lag, last
  std::vector<std::unique_ptr<Task>> tasks_;
  std::vector<std::unique_ptr<Repeated>> repeated_;
  std::thread ticker_;
  std::mutex mutex_;
  std::condition_variable stop_asked_;
  bool stopping_ = false;
  std::atomic<bool> started_ = false;
};

}  // namespace bus
}  // namespace polyshop
