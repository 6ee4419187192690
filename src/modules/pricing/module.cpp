#include "module.hpp"

#include "catalog/events.hpp"
#include "pricing/events.hpp"
#include "store.hpp"

namespace polyshop::pricing {

Module::Module(Platform& platform, bus::Node& catalog_node, const catalog::Facade& catalog)
    : node_(platform, "pricing"), catalog_(node_.use(catalog, "catalog")), prices_(node_, catalog_), taxes_(node_, catalog_) {
  node_.publishes<PricesChanged>();

  facade_.set_prices = [this](const Call& call, const SetPrices& wanted) { return prices_.set(call, wanted); };
  facade_.set_tax = [this](const Call& call, const SetTax& wanted) { taxes_.set(call, wanted); };
  facade_.quote = [this](const Call& call, const QuoteCart& cart) { return prices_.quote(call, cart); };
  facade_.export_prices = [this](const Call& call, const ExportPrices& wanted) { return prices_.export_page(call, wanted); };

  auto& events = node_.subscribe(catalog_node);
  // By the time the event arrives another product may have one of the SKUs: its prices stay.
  events.on<catalog::ProductRemoved, std::vector<std::string>>([this](const Call& call, const catalog::ProductRemoved& removed) { return prices_.unknown_of(call, removed.skus); },
                                                               [this](Tx& tx, const bus::Event&, const catalog::ProductRemoved&, const std::vector<std::string>& gone) { prices_.remove(tx, gone); });
  events.on<catalog::CategoryRemoved>([](Tx& tx, const bus::Event&, const catalog::CategoryRemoved& removed) { store::delete_taxes_of(tx, removed.id); });

  add_routes(node_.routes(), prices_, taxes_);
}

}  // namespace polyshop::pricing
