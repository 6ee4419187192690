#include "program/events.hpp"

namespace polyshop {
namespace {

struct EventFilter {
  std::string filter_module;
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(EventFilter, (), (filter_module, limit, cursor))

struct DeadLetterFilter {
  std::optional<std::string> filter_subscription;
  std::optional<bus::ParkedState> filter_state;
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(DeadLetterFilter, (), (filter_subscription, filter_state, limit, cursor))

struct Why {
  Text<0, 300> reason;
};
BOOST_DESCRIBE_STRUCT(Why, (), (reason))
struct MaybeWhy {
  std::optional<Text<0, 300>> reason;
};
BOOST_DESCRIBE_STRUCT(MaybeWhy, (), (reason))

struct RebuildWanted {
  Text<1, 60> module;
};
BOOST_DESCRIBE_STRUCT(RebuildWanted, (), (module))

constexpr std::int64_t page_size = 25;
std::int64_t size_of_page(const std::optional<Range<1, 100>>& limit) { return limit ? static_cast<std::int64_t>(*limit) : page_size; }

// One more than the page was asked for, so that it is known whether there are further ones.
template <class T, class Position>
http::Listed<T> page_of(std::vector<T>&& found, std::int64_t limit, Position position_of) {
  http::Listed<T> page;
  page.data = std::move(found);
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.resize(static_cast<std::size_t>(limit));
    page.next_cursor = http::cursor_of(position_of(page.data.back()));
  }
  return page;
}

const bus::SubscriptionRow& named(const std::vector<bus::SubscriptionRow>& rows, const std::string& name) {
  const auto found = std::ranges::find(rows, name, &bus::SubscriptionRow::name);
  if (found == rows.end()) throw Problem::not_found("subscription", name);
  return *found;
}

}  // namespace

void add_event_routes(http::ModuleRoutes routes, const EventsFacade& events) {
  const auto read = http::staff("events.read"), write = http::staff("events.write");
  using Name = http::Path<std::string>;

  routes.get("/v1/admin/events", "List the events of a module, the latest first", read, [events](const Call& call, const http::Params<EventFilter>& wanted) {
    const auto limit = size_of_page(wanted.limit);
    const auto before = http::cursor_as<std::int64_t>(wanted.cursor).value_or(std::numeric_limits<std::int64_t>::max());
    std::vector<bus::CloudEvent> found;
    std::int64_t last = 0;
    const auto all = events.list(call, {wanted.filter_module, before, limit + 1});
    for (const auto& event : all) found.push_back(bus::cloud_event_of(event));
    if (static_cast<std::int64_t>(all.size()) > limit) last = all[static_cast<std::size_t>(limit) - 1].position;
    return page_of(std::move(found), limit, [last](const auto&) { return last; });
  });
  routes.get("/v1/admin/events/{id}", "Get an event", read, [events](const Call& call, const Name& path) { return bus::cloud_event_of(events.get(call, {path.get<0>()})); });
  routes.get("/v1/admin/events/logs", "List the event logs of the modules", read, [events](const Call& call) { return http::Listed<EventLogRow>{events.logs(call, {}), {}, {}, {}}; });

  routes.get("/v1/admin/events/subscriptions", "List the subscriptions with how far they are", read, [events](const Call& call) { return http::Listed<bus::SubscriptionRow>{events.subscriptions(call, {}), {}, {}, {}}; });
  routes.get("/v1/admin/events/subscriptions/{name}", "Get a subscription", read, [events](const Call& call, const Name& path) { return named(events.subscriptions(call, {}), path.get<0>()); });
  routes.remove("/v1/admin/events/subscriptions/{name}", "Retire a subscription that this release does not have", write, [events](const Call& call, const Name& path) {
    events.retire(call, {path.get<0>()});
    return http::NoContent{};
  });
  routes.put("/v1/admin/events/subscriptions/{name}/pause", "Pause a subscription", write, [events](const Call& call, const Name& path, const http::Body<Why>& why) {
    events.pause(call, {path.get<0>(), std::string(why.reason)});
    return named(events.subscriptions(call, {}), path.get<0>());
  });
  routes.remove("/v1/admin/events/subscriptions/{name}/pause", "Resume a subscription", write, [events](const Call& call, const Name& path) {
    events.resume(call, {path.get<0>()});
    return http::NoContent{};
  });

  routes.get("/v1/admin/events/dead-letters", "List the events that subscriptions could not take", read, [events](const Call& call, const http::Params<DeadLetterFilter>& wanted) {
    const auto limit = size_of_page(wanted.limit);
    auto found = events.dead_letters(call, {wanted.filter_subscription, wanted.filter_state, http::cursor_as<std::string>(wanted.cursor).value_or(""), limit + 1});
    return page_of(std::move(found), limit, [](const auto& letter) { return letter.id; });
  });
  routes.get("/v1/admin/events/dead-letters/{id}", "Get an event that a subscription could not take", read, [events](const Call& call, const Name& path) { return events.get_dead_letter(call, {path.get<0>()}); });
  routes.post("/v1/admin/events/dead-letters/{id}/redrives", "Have it tried again", write, [events](const Call& call, const Name& path) {
    return http::Created<bus::DeadLetter>{events.redrive(call, {path.get<0>()}), "/v1/admin/events/dead-letters/" + path.get<0>()};
  });
  routes.remove("/v1/admin/events/dead-letters/{id}", "Discard it: it never takes effect", write, [events](const Call& call, const Name& path, const http::Params<MaybeWhy>& why) {
    events.discard(call, {path.get<0>(), why.reason ? std::string(*why.reason) : std::string()});
    return http::NoContent{};
  });

  routes.post("/v1/admin/events/rebuilds", "Make the database of a module anew from its sources", write, [events](const Call& call, const http::Body<RebuildWanted>& wanted) {
    events.rebuild(call.unkeyed(), {std::string(wanted.module)});
    return http::Created<bus::RebuildStanding>{events.get_rebuild(call, {std::string(wanted.module)}), "/v1/admin/events/rebuilds/" + std::string(wanted.module)};
  });
  routes.get("/v1/admin/events/rebuilds/{module}", "How far a module's rebuild is, or what came of the last one", read, [events](const Call& call, const Name& path) { return events.get_rebuild(call, {path.get<0>()}); });
}

}  // namespace polyshop
