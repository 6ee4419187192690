#pragma once

#include "bus/cloud_event.hpp"
#include "bus/node.hpp"

namespace polyshop::bus {

// What is read from a module's log over HTTP.
struct FeedPage {
  std::int64_t head = 0;  // of the log when it was read
  std::vector<CloudEvent> events;
  std::optional<LogEpoch> epoch;  // where it was asked for
};
BOOST_DESCRIBE_STRUCT(FeedPage, (), (head, events, epoch))

// GET /internal/{module}/events?after=: the events of a module's log after a position, for its modules in other processes. Where
// there are none it waits for some, holding no thread, for as long as the reader says. A reader that says its name is waited
// for when the log is shortened. `is_stopping` ends the waiting: after a wake() of the logs.
void add_feed(http::ModuleRoutes routes, const std::vector<Node*>& nodes, std::function<bool()> is_stopping);

}  // namespace polyshop::bus
