#include "module.hpp"

namespace polyshop::shipping {

void add_routes(http::ModuleRoutes routes, Zones& zones, Methods& methods) {
  using namespace http;
  using shipping::Method;
  const auto may_read = staff("shipping.read");
  const auto may_write = staff("shipping.write");

  routes.get("/v1/admin/shipping-zones", "List the zones", may_read, [&](const Call& call, const Params<ListZones>& wanted) { return zones.list(call, wanted); });
  routes.post("/v1/admin/shipping-zones", "Create a zone; without countries it takes all that no other zone names", may_write, [&](const Call& call, const Body<CreateZone>& wanted) {
    auto zone = zones.create(call, wanted);
    const auto location = "/v1/admin/shipping-zones/" + zone.id.str();
    return Created<Zone>{std::move(zone), location};
  });
  routes.get("/v1/admin/shipping-zones/{id}", "Read a zone", may_read, [&](const Call& call, const Path<ZoneId>& path) { return zones.get(call, path.get()); });
  routes.patch("/v1/admin/shipping-zones/{id}", "Change a zone", may_write, [&](const Call& call, const Path<ZoneId>& path, const Match& match, const Body<ChangeZone>& change) {
    return zones.change(call, path.get(), match.version, change);
  });
  routes.remove("/v1/admin/shipping-zones/{id}", "Remove a zone without methods", may_write, [&](const Call& call, const Path<ZoneId>& path, const Match& match) {
    zones.remove(call, path.get(), match.version);
    return NoContent{};
  });

  routes.get("/v1/admin/shipping-methods", "List the methods", may_read, [&](const Call& call, const Params<ListMethods>& wanted) { return methods.list(call, wanted); });
  routes.post("/v1/admin/shipping-methods", "Create a method with its rates", may_write, [&](const Call& call, const Body<CreateMethod>& wanted) {
    auto method = methods.create(call, wanted);
    const auto location = "/v1/admin/shipping-methods/" + method.id.str();
    return Created<Method>{std::move(method), location};
  });
  routes.get("/v1/admin/shipping-methods/{id}", "Read a method", may_read, [&](const Call& call, const Path<MethodId>& path) { return methods.get(call, path.get()); });
  routes.patch("/v1/admin/shipping-methods/{id}", "Change a method", may_write, [&](const Call& call, const Path<MethodId>& path, const Match& match, const Body<ChangeMethod>& change) {
    return methods.change(call, path.get(), match.version, change);
  });
  routes.remove("/v1/admin/shipping-methods/{id}", "Remove a method", may_write, [&](const Call& call, const Path<MethodId>& path, const Match& match) {
    methods.remove(call, path.get(), match.version);
    return NoContent{};
  });
}

}  // namespace polyshop::shipping
