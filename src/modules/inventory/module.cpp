#include "module.hpp"

#include "inventory/events.hpp"

namespace polyshop::inventory {

Module::Module(Platform& platform, const catalog::Facade& catalog)
    : node_(platform, "inventory"),
      bands_(node_, platform.config.integer("inventory.low_stock_at", 5, 0, 1'000'000, "A SKU of which so many or fewer are available is low in stock.")),
      locations_(node_),
      stock_(node_, bands_, node_.use(catalog, "catalog")),
      reservations_(node_, bands_, 1000 * platform.config.integer("inventory.reservation_ttl_s", 900, 10, 86'400, "How long goods stay reserved for a checkout that does not go on.")) {
  node_.publishes<AvailabilityChanged>();

  facade_.get_availability = [this](const Call& call, const GetAvailability& wanted) { return stock_.get_availability(call, wanted); };
  facade_.reserve = [this](const Call& call, const ReserveStock& wanted) { return reservations_.reserve(call, wanted); };
  facade_.hold = [this](const Call& call, const OfReference& of) { return reservations_.hold(call, of.reference); };
  facade_.let_expire = [this](const Call& call, const OfReference& of) { return reservations_.let_expire(call, of.reference); };
  facade_.consume = [this](const Call& call, const OfReferences& of) { return reservations_.consume(call, of.references); };
  facade_.release = [this](const Call& call, const OfReference& of) { return reservations_.release(call, of.reference); };
  facade_.restock = [this](const Call& call, const OfReference& of) { return reservations_.restock(call, of.reference); };
  facade_.import_stock = [this](const Call& call, const ImportStock& rows) { return stock_.import(call, rows); };
  facade_.export_bands = [this](const Call& call, const ExportBands& wanted) { return stock_.export_bands(call, wanted); };
  facade_.audit = [this](const Call& call, const Nothing&) { return stock_.audit(call); };

  node_.every("expire reservations", 1000, [this](const Call& call) { reservations_.expire(call); });
  node_.every("settle availability bands", 3600'000, [this](const Call& call) { bands_.settle(call); });

  add_routes(node_.routes(), locations_, stock_, reservations_);
}

}  // namespace polyshop::inventory
