#pragma once

#include "bus/event.hpp"

namespace polyshop::bus {

// An event as it goes over the wire: CloudEvents 1.0 in the structured JSON format. What CloudEvents has no attribute for are
// extension attributes, whose names are lower-case letters and digits; numbers of ours are strings there, since an integer of
// CloudEvents ends at 2^31.
struct CloudEvent {
  std::string specversion;      // "1.0"
  std::string id;               // evt_...; unique together with source
  std::string source;           // "/polyshop/catalog": the module whose log it stands in
  std::string type;             // "catalog.product_changed.v1"
  std::string subject;          // the aggregate
  std::string time;             // RFC 3339
  std::string datacontenttype;  // "application/json"
  std::string position;         // in that log, dense from 1
  std::string aggregateversion;
  std::optional<std::string> actor;        // usr_..., or a part of the system
  std::optional<std::string> traceparent;  // as of the Distributed Tracing extension
  json::Raw data;
};
BOOST_DESCRIBE_STRUCT(CloudEvent, (), (specversion, id, source, type, subject, time, datacontenttype, position, aggregateversion, actor, traceparent, data))

CloudEvent cloud_event_of(const Event& event);
// Throws Problem 422 `malformed_event` where it is none of ours.
Event event_of(const CloudEvent& cloud_event);

}  // namespace polyshop::bus
