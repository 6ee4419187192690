#pragma once

#include <atomic>
#include <memory>
#include <set>

#include "bus/effect.hpp"
#include "bus/log.hpp"
#include "bus/saga.hpp"
#include "bus/subscription.hpp"
#include "kernel/config/config.hpp"
#include "kernel/facade/operation.hpp"
#include "kernel/http/cache.hpp"
#include "kernel/http/route.hpp"
#include "kernel/security/password.hpp"

namespace polyshop {

namespace bus {
class Node;
}

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
  std::vector<bus::Node*> nodes{};          // of the modules, in their order
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
  // Runs a function about every so often, on one of the module's workers; with several instances on each of them.
  void every(std::string name, Timestamp interval_ms, std::function<void(const Call&)> run);

  // A copy of a facade, wired for this module to call.
  template <class F>
  F use(const F& facade, const std::string& owner) {
    uses_.insert(owner);
    return facade::connect(facade, owner, module(), platform_.binding, platform_.metrics);
  }

  void open();    // the database's lanes; migrations come before
  void start();   // threads that deliver, resume and repeat
  void stop();    // no further background work; what runs is finished
  // Does what there is to do now, on this thread; true where it did something. For tests and simulations.
  bool work_once();
  Call system_call(std::string_view as) const;

  // Whether everything published by the sources has been taken.
  bool is_caught_up();

  struct SubscriptionRow {
    std::string name;
    std::int64_t position = 0;
    std::int64_t head = 0;
    std::int64_t parked = 0;
  };
  std::vector<SubscriptionRow> subscription_rows();

  // What the module is wired to: the owners of the facades it uses, and where it subscribes.
  const std::set<std::string>& uses() const { return uses_; }
  const std::vector<std::unique_ptr<Subscription>>& subscriptions() const { return subscriptions_; }

  Database db;
  Workers workers;
  Log log;
  Effects effects;
  Sagas sagas;

 private:
  struct Task;      // something that one thread at a time does, when asked
  struct Repeated;
  void schedule(Task& task);
  void tick();
  Platform& platform_;
  std::set<std::string> uses_;
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
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
