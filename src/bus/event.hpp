#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe.hpp>

#include "kernel/types/id.hpp"

namespace polyshop::bus {

// An entry of a module's event log.
struct Event {
  std::int64_t position = 0;   // dense from 1 in its log
  std::string id;              // evt_...
  std::string name;            // "inventory.stock_reserved.v1"
  std::string aggregate;       // what it is about; the order of events of one aggregate is kept
  std::int64_t version = 0;    // of the aggregate, once this had happened
  Timestamp time_ms = 0;
  std::string actor;
  std::string trace;
  std::string data;            // JSON, at most 64 KiB
};
BOOST_DESCRIBE_STRUCT(Event, (), (position, id, name, aggregate, version, time_ms, actor, trace, data))

constexpr std::size_t event_size_max = 64 * 1024;

// Another module's log, as a subscription reads it: in this process, or over HTTP.
class Source {
 public:
  virtual ~Source() = default;
  virtual const std::string& module() const = 0;
  virtual std::vector<Event> read_after(std::int64_t position, std::size_t count_max) = 0;
  virtual std::int64_t head() = 0;
  // Calls back, from any thread, when something may have been added.
  virtual void on_append(std::function<void()> wake) = 0;
};

}  // namespace polyshop::bus
