#include "module.hpp"

namespace polyshop::webhook {

void add_routes(http::ModuleRoutes routes, Endpoints& endpoints, Deliveries& deliveries) {
  using namespace http;
  const auto may_read = staff("webhook.read");
  const auto may_write = staff("webhook.write");
  const Options secret{Idempotency::none};

  routes.get("/v1/admin/webhook-event-types", "List the types of events that endpoints can be told of", may_read,
             [&](const Call&) { return Listed<std::string>{{endpoints.types().begin(), endpoints.types().end()}, {}, {}, {}}; });
  routes.get("/v1/admin/webhook-endpoints", "List webhook endpoints, the latest first", may_read, [&](const Call& call, const Params<ListEndpoints>& wanted) { return endpoints.list(call, wanted); });
  routes.get("/v1/admin/webhook-endpoints/{id}", "Read a webhook endpoint", may_read, [&](const Call& call, const Path<EndpointId>& path) { return endpoints.get(call, path.get()); });
  routes.post(
      "/v1/admin/webhook-endpoints", "Have an endpoint told of events; the secret that signs is in this answer and in no other", may_write,
      [&](const Call& call, const Body<CreateEndpoint>& wanted) {
        auto made = endpoints.create(call, wanted);
        const auto location = "/v1/admin/webhook-endpoints/" + made.id.str();
        return Created<EndpointWithSecret>{std::move(made), location};
      },
      secret);
  routes.patch("/v1/admin/webhook-endpoints/{id}", "Change a webhook endpoint, or disable it", may_write,
               [&](const Call& call, const Path<EndpointId>& path, const Match& match, const Body<ChangeEndpoint>& change) { return endpoints.change(call, path.get(), match.version, change); });
  routes.remove("/v1/admin/webhook-endpoints/{id}", "Remove a webhook endpoint", may_write, [&](const Call& call, const Path<EndpointId>& path, const Match& match) {
    endpoints.remove(call, path.get(), match.version);
    return NoContent{};
  });
  routes.post(
      "/v1/admin/webhook-endpoints/{id}/secret-rotations", "Give a webhook endpoint a new secret; the one before counts on for a day", may_write,
      [&](const Call& call, const Path<EndpointId>& path, const Match& match) {
        return Created<EndpointWithSecret>{endpoints.rotate_secret(call, path.get(), match.version), "/v1/admin/webhook-endpoints/" + path.get().str()};
      },
      secret);

  routes.get("/v1/admin/webhook-deliveries", "List webhook deliveries, the latest first", may_read, [&](const Call& call, const Params<ListDeliveries>& wanted) { return deliveries.list(call, wanted); });
  routes.get("/v1/admin/webhook-deliveries/{id}", "Read a webhook delivery with its body and every attempt", may_read, [&](const Call& call, const Path<DeliveryId>& path) { return deliveries.get(call, path.get()); });
  routes.post("/v1/admin/webhook-deliveries/{id}/redeliveries", "Send a webhook delivery's event once more", may_write, [&](const Call& call, const Path<DeliveryId>& path) {
    auto again = deliveries.redeliver(call, path.get());
    const auto location = "/v1/admin/webhook-deliveries/" + again.id.str();
    return Created<Delivery>{std::move(again), location};
  });
}

}  // namespace polyshop::webhook
