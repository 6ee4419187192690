#include "bus/feed.hpp"

namespace polyshop::bus {
namespace {

struct FeedQuery {
  std::optional<Range<0, std::numeric_limits<long long>::max()>> after;
  std::optional<Range<1, 1000>> limit;
  std::optional<Range<0, 25'000>> wait_ms;
  std::optional<std::string> reader;
  std::optional<Range<1, std::numeric_limits<long long>::max()>> since_epoch;
};
BOOST_DESCRIBE_STRUCT(FeedQuery, (), (after, limit, wait_ms, reader, since_epoch))

using SteadyTime = std::chrono::steady_clock::time_point;

struct Reading {
  std::int64_t after = 0;
  std::size_t limit = 200;
  SteadyTime until;
  std::optional<std::int64_t> since_epoch;
};

http::Response answer(Node& node, const Reading& reading, const std::vector<Event>& events) {
  FeedPage page;
  if (reading.since_epoch) page.epoch = node.log.epoch_since(*reading.since_epoch);
  page.head = node.log.head();
  for (const auto& event : events) page.events.push_back(cloud_event_of(event));
  http::Response response;
  json::write(response.body, page);
  return response;
}

http::Outcome read(Node& node, const Reading& reading, const std::function<bool()>& is_stopping) {
  const auto events = node.log.read_after(reading.after, reading.limit);
  const auto left = std::chrono::duration<double>(reading.until - std::chrono::steady_clock::now()).count();
  if (!events.empty() || left <= 0 || is_stopping()) return {answer(node, reading, events)};
  http::Deferred deferred;
  deferred.seconds_max = left;
  deferred.start = [&node, after = reading.after](std::move_only_function<void()> resume) { node.log.when_appended(after, std::move(resume)); };
  // What woke it may not have its position yet, or be somebody else's: then it waits on.
  deferred.finish = [&node, reading, is_stopping] { return read(node, reading, is_stopping); };
  return {std::move(deferred)};
}

}  // namespace

void add_feed(http::ModuleRoutes routes, const std::vector<Node*>& nodes, std::function<bool()> is_stopping) {
  routes.get("/internal/{module}/events", "Read a module's events from another process", http::internal(),
             [&nodes, is_stopping = std::move(is_stopping)](const Call& call, const http::Path<std::string>& path, const http::Params<FeedQuery>& wanted) -> http::Outcome {
               const auto found = std::ranges::find_if(nodes, [&](const auto* node) { return node->module() == path.get<0>(); });
               if (found == nodes.end()) throw Problem::not_found("module", path.get<0>());
               Reading reading;
               if (wanted.after) reading.after = *wanted.after;
               if (wanted.limit) reading.limit = static_cast<std::size_t>(static_cast<std::int64_t>(*wanted.limit));
               if (wanted.since_epoch) reading.since_epoch = *wanted.since_epoch;
               reading.until = std::chrono::steady_clock::now() + std::chrono::milliseconds(wanted.wait_ms ? static_cast<std::int64_t>(*wanted.wait_ms) : 0);
               if (wanted.reader) (*found)->log.note_reader(call, *wanted.reader, reading.after);
               return read(**found, reading, is_stopping);
             });
}

}  // namespace polyshop::bus
