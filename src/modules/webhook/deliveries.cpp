#include "deliveries.hpp"

#include <fmt/format.h>

#include "bus/cloud_event.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"
#include "signature.hpp"
#include "store.hpp"

namespace polyshop::webhook {
namespace {

using bus::EffectResult;

constexpr std::string_view kind = "webhook.deliver";
constexpr Timestamp hour_ms = 3600'000;
constexpr Timestamp tried_for_ms = 72 * hour_ms;
constexpr Timestamp disabled_after_ms = 5 * 24 * hour_ms;
constexpr Timestamp kept_ms = 30 * 24 * hour_ms;
// What one endpoint, and all of them, may have under way: as much as is answered or given up before its lease is over. The rest
// waits in the table, since an endpoint that is slow for a day would fill the memory.
constexpr std::size_t of_endpoint_max = 40;
constexpr std::size_t under_way_max = 2000;
constexpr Timestamp crowded_ms = 10'000;

}  // namespace

Deliveries::Deliveries(bus::Node& node, outbound::SenderOptions options) : node_(node), sender_(options) {
  bus::Effects::Handler handler;
  handler.perform = [this](const Call& call, const std::string& id, const std::string&, Done done) { send(call, *DeliveryId::parse(id), std::move(done)); };
  handler.record = [](Tx& tx, const std::string& id, const std::string&, const EffectResult& result) {
    store::end_delivery(tx, *DeliveryId::parse(id), result.kind == EffectResult::Kind::done ? DeliveryState::delivered : DeliveryState::failed, result.text);
  };
  handler.attempts_max = std::numeric_limits<std::int64_t>::max();  // time decides, not their number
  node_.effects.handle(std::string(kind), std::move(handler));
  node_.every("forget old webhook deliveries", hour_ms, [this](const Call& call) {
    while (node_.db.write(call, [&](Tx& tx) { return store::delete_ended(tx, DeliveryId::make(tx.now() - kept_ms)); })) {}
  });
}

std::vector<store::EndpointRow> Deliveries::list_listening(const Call& call) {
  return node_.db.read_once(call, [](Tx& tx) { return store::list_active_endpoints(tx); });
}

void Deliveries::queue(Tx& tx, const bus::Event& event, const std::vector<store::EndpointRow>& listening) {
  std::string body;
  for (const auto& endpoint : listening) {
    if (!wants(endpoint.events.value, event.name)) continue;
    if (body.empty()) body = json::to_text(bus::cloud_event_of(event));
    const auto id = DeliveryId::make(tx.now());
    store::insert_delivery(tx, {id, endpoint.id, event.id, event.name, DeliveryState::pending, 0, 0, "", tx.now(), {}}, body);
    node_.effects.enqueue(tx, std::string(kind), id.str(), "");
    failpoint::reach("webhook.queued");
  }
}

bool Deliveries::begin(const EndpointId& endpoint) {
  const std::lock_guard lock(mutex_);
  auto& count = under_way_[endpoint];
  if (count == of_endpoint_max || sender_.under_way() >= under_way_max) {
    if (count == 0) under_way_.erase(endpoint);
    return false;
  }
  ++count;
  return true;
}

void Deliveries::end(const EndpointId& endpoint) {
  const std::lock_guard lock(mutex_);
  if (--under_way_[endpoint] == 0) under_way_.erase(endpoint);
}

void Deliveries::send(const Call& call, const DeliveryId& id, Done done) {
  struct Found {
    std::optional<store::DeliveryRow> delivery;
    std::optional<store::EndpointRow> endpoint;
  };
  const auto [delivery, endpoint] = node_.db.read(call, [&](Tx& tx) {
    Found found{store::find_delivery(tx, id), {}};
    if (found.delivery) found.endpoint = store::find_endpoint(tx, found.delivery->endpoint_id);
    return found;
  });
  if (!delivery || delivery->state != DeliveryState::pending) return done({EffectResult::Kind::done, "", 0});
  if (!endpoint) return done({EffectResult::Kind::failed, "the endpoint is gone", 0});
  if (endpoint->state != EndpointState::active) return done({EffectResult::Kind::failed, "the endpoint is disabled", 0});
  if (!begin(endpoint->id)) return done({EffectResult::Kind::again, "too much is under way already", crowded_ms});
  std::vector<std::string> secrets{endpoint->secret};
  if (!endpoint->secret_before.empty() && endpoint->secret_before_until_ms > call.now) secrets.push_back(endpoint->secret_before);
  outbound::Request request{endpoint->url,
                            {{"Content-Type", "application/cloudevents+json; charset=utf-8"},
                             {"webhook-id", delivery->event_id},
                             {"webhook-timestamp", std::to_string(call.now / 1000)},
                             {"webhook-signature", signature_of(secrets, delivery->event_id, call.now, delivery->body)}},
                            delivery->body};
  sender_.post(std::move(request), [this, id, endpoint_id = endpoint->id, created_ms = delivery->created_ms, done = std::move(done)](outbound::Answer answer) mutable {
    end(endpoint_id);
    // On a worker: the sender's thread has others to serve.
    auto shared = std::make_shared<Done>(std::move(done));
    Job job = [this, id, endpoint_id, created_ms, answer, shared] { take_answer(id, endpoint_id, created_ms, answer, std::move(*shared)); };
    node_.workers.submit(std::move(job));  // where that is not taken any more the shop is stopping, and the row stays due
  });
}

void Deliveries::take_answer(const DeliveryId& id, const EndpointId& endpoint, Timestamp created_ms, const outbound::Answer& answer, Done done) {
  const auto call = node_.system_call("deliver");
  const bool is_taken = answer.status / 100 == 2;
  const auto failure = is_taken ? std::string() : answer.status ? fmt::format("it answered {}", answer.status) : answer.failure;
  try {
    failpoint::reach("webhook.answered");
    node_.db.write(call, [&](Tx& tx) {
      store::insert_attempt(tx, id, answer.status, failure, answer.duration_ms);
      if (is_taken) return store::note_success(tx, endpoint);
      store::note_failure(tx, endpoint);
      const auto why = answer.status == 410 ? "it answered 410: it is gone for good" : "every attempt has failed for five days";
      if (store::disable(tx, endpoint, answer.status == 410 ? tx.now() : tx.now() - disabled_after_ms, why))
        log::warning("a webhook endpoint is disabled", {{"endpoint", endpoint.view()}, {"because", why}});
    });
    failpoint::reach("webhook.noted");
  } catch (const std::exception& error) {
    log::warning("an attempt to deliver a webhook could not be written down", {{"delivery", id.view()}, {"error", error.what()}});
  }
  if (is_taken) return done({EffectResult::Kind::done, "", 0});
  done({answer.status == 410 || call.now - created_ms > tried_for_ms ? EffectResult::Kind::failed : EffectResult::Kind::again, failure, 0});
}

Delivery Deliveries::redeliver(const Call& call, const DeliveryId& id) {
  return node_.db.write(call, [&](Tx& tx) {
    const auto before = store::find_delivery(tx, id);
    if (!before) throw Problem::not_found("webhook delivery", id.view());
    const auto endpoint = store::find_endpoint(tx, before->endpoint_id);
    if (!endpoint) throw Problem::conflict("endpoint_gone", "Its endpoint is not there any more.");
    if (endpoint->state != EndpointState::active) throw Problem::conflict("endpoint_disabled", "Its endpoint is disabled. Make it active first.");
    const Delivery again{DeliveryId::make(tx.now()), before->endpoint_id, before->event_id, before->event_type, DeliveryState::pending, 0, 0, "", tx.now(), {}};
    store::insert_delivery(tx, again, before->body);
    node_.effects.enqueue(tx, std::string(kind), again.id.str(), "");
    return again;
  });
}

DeliveryDetail Deliveries::get(const Call& call, const DeliveryId& id) {
  return node_.db.read(call, [&](Tx& tx) {
    const auto row = store::find_delivery(tx, id);
    if (!row) throw Problem::not_found("webhook delivery", id.view());
    DeliveryDetail detail;
    static_cast<Delivery&>(detail) = store::delivery_of(*row);
    detail.body.text = row->body;
    detail.log = store::list_attempts(tx, id);
    return detail;
  });
}

http::Listed<Delivery> Deliveries::list(const Call& call, const ListDeliveries& wanted) {
  const auto before = http::cursor_as<DeliveryId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  http::Listed<Delivery> page;
  page.data = node_.db.read(call, [&](Tx& tx) { return store::list_deliveries(tx, before, wanted.filter_endpoint_id, wanted.filter_state, limit + 1); });
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

}  // namespace polyshop::webhook
