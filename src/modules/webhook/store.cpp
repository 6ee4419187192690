#include "store.hpp"

namespace polyshop::webhook::store {
namespace {

// An optional filter keeps SQLite from an index, so that an endpoint that is asked for stands once more, by itself.
constexpr auto deliveries = db::shared(R"(SELECT id, endpoint_id, event_id, event_type, state, attempts, status, failure, created_ms, ended_ms FROM webhook_delivery
                                          WHERE id < :before AND (cast(:endpoint as text) IS NULL OR endpoint_id = :endpoint) AND (cast(:state as text) IS NULL OR state = :state) )"_part);
constexpr auto newest_first = " ORDER BY id DESC LIMIT :limit"_part;

}  // namespace

Endpoint endpoint_of(const EndpointRow& row) { return {row.id, row.url, row.description, row.events.value, row.state, row.disabled_because, row.version, row.created_ms}; }

Delivery delivery_of(const DeliveryRow& row) { return {row.id, row.endpoint_id, row.event_id, row.event_type, row.state, row.attempts, row.status, row.failure, row.created_ms, row.ended_ms}; }

void insert_endpoint(Tx& tx, const EndpointRow& row) {
  tx.exec(R"(INSERT INTO webhook_endpoint (id, url, description, events, secret, secret_before, secret_before_until_ms, state, disabled_because, failing_since_ms, version, created_ms)
             VALUES (:id, :url, :description, :events, :secret, :secret_before, :secret_before_until_ms, :state, :disabled_because, :failing_since_ms, :version, :created_ms))"_sql,
          row);
}

bool update_endpoint(Tx& tx, const EndpointRow& row) {
  return tx.exec(R"(UPDATE webhook_endpoint SET url = :url, description = :description, events = :events, secret = :secret, secret_before = :secret_before, secret_before_until_ms = :secret_before_until_ms,
                      state = :state, disabled_because = :disabled_because, failing_since_ms = :failing_since_ms, version = version + 1
                    WHERE id = :id AND version = :version)"_sql,
                 row) == 1;
}

bool delete_endpoint(Tx& tx, const EndpointId& id, std::int64_t version) { return tx.exec("DELETE FROM webhook_endpoint WHERE id = :id AND version = :version"_sql, id, version) == 1; }

std::optional<EndpointRow> find_endpoint(Tx& tx, const EndpointId& id) {
  return tx.find<EndpointRow>(R"(SELECT id, url, description, events, secret, secret_before, secret_before_until_ms, state, disabled_because, failing_since_ms, version, created_ms
                                 FROM webhook_endpoint WHERE id = :id)"_sql,
                              id);
}

std::vector<EndpointRow> list_endpoints(Tx& tx, const std::optional<EndpointId>& before, std::int64_t limit) {
  return tx.list<EndpointRow>(R"(SELECT id, url, description, events, secret, secret_before, secret_before_until_ms, state, disabled_because, failing_since_ms, version, created_ms
                                 FROM webhook_endpoint WHERE (cast(:before as text) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit)"_sql,
                              before, limit);
}

std::vector<EndpointRow> list_active_endpoints(Tx& tx) {
  return tx.list<EndpointRow>(R"(SELECT id, url, description, events, secret, secret_before, secret_before_until_ms, state, disabled_because, failing_since_ms, version, created_ms
                                 FROM webhook_endpoint WHERE state = 'active' ORDER BY id)"_sql);
}

void note_success(Tx& tx, const EndpointId& id) { tx.exec("UPDATE webhook_endpoint SET failing_since_ms = 0 WHERE id = :id AND failing_since_ms > 0"_sql, id); }

void note_failure(Tx& tx, const EndpointId& id) { tx.exec("UPDATE webhook_endpoint SET failing_since_ms = :now WHERE id = :id AND failing_since_ms = 0"_sql, tx.now(), id); }

bool disable(Tx& tx, const EndpointId& id, Timestamp failing_since_max, const std::string& because) {
  return tx.exec(R"(UPDATE webhook_endpoint SET state = 'disabled', disabled_because = :because, version = version + 1
                    WHERE id = :id AND state = 'active' AND failing_since_ms > 0 AND failing_since_ms <= :failing_since_max)"_sql,
                 because, id, failing_since_max) == 1;
}

void insert_delivery(Tx& tx, const Delivery& delivery, const std::string& body) {
  tx.exec(R"(INSERT INTO webhook_delivery (id, endpoint_id, event_id, event_type, body, state, attempts, status, failure, created_ms, ended_ms)
             VALUES (:id, :endpoint_id, :event_id, :event_type, :body, :state, :attempts, :status, :failure, :created_ms, :ended_ms))"_sql,
          delivery, body);
}

void insert_attempt(Tx& tx, const DeliveryId& id, int status, const std::string& failure, std::int64_t duration_ms) {
  const auto number = tx.find<std::int64_t>("UPDATE webhook_delivery SET attempts = attempts + 1, status = :status, failure = :failure WHERE id = :id RETURNING attempts"_sql, status, failure, id);
  if (!number) return;
  tx.exec("INSERT INTO webhook_attempt (delivery_id, number, status, failure, duration_ms, time_ms) VALUES (:id, :number, :status, :failure, :duration_ms, :now)"_sql, id, *number, status, failure, duration_ms, tx.now());
}

void end_delivery(Tx& tx, const DeliveryId& id, DeliveryState state, const std::string& failure) {
  tx.exec("UPDATE webhook_delivery SET state = :state, failure = :failure, ended_ms = :now WHERE id = :id AND state = 'pending'"_sql, state, failure, tx.now(), id);
}

std::optional<DeliveryRow> find_delivery(Tx& tx, const DeliveryId& id) {
  return tx.find<DeliveryRow>("SELECT id, endpoint_id, event_id, event_type, body, state, attempts, status, failure, created_ms, ended_ms FROM webhook_delivery WHERE id = :id"_sql, id);
}

std::vector<Attempt> list_attempts(Tx& tx, const DeliveryId& id) {
  return tx.list<Attempt>("SELECT number, status, failure, duration_ms, time_ms FROM webhook_attempt WHERE delivery_id = :id ORDER BY number"_sql, id);
}

std::vector<Delivery> list_deliveries(Tx& tx, const std::optional<DeliveryId>& before, const std::optional<EndpointId>& endpoint, const std::optional<DeliveryState>& state, std::int64_t limit) {
  const auto list = [&](auto statement) { return tx.list<Delivery>(statement, before ? before->str() : after_all_ids, endpoint, state, limit); };
  return endpoint ? list(db::sql(deliveries + "AND endpoint_id = :endpoint"_part + newest_first)) : list(db::sql(deliveries + newest_first));
}

bool delete_ended(Tx& tx, const DeliveryId& oldest_kept) {
  constexpr std::int64_t batch = 200;
  return tx.exec("DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE id < :oldest_kept AND state <> 'pending' ORDER BY id LIMIT :batch)"_sql, oldest_kept, batch) == batch;
}

}  // namespace polyshop::webhook::store
