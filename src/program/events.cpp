#include "program/events.hpp"

#include <charconv>

#include <fmt/format.h>

namespace polyshop {
namespace {

using Nodes = std::vector<bus::Node*>;

bus::Node& node_of(const Nodes& nodes, std::string_view module) {
  const auto found = std::ranges::find_if(nodes, [&](const auto* node) { return node->module() == module; });
  if (found != nodes.end()) return **found;
  std::vector<std::string> names;
  for (const auto* node : nodes) names.push_back(node->module());
  throw Problem(404, "not_found", fmt::format("There is no module {} here. There are: {}.", module, fmt::join(names, ", ")));
}

// "search.catalog" is of the module search.
bus::Node& owner_of(const Nodes& nodes, std::string_view subscription) { return node_of(nodes, subscription.substr(0, subscription.find('.'))); }

bus::Subscription& subscription_of(const Nodes& nodes, const std::string& name) {
  auto* found = owner_of(nodes, name).find_subscription(name);
  if (!found) throw Problem::not_found("subscription", name);
  return *found;
}

struct Place {
  std::string subscription;
  std::int64_t position = 0;
};

// "search.catalog.17"
Place place_of(std::string_view id) {
  const auto dot = id.rfind('.');
  Place place;
  const auto* const end = id.data() + id.size();
  if (dot == std::string_view::npos || std::from_chars(id.data() + dot + 1, end, place.position).ptr != end || id.substr(0, dot).find('.') == std::string_view::npos)
    throw Problem::not_found("dead letter", id);
  place.subscription = id.substr(0, dot);
  return place;
}

std::vector<EventLogRow> logs(const Nodes& nodes, const Call& call) {
  std::vector<EventLogRow> rows;
  for (auto* node : nodes) {
    const auto extent = node->log.extent();
    EventLogRow row{node->module(), extent.first, extent.last, node->log.archive().first(), {}, node->log.readers(call)};
    for (const auto& [name, kind] : node->log.kinds()) row.types.push_back(name);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<bus::DeadLetter> dead_letters(const Nodes& nodes, const Call& call, const ListDeadLetters& wanted) {
  bus::DeadLetters::Filter filter;
  filter.subscription = wanted.subscription;
  filter.state = wanted.state;
  filter.limit = wanted.limit;
  if (!wanted.after.empty()) {
    const auto after = place_of(wanted.after);
    filter.after_subscription = after.subscription;
    filter.after_position = after.position;
  }
  // Each module holds its own: a page of all is the first of what each would give.
  std::vector<bus::DeadLetter> letters;
  for (auto* node : nodes) std::ranges::move(node->dead_letters.list(call, filter), std::back_inserter(letters));
  std::ranges::sort(letters, {}, [](const auto& letter) { return std::pair(std::string_view(letter.subscription), letter.position); });
  if (letters.size() > static_cast<std::size_t>(wanted.limit)) letters.resize(static_cast<std::size_t>(wanted.limit));
  return letters;
}

}  // namespace

EventsFacade events_of(const Nodes& nodes) {
  EventsFacade facade;
  facade.logs = [&nodes](const Call& call, const Nothing&) { return logs(nodes, call); };
  facade.read = [&nodes](const Call&, const ReadEvents& wanted) { return node_of(nodes, wanted.module).log.read_after(wanted.after, static_cast<std::size_t>(wanted.limit)); };
  facade.list = [&nodes](const Call& call, const ListEvents& wanted) { return node_of(nodes, wanted.module).log.list_before(call, wanted.before, static_cast<std::size_t>(wanted.limit)); };
  facade.get = [&nodes](const Call& call, const OfEvent& wanted) {
    for (auto* node : nodes)
      if (auto event = node->log.find(call, wanted.id)) return std::move(*event);
    throw Problem::not_found("event", wanted.id);
  };
  facade.subscriptions = [&nodes](const Call&, const Nothing&) {
    std::vector<bus::SubscriptionRow> rows;
    for (auto* node : nodes) std::ranges::move(node->subscription_rows(), std::back_inserter(rows));
    return rows;
  };
  facade.orphans = [&nodes](const Call&, const Nothing&) {
    std::vector<std::string> names;
    for (auto* node : nodes) std::ranges::move(node->orphans(), std::back_inserter(names));
    return names;
  };
  facade.pause = [&nodes](const Call& call, const PauseSubscription& wanted) { subscription_of(nodes, wanted.name).pause(call, wanted.reason); };
  facade.resume = [&nodes](const Call& call, const OfSubscription& wanted) { subscription_of(nodes, wanted.name).resume(call); };
  facade.retire = [&nodes](const Call& call, const OfSubscription& wanted) { owner_of(nodes, wanted.name).retire(call, wanted.name); };
  facade.dead_letters = [&nodes](const Call& call, const ListDeadLetters& wanted) { return dead_letters(nodes, call, wanted); };
  facade.get_dead_letter = [&nodes](const Call& call, const OfDeadLetter& wanted) {
    const auto place = place_of(wanted.id);
    auto letter = owner_of(nodes, place.subscription).dead_letters.find(call, place.subscription, place.position);
    if (!letter) throw Problem::not_found("dead letter", wanted.id);
    return std::move(*letter);
  };
  facade.redrive = [&nodes](const Call& call, const OfDeadLetter& wanted) {
    const auto place = place_of(wanted.id);
    return owner_of(nodes, place.subscription).dead_letters.redrive(call, place.subscription, place.position);
  };
  facade.discard = [&nodes](const Call& call, const DiscardDeadLetter& wanted) {
    const auto place = place_of(wanted.id);
    return owner_of(nodes, place.subscription).dead_letters.discard(call, place.subscription, place.position, wanted.reason);
  };
  facade.rebuild = [&nodes](const Call& call, const OfModule& wanted) { node_of(nodes, wanted.module).rebuild().start(call); };
  facade.get_rebuild = [&nodes](const Call&, const OfModule& wanted) { return node_of(nodes, wanted.module).rebuild().standing(); };
  return facade;
}

}  // namespace polyshop
