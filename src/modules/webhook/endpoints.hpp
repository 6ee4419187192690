#pragma once

#include <set>

#include "bus/node.hpp"

namespace polyshop::webhook {

using EndpointId = Id<"whe">;

enum class EndpointState { active, disabled };
BOOST_DESCRIBE_ENUM(EndpointState, active, disabled)

// Somebody who wants to be told of events.
struct Endpoint {
  EndpointId id;
  std::string url;
  std::string description;
  std::vector<std::string> events;  // types such as order.order_placed.v1, or order.* for all of a module, or *
  EndpointState state = EndpointState::active;
  std::string disabled_because;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Endpoint, (), (id, url, description, events, state, disabled_because, version, created_ms))

// The only answer that holds the secret.
struct EndpointWithSecret : Endpoint {
  std::string secret;
};
BOOST_DESCRIBE_STRUCT(EndpointWithSecret, (Endpoint), (secret))

struct CreateEndpoint {
  Text<8, 2000> url;
  std::optional<Text<0, 500>> description;
  std::vector<Text<1, 100>> events;
};
BOOST_DESCRIBE_STRUCT(CreateEndpoint, (), (url, description, events))

struct ChangeEndpoint {
  std::optional<Text<8, 2000>> url;
  std::optional<Text<0, 500>> description;
  std::optional<std::vector<Text<1, 100>>> events;
  std::optional<EndpointState> state;
};
BOOST_DESCRIBE_STRUCT(ChangeEndpoint, (), (url, description, events, state))

struct ListEndpoints {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(ListEndpoints, (), (limit, cursor))

class Endpoints {
 public:
  Endpoints(bus::Node& node, bool allow_private) : node_(node), allow_private_(allow_private) {}
  void know(std::string event_type) { types_.insert(std::move(event_type)); }
  const std::set<std::string>& types() const { return types_; }

  EndpointWithSecret create(const Call& call, const CreateEndpoint& wanted);
  Endpoint change(const Call& call, const EndpointId& id, std::int64_t version, const ChangeEndpoint& change);
  // A new secret; what is sent is signed with the one before, too, for a day.
  EndpointWithSecret rotate_secret(const Call& call, const EndpointId& id, std::int64_t version);
  void remove(const Call& call, const EndpointId& id, std::int64_t version);
  Endpoint get(const Call& call, const EndpointId& id);
  http::Listed<Endpoint> list(const Call& call, const ListEndpoints& wanted);

 private:
  std::string checked_url(const std::string& url) const;
  std::vector<std::string> checked_events(const std::vector<Text<1, 100>>& events) const;
  bus::Node& node_;
  const bool allow_private_;
  std::set<std::string> types_;
};

// Whether an endpoint that wants `events` is to be told of that type.
bool wants(const std::vector<std::string>& events, std::string_view type);

}  // namespace polyshop::webhook
