#pragma once

#include "deliveries.hpp"

// Every SQL statement of webhook, one function each.
namespace polyshop::webhook::store {

struct EndpointRow {
  EndpointId id;
  std::string url;
  std::string description;
  db::Json<std::vector<std::string>> events;
  std::string secret;
  std::string secret_before;
  Timestamp secret_before_until_ms = 0;
  EndpointState state = EndpointState::active;
  std::string disabled_because;
  Timestamp failing_since_ms = 0;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(EndpointRow, (), (id, url, description, events, secret, secret_before, secret_before_until_ms, state, disabled_because, failing_since_ms, version, created_ms))
Endpoint endpoint_of(const EndpointRow& row);

void insert_endpoint(Tx& tx, const EndpointRow& row);
bool update_endpoint(Tx& tx, const EndpointRow& row);  // where its version is still that; raises it
bool delete_endpoint(Tx& tx, const EndpointId& id, std::int64_t version);
std::optional<EndpointRow> find_endpoint(Tx& tx, const EndpointId& id);
std::vector<EndpointRow> list_endpoints(Tx& tx, const std::optional<EndpointId>& before, std::int64_t limit);  // the latest first
std::vector<EndpointRow> list_active_endpoints(Tx& tx);
void note_success(Tx& tx, const EndpointId& id);
void note_failure(Tx& tx, const EndpointId& id);
bool disable(Tx& tx, const EndpointId& id, Timestamp failing_since_max, const std::string& because);  // where it has failed since then

struct DeliveryRow {
  DeliveryId id;
  EndpointId endpoint_id;
  std::string event_id;
  std::string event_type;
  std::string body;
  DeliveryState state = DeliveryState::pending;
  std::int64_t attempts = 0;
  std::int64_t status = 0;
  std::string failure;
  Timestamp created_ms = 0;
  std::optional<Timestamp> ended_ms;
};
BOOST_DESCRIBE_STRUCT(DeliveryRow, (), (id, endpoint_id, event_id, event_type, body, state, attempts, status, failure, created_ms, ended_ms))
Delivery delivery_of(const DeliveryRow& row);

void insert_delivery(Tx& tx, const Delivery& delivery, const std::string& body);
void insert_attempt(Tx& tx, const DeliveryId& id, int status, const std::string& failure, std::int64_t duration_ms);
void end_delivery(Tx& tx, const DeliveryId& id, DeliveryState state, const std::string& failure);
std::optional<DeliveryRow> find_delivery(Tx& tx, const DeliveryId& id);
std::vector<Attempt> list_attempts(Tx& tx, const DeliveryId& id);
std::vector<Delivery> list_deliveries(Tx& tx, const std::optional<DeliveryId>& before, const std::optional<EndpointId>& endpoint, const std::optional<DeliveryState>& state, std::int64_t limit);  // the latest first
bool delete_ended(Tx& tx, const DeliveryId& oldest_kept);  // some; true where there may be more

}  // namespace polyshop::webhook::store
