#include "module.hpp"

namespace polyshop::pricing {

void add_routes(http::ModuleRoutes routes, Prices& prices, Taxes& taxes) {
  using namespace http;
  const auto may_read = staff("pricing.read");
  const auto may_write = staff("pricing.write");

  routes.get("/v1/admin/prices", "List the SKUs that have prices, in their order", may_read, [&](const Call& call, const Params<ListPrices>& wanted) { return prices.list(call, wanted); });
  routes.get("/v1/admin/prices/{sku}", "Read the prices of a SKU", may_read, [&](const Call& call, const Path<std::string>& path) { return prices.get(call, path.get()); });
  routes.put("/v1/admin/prices/{sku}", "Replace the prices of a SKU; If-Match is required once it has been priced", may_write,
             [&](const Call& call, const Path<std::string>& path, const MaybeMatch& match, const Body<PutPrices>& wanted) { return prices.replace(call, path.get(), match, wanted); });

  routes.get("/v1/admin/taxes", "List the taxes", may_read, [&](const Call& call, const Params<ListTaxes>& wanted) { return taxes.list(call, wanted); });
  routes.post("/v1/admin/taxes", "Create the tax of a country, for a category or for everything", may_write, [&](const Call& call, const Body<SetTax>& wanted) {
    auto tax = taxes.create(call, wanted);
    const auto location = "/v1/admin/taxes/" + tax.id.str();
    return Created<Tax>{std::move(tax), location};
  });
  routes.get("/v1/admin/taxes/{id}", "Read a tax", may_read, [&](const Call& call, const Path<TaxId>& path) { return taxes.get(call, path.get()); });
  routes.patch("/v1/admin/taxes/{id}", "Change a tax's name, percent or whether prices contain it", may_write,
               [&](const Call& call, const Path<TaxId>& path, const Match& match, const Body<ChangeTax>& change) { return taxes.change(call, path.get(), match.version, change); });
  routes.remove("/v1/admin/taxes/{id}", "Remove a tax", may_write, [&](const Call& call, const Path<TaxId>& path, const Match& match) {
    taxes.remove(call, path.get(), match.version);
    return NoContent{};
  });
}

}  // namespace polyshop::pricing
