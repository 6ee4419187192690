#include "bus/cloud_event.hpp"

#include <charconv>

#include "kernel/runtime/clock.hpp"

namespace polyshop::bus {
namespace {

std::optional<std::string> unless_empty(const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); }

[[noreturn]] void refuse(std::string_view attribute) {
  throw Problem::invalid("malformed_event", "This is no event of a shop: its " + std::string(attribute) + " is missing or malformed.", "/" + std::string(attribute));
}

std::int64_t number_of(const std::string& text, std::string_view attribute) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) refuse(attribute);
  return number;
}

}  // namespace

CloudEvent cloud_event_of(const Event& event) {
  CloudEvent made;
  made.specversion = "1.0";
  made.id = event.id;
  made.source = "/polyshop/" + event.name.substr(0, event.name.find('.'));
  made.type = event.name;
  made.subject = event.aggregate;
  made.time = format_time(event.time_ms);
  made.datacontenttype = "application/json";
  made.position = std::to_string(event.position);
  made.aggregateversion = std::to_string(event.version);
  made.actor = unless_empty(event.actor);
  made.traceparent = unless_empty(event.trace);
  made.data.text = event.data;
  return made;
}

Event event_of(const CloudEvent& cloud_event) {
  if (cloud_event.specversion != "1.0") refuse("specversion");
  if (cloud_event.id.empty()) refuse("id");
  if (cloud_event.type.empty()) refuse("type");
  const auto time = parse_time(cloud_event.time);
  if (!time) refuse("time");
  Event event;
  event.position = number_of(cloud_event.position, "position");
  event.id = cloud_event.id;
  event.name = cloud_event.type;
  event.aggregate = cloud_event.subject;
  event.version = number_of(cloud_event.aggregateversion, "aggregateversion");
  event.time_ms = *time;
  event.actor = cloud_event.actor.value_or("");
  event.trace = cloud_event.traceparent.value_or("");
  event.data = cloud_event.data.text;
  return event;
}

}  // namespace polyshop::bus
