#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace polyshop::db {

// Tells the other instances of a shop on one PostgreSQL that something has happened in a module, and hears it from them. It has
// a connection and a thread of its own: a NOTIFY inside of the transactions that cause it would line up their commits. What is
// told several times in a short while is told once. Only a hint that makes things fast: where the connection is away, nothing
// is told or heard until it is back, and whoever relies on it polls besides.
class Notifier {
 public:
  explicit Notifier(std::string target);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  void notify(const std::string& module);
  // Calls back on the notifier's thread when another instance told of that module, and after the connection was lost and found:
  // what was told meanwhile is not known. The first callback of a module starts the thread.
  void listen(const std::string& module, std::function<void()> heard);
  // No call comes after this has returned.
  void forget(const std::string& module);
  void stop();

 private:
  struct Connection;
  void run();
  void serve(Connection& connection);
  void hear(const std::string& module);
  void hear_all();
  bool is_stopping();
  void poke();

  const std::string target_;
  std::mutex mutex_;
  std::condition_variable stop_asked_;
  std::set<std::string> to_tell_;
  std::mutex listeners_mutex_;  // held while one is called
  std::map<std::string, std::function<void()>> listeners_;
  const int poke_;  // an eventfd: there is something to tell, or to stop for
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace polyshop::db
