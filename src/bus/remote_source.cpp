#include "bus/remote_source.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include "bus/feed.hpp"
#include "kernel/json/problem_json.hpp"
#include "kernel/observe/log.hpp"

namespace polyshop::bus {
namespace {

constexpr int wait_ms = 20'000;
constexpr auto timeout = std::chrono::milliseconds(wait_ms + 10'000);

}  // namespace

RemoteSource::RemoteSource(Options options) : options_(std::move(options)), reading_(options_.host, options_.port), watching_(options_.host, options_.port, timeout) {}

RemoteSource::~RemoteSource() { stop(); }

RemoteSource::Page RemoteSource::get(http::Client& client, const std::string& query) {
  const auto target = fmt::format("/internal/{}/events?{}", options_.module, query);
  const auto response = client.send(http::Method::get, target, {}, {{"PolyShop-Module", options_.reader}, {"PolyShop-Key", options_.key}});
  if (response.status == 404)
    throw Problem::unavailable("not_let_in", fmt::format("{}:{} serves no events of {} to {}: it has no such module, or another key of {} in its internal.keys.", options_.host, options_.port, options_.module, options_.reader, options_.reader));
  if (response.status != 200) throw json::problem_from_text(response.body, response.status);
  const auto feed = json::from_text<FeedPage>(response.body, json::Mode::lenient);
  Page page;
  page.head = feed.head;
  for (const auto& event : feed.events) page.events.push_back(event_of(event));
  page.epoch = feed.epoch.value_or(LogEpoch{});
  return page;
}

RemoteSource::Page RemoteSource::look(http::Client& client, const std::string& more) { return get(client, fmt::format("after={}{}", std::numeric_limits<std::int64_t>::max(), more)); }

std::vector<Event> RemoteSource::read_after(std::int64_t position, std::size_t count_max) {
  const std::lock_guard lock(reading_mutex_);
  return get(reading_, fmt::format("after={}&limit={}&reader={}.{}", position, count_max, options_.reader, options_.module)).events;
}

std::int64_t RemoteSource::head() {
  const std::lock_guard lock(reading_mutex_);
  return look(reading_).head;
}

LogEpoch RemoteSource::epoch_since(std::int64_t epoch) {
  const std::lock_guard lock(reading_mutex_);
  return look(reading_, fmt::format("&since_epoch={}", epoch)).epoch;
}

void RemoteSource::start() {
  watcher_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("from-" + options_.module).substr(0, 15).c_str());
    watch();
  });
}

void RemoteSource::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_asked_.notify_all();
  watching_.cancel();
  if (watcher_.joinable()) watcher_.join();
}

// Waits for what comes after the head and tells of it. Subscriptions read for themselves, and poll besides.
void RemoteSource::watch() {
  auto pause = std::chrono::milliseconds(100);
  std::int64_t seen = -1;
  const auto is_stopping = [this] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  };
  while (!is_stopping()) {
    try {
      const auto page = seen < 0 ? look(watching_) : get(watching_, fmt::format("after={}&limit=1&wait_ms={}", seen, wait_ms));
      const bool is_news = page.head != seen;
      seen = page.head;
      pause = std::chrono::milliseconds(100);
      if (is_news)
        for (const auto& wake : wakes_) wake();
    } catch (const std::exception& error) {
      if (is_stopping()) return;
      log::debug("a module in another process cannot be heard; polling goes on", {{"module", options_.module}, {"error", error.what()}});
      std::unique_lock lock(mutex_);
      stop_asked_.wait_for(lock, pause, [this] { return stopping_; });
      pause = std::min(pause * 2, std::chrono::milliseconds(10'000));
    }
  }
}

}  // namespace polyshop::bus
