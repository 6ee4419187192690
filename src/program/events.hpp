#pragma once

#include "bus/cloud_event.hpp"
#include "bus/node.hpp"
#include "kernel/facade/operation.hpp"

// What people see of the bus and do about it: the same for the command line and for the admin API. The bus is no module, so it
// has no routes of its own.
namespace polyshop {

struct EventLogRow {
  std::string module;
  std::int64_t first = 0;                      // positions in the log; both 0 where it is empty
  std::int64_t last = 0;
  std::optional<std::int64_t> archived_from{};  // the first position in the archive
  std::vector<std::string> types;              // that the module publishes
  std::vector<bus::Log::Reader> readers;       // in other processes
};
BOOST_DESCRIBE_STRUCT(EventLogRow, (), (module, first, last, archived_from, types, readers))

struct ReadEvents {
  std::string module;
  std::int64_t after = 0;
  std::int64_t limit = 100;
};
BOOST_DESCRIBE_STRUCT(ReadEvents, (), (module, after, limit))
struct ListEvents {
  std::string module;
  std::int64_t before = std::numeric_limits<std::int64_t>::max();
  std::int64_t limit = 100;
};
BOOST_DESCRIBE_STRUCT(ListEvents, (), (module, before, limit))
struct OfEvent {
  std::string id;
};
BOOST_DESCRIBE_STRUCT(OfEvent, (), (id))
struct OfSubscription {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(OfSubscription, (), (name))
struct PauseSubscription {
  std::string name;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(PauseSubscription, (), (name, reason))
struct ListDeadLetters {
  std::optional<std::string> subscription{};
  std::optional<bus::ParkedState> state{};  // without one: parked and dead
  std::string after{};                      // the id of the last one of the page before
  std::int64_t limit = 100;
};
BOOST_DESCRIBE_STRUCT(ListDeadLetters, (), (subscription, state, after, limit))
struct OfDeadLetter {
  std::string id;
};
BOOST_DESCRIBE_STRUCT(OfDeadLetter, (), (id))
struct DiscardDeadLetter {
  std::string id;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(DiscardDeadLetter, (), (id, reason))

struct OfModule {
  std::string module;
};
BOOST_DESCRIBE_STRUCT(OfModule, (), (module))

struct EventsFacade {
  Query<Nothing, std::vector<EventLogRow>> logs;
  Query<ReadEvents, std::vector<bus::Event>> read;  // the archive's as well
  Query<ListEvents, std::vector<bus::Event>> list;  // the latest first
  Query<OfEvent, bus::Event> get;
  Query<Nothing, std::vector<bus::SubscriptionRow>> subscriptions;
  Query<Nothing, std::vector<std::string>> orphans;  // cursors of subscriptions that this release does not have
  Command<PauseSubscription, void> pause;
  Command<OfSubscription, void> resume;
  Command<OfSubscription, void> retire;
  Query<ListDeadLetters, std::vector<bus::DeadLetter>> dead_letters;
  Query<OfDeadLetter, bus::DeadLetter> get_dead_letter;
  Command<OfDeadLetter, bus::DeadLetter> redrive;
  Command<DiscardDeadLetter, bus::DeadLetter> discard;
  Command<OfModule, void> rebuild;  // begins it
  Query<OfModule, bus::RebuildStanding> get_rebuild;
};
BOOST_DESCRIBE_STRUCT(EventsFacade, (), (logs, read, list, get, subscriptions, orphans, pause, resume, retire, dead_letters, get_dead_letter, redrive, discard, rebuild, get_rebuild))

EventsFacade events_of(const std::vector<bus::Node*>& nodes);
void add_event_routes(http::ModuleRoutes routes, const EventsFacade& events);

}  // namespace polyshop
