#pragma once

#include "bus/event.hpp"
#include "kernel/db/database.hpp"

namespace polyshop::bus {

// parked: will be tried again, or waits behind one of its aggregate. dead: waits until somebody looks. discarded: somebody
// decided that it never takes effect; kept for a while to show that.
enum class ParkedState { parked, dead, discarded };
BOOST_DESCRIBE_ENUM(ParkedState, parked, dead, discarded)

// An event that a subscription could not take.
struct DeadLetter {
  std::string id;            // "search.catalog.17": the subscription and the position in its source's log
  std::string subscription;
  std::int64_t position = 0;
  ParkedState state = ParkedState::parked;
  std::int64_t attempts = 0;
  std::string failure;       // of the last attempt, redacted
  Timestamp retry_ms = 0;    // of a parked one: not before
  Timestamp parked_ms = 0;   // since when
  Event event;
};
BOOST_DESCRIBE_STRUCT(DeadLetter, (), (id, subscription, position, state, attempts, failure, retry_ms, parked_ms, event))

// The events that the subscriptions of one module have set aside.
class DeadLetters {
 public:
  explicit DeadLetters(Database& database) : database_(database) {}

  struct Filter {
    std::optional<std::string> subscription{};
    std::optional<ParkedState> state{};  // without one: parked and dead
    std::string after_subscription{};    // in the order of subscription and position
    std::int64_t after_position = 0;
    std::int64_t limit = 100;
  };
  std::vector<DeadLetter> list(const Call& call, const Filter& filter);
  std::optional<DeadLetter> find(const Call& call, const std::string& subscription, std::int64_t position);
  // Tries it again soon, with as many attempts as a new one has. Also one that was discarded, if nothing of it was forgotten yet.
  // Both answer how it stands then, and throw Problem 404 where it is gone: taken meanwhile.
  DeadLetter redrive(const Call& call, const std::string& subscription, std::int64_t position);
  // It never takes effect; later ones of its aggregate no longer wait for it. Says so in the log, with the actor and the reason.
  DeadLetter discard(const Call& call, const std::string& subscription, std::int64_t position, const std::string& reason);

  // Removes the discarded ones that were parked before then, some at a time; true where there may be more.
  bool forget(const Call& call, Timestamp before);

 private:
  Database& database_;
};

}  // namespace polyshop::bus
