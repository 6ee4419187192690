#pragma once

#include <functional>
#include <map>
#include <vector>

#include "bus/event.hpp"
#include "kernel/db/database.hpp"

namespace polyshop::bus {

// The event log of one module: written in the transaction of the change, read by subscriptions.
class Log final : public db::EventSink, public Source {
 public:
  explicit Log(Database& database) : database_(database) {}

  // Before anything is appended.
  void declare(EventKind kind);
  const std::map<std::string, EventKind, std::less<>>& kinds() const { return kinds_; }

  void append(Tx& tx, std::string_view name, std::string_view aggregate, std::int64_t version, std::string data) override;

  const std::string& module() const override { return database_.module(); }
  bool may_publish(std::string_view event_name) const override { return kinds_.contains(event_name); }
  std::vector<Event> read_after(std::int64_t position, std::size_t count_max) override;
  std::int64_t head() override;
  void on_append(std::function<void()> wake) override { wakes_.push_back(std::move(wake)); }

  // PostgreSQL: gives committed events their positions. A sequence taken before commit would let a reader of
  // `position > last` pass over what commits late, so positions are given afterwards, under one lock. True where it
  // moved something. Any number of instances may run it.
  bool sequence();

 private:
  void wake();
  Database& database_;
  std::map<std::string, EventKind, std::less<>> kinds_;
  std::vector<std::function<void()>> wakes_;  // complete before the lanes start
};

}  // namespace polyshop::bus
