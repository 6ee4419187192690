#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "bus/subscription.hpp"

namespace polyshop::bus {

class Node;

enum class RebuildState { none, running, done, failed };
BOOST_DESCRIBE_ENUM(RebuildState, none, running, done, failed)

// How far the rebuild of a module is, or what came of the last one of this process.
struct RebuildStanding {
  std::string module;
  RebuildState state = RebuildState::none;
  std::string doing;                  // "products"
  std::int64_t items = 0;             // loaded so far
  std::optional<std::string> problem;  // why it failed
};
BOOST_DESCRIBE_STRUCT(RebuildStanding, (), (module, state, doing, items, problem))

// Makes the database of a module anew, where the whole of it follows from its sources: in a place of its own, while the old
// one serves. The ends of the sources' logs are noted, their exports are loaded, what the logs had since is applied, in which
// what is older than the export changes nothing; then the new database is put in the place of the old one, and the
// subscriptions go on in it. What was set aside is gone with the old one. Nothing is performed outside.
class Rebuild {
 public:
  using OnLoaded = std::function<void(std::string_view what, std::int64_t items)>;  // more of them; throws to give up
  struct Plan {
    std::function<void(const Call& call, Database& into, const OnLoaded& loaded)> load;
    std::function<void(const Call& call, Database& into)> settle;  // what is left to do once events were applied; may be empty
    std::function<void()> replaced;                                // the module has another database now
  };

  Rebuild(Node& node, Plan plan) : node_(node), plan_(std::move(plan)) {}
  ~Rebuild() { stop(); }
  void start(const Call& call);  // on a thread of its own; throws Problem 409 `rebuild_running`
  void run(const Call& call);    // the same on this thread
  RebuildStanding standing();
  void stop();                   // gives up what is running

 private:
  void begin();
  void make(const Call& call);
  void say(std::string doing, std::int64_t more_items = 0);
  Node& node_;
  const Plan plan_;
  std::mutex mutex_;
  RebuildStanding standing_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace polyshop::bus
