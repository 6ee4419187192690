#pragma once

#include "endpoints.hpp"
#include "kernel/outbound/sender.hpp"

namespace polyshop::webhook {

namespace store {
struct EndpointRow;
}

using DeliveryId = Id<"whd">;

enum class DeliveryState { pending, delivered, failed };
BOOST_DESCRIBE_ENUM(DeliveryState, pending, delivered, failed)

// One event for one endpoint.
struct Delivery {
  DeliveryId id;
  EndpointId endpoint_id;
  std::string event_id;
  std::string event_type;
  DeliveryState state = DeliveryState::pending;
  std::int64_t attempts = 0;
  std::int64_t status = 0;  // of the last answer; 0 for none
  std::string failure;
  Timestamp created_ms = 0;
  std::optional<Timestamp> ended_ms;
};
BOOST_DESCRIBE_STRUCT(Delivery, (), (id, endpoint_id, event_id, event_type, state, attempts, status, failure, created_ms, ended_ms))

struct Attempt {
  std::int64_t number = 0;
  std::int64_t status = 0;
  std::string failure;
  std::int64_t duration_ms = 0;
  Timestamp time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Attempt, (), (number, status, failure, duration_ms, time_ms))

struct DeliveryDetail : Delivery {
  json::Raw body;
  std::vector<Attempt> log;
};
BOOST_DESCRIBE_STRUCT(DeliveryDetail, (Delivery), (body, log))

struct ListDeliveries {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<EndpointId> filter_endpoint_id;
  std::optional<DeliveryState> filter_state;
};
BOOST_DESCRIBE_STRUCT(ListDeliveries, (), (limit, cursor, filter_endpoint_id, filter_state))

// Events on their way to endpoints: queued in the transaction that takes the event, sent after it until the endpoint says 2xx, for three
// days. An endpoint that has failed for five days, or says 410, is disabled.
class Deliveries {
 public:
  Deliveries(bus::Node& node, outbound::SenderOptions options);

  // Who may want to hear of events that have come by now.
  std::vector<store::EndpointRow> list_listening(const Call& call);
  void queue(Tx& tx, const bus::Event& event, const std::vector<store::EndpointRow>& listening);
  Delivery redeliver(const Call& call, const DeliveryId& id);
  DeliveryDetail get(const Call& call, const DeliveryId& id);
  http::Listed<Delivery> list(const Call& call, const ListDeliveries& wanted);

 private:
  using Done = bus::Effects::Done;
  void send(const Call& call, const DeliveryId& id, Done done);
  void take_answer(const DeliveryId& id, const EndpointId& endpoint, Timestamp created_ms, const outbound::Answer& answer, Done done);
  bool begin(const EndpointId& endpoint);
  void end(const EndpointId& endpoint);

  bus::Node& node_;
  std::mutex mutex_;
  std::map<EndpointId, std::size_t> under_way_;
  outbound::Sender sender_;  // the last member: what it calls is still there when it ends
};

}  // namespace polyshop::webhook
