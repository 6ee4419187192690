#include "module.hpp"

namespace polyshop::@module@ {

void add_routes(http::ModuleRoutes routes, Entries& entries) {
  using namespace http;
  routes.post("/v1/admin/@path@-entries", "Add an entry", staff("@module@.write"), [&](const Call& call, const Body<AddEntry>& wanted) {
    auto entry = entries.add(call, wanted);
    const auto location = "/v1/admin/@path@-entries/" + entry.id.str();
    return Created<Entry>{std::move(entry), location};
  });
  routes.get("/v1/admin/@path@-entries/{id}", "Read an entry", staff("@module@.read"), [&](const Call& call, const Path<EntryId>& path) { return entries.get(call, path.get()); });
}

}  // namespace polyshop::@module@
