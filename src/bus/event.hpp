#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe.hpp>

#include "kernel/db/tx.hpp"

namespace polyshop::bus {

// An entry of a module's event log.
struct Event {
  std::int64_t position = 0;   // dense from 1 in its log
  std::string id;              // evt_...
  std::string name;            // "inventory.stock_reserved.v1"
  std::string aggregate;       // what it is about; the order of events of one aggregate is kept
  std::int64_t version = 0;    // of the aggregate, once this had happened
  Timestamp time_ms = 0;
  std::string actor;           // who caused it: usr_..., or a part of the system; empty for a visitor without an account
  std::string trace;           // a W3C traceparent, or empty
  std::string data;            // JSON, at most 64 KiB
};
BOOST_DESCRIBE_STRUCT(Event, (), (position, id, name, aggregate, version, time_ms, actor, trace, data))

constexpr std::size_t event_size_max = 64 * 1024;

// A type of event, as the module that publishes it declares it.
struct EventKind {
  std::string name;
  json::Object (*schema)(json::Schemas&);             // of its data
  std::string (*reread)(std::string_view data);       // data, read strictly and written again by this release
};
template <EventType E>
EventKind event_kind() {
  return {std::string(E::event_name), [](json::Schemas& schemas) { return json::schema_of<E>(schemas); },
          [](std::string_view data) { return json::to_text(json::from_text<E>(data, json::Mode::strict)); }};
}

// A restore takes a log back and begins an epoch of it.
struct LogEpoch {
  std::int64_t epoch = 1;
  std::int64_t common = std::numeric_limits<std::int64_t>::max();  // the last position that is the same event as in the epoch that was asked from
};
BOOST_DESCRIBE_STRUCT(LogEpoch, (), (epoch, common))

// Another module's log, as a subscription reads it: in this process, or over HTTP.
class Source {
 public:
  virtual ~Source() = default;
  virtual const std::string& module() const = 0;
  // Whether events of that name can come from here, as far as this process can know.
  virtual bool may_publish(std::string_view event_name) const = 0;
  virtual std::vector<Event> read_after(std::int64_t position, std::size_t count_max) = 0;
  virtual std::int64_t head() = 0;
  virtual LogEpoch epoch_since(std::int64_t epoch) = 0;
  // Calls back, from any thread, when something may have been added.
  virtual void on_append(std::function<void()> wake) = 0;
};

}  // namespace polyshop::bus
