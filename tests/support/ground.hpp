#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "bus/node.hpp"
#include "kernel/http/inline.hpp"

namespace polyshop::tests {

// What modules stand on in a test: a fresh database of a real engine, a clock the test sets, a route table without a socket.
// Construct the modules with `platform`, in their order, then open(). No background threads run: deliver_events() does what they would.
class Ground {
 public:
  explicit Ground(Engine engine, Binding binding = Binding::local);
  // Another instance on the same PostgreSQL database; the first one outlives it.
  explicit Ground(const Ground& first);
  ~Ground();

  Platform& platform() { return *platform_; }
  ManualClock& clock() { return clock_; }
  const Metrics& metrics() const { return metrics_; }

  void open();            // migrates and opens every node
  void deliver_events();  // until there is nothing left to do: events, effects, sagas that are due

  Call call() const;                                             // an anonymous shopper's, now
  Call as_customer(std::string user_id) const;
  Call as_staff(std::vector<std::string> permissions, std::string user_id = "usr_staff") const;
  Call as_system() const;

  // One request through routing, access checks, idempotency and error rendering; `fields` are request fields.
  http::Response send(http::Method method, const std::string& target, const std::string& body, Call call, std::vector<std::pair<std::string, std::string>> fields = {});

 private:
  Ground(Engine engine, Binding binding, std::string database, bool is_first);
  const Engine engine_;
  const bool is_first_;
  std::filesystem::path folder_;
  std::string database_;
  ManualClock clock_;
  Metrics metrics_;
  http::Routes routes_;
  http::ResponseCache cache_{16 * 1024 * 1024};
  Config config_;
  PasswordHasher hasher_;
  std::unique_ptr<Platform> platform_;
};

// SQLite always, PostgreSQL where POLYSHOP_TEST_POSTGRESQL names a server (a libpq connection string with the rights to
// create databases). Under tools/test it always does: POLYSHOP_TEST_ENGINES=sqlite,postgresql makes its absence an error.
std::vector<Engine> engines();

}  // namespace polyshop::tests

namespace polyshop::tests {

// Runs a test's body against every engine, with facades local and loopback.
void on_each_engine(const std::function<void(Ground& ground)>& body);

}  // namespace polyshop::tests
