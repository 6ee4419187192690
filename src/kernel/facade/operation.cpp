#include "kernel/facade/operation.hpp"

#include "kernel/db/lane.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::facade {

Call enter(const Wiring& wiring, const Call& call, bool is_command) {
  if (db::in_write_transaction()) die("the operation " + wiring.owner + "." + wiring.name + " was called while a transaction was open");
  if (call.expired()) throw Problem::unavailable("timeout", "The request ran out of time. Try again.");
  Call inner = call;
  inner.module = wiring.caller;
  if (!is_command) inner.key.clear();
  if (inner.key.empty()) return inner;
  inner.operation = wiring.owner + "." + wiring.name;
  return inner;
}

std::string hash_of_input(std::string_view text) { return sha256_hex(text); }

Timer::~Timer() {
  wiring_.seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
  if (std::uncaught_exceptions() > exceptions_) wiring_.failures.add();
}

}  // namespace polyshop::facade
