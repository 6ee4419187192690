#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "bus/event.hpp"
#include "kernel/http/client.hpp"

namespace polyshop::bus {

// The log of a module in another process of the shop, read over HTTP from its feed. It throws Problem 503 where the other
// process is away, which makes a subscription wait.
class RemoteSource final : public Source {
 public:
  struct Options {
    std::string module;    // whose log
    std::string host;      // an IP address
    int port = 0;
    std::string reader;    // the module that reads
    std::string key;       // by which it proves that
  };
  explicit RemoteSource(Options options);
  ~RemoteSource() override;
  RemoteSource(const RemoteSource&) = delete;
  RemoteSource& operator=(const RemoteSource&) = delete;

  const std::string& module() const override { return options_.module; }
  bool may_publish(std::string_view) const override { return true; }  // only the other process knows
  std::vector<Event> read_after(std::int64_t position, std::size_t count_max) override;
  std::int64_t head() override;
  LogEpoch epoch_since(std::int64_t epoch) override;
  void on_append(std::function<void()> wake) override { wakes_.push_back(std::move(wake)); }

  void start();  // a thread that waits at the other process and wakes the subscription; on_append() comes before
  void stop();

 private:
  struct Page {
    std::int64_t head = 0;
    std::vector<Event> events;
    LogEpoch epoch;
  };
  Page get(http::Client& client, const std::string& query);
  Page look(http::Client& client, const std::string& more = {});  // at the log, without events
  void watch();

  const Options options_;
  std::mutex reading_mutex_;
  http::Client reading_;
  http::Client watching_;
  std::vector<std::function<void()>> wakes_;
  std::mutex mutex_;
  std::condition_variable stop_asked_;
  bool stopping_ = false;
  std::thread watcher_;
};

}  // namespace polyshop::bus
