#include "module.hpp"

namespace polyshop::cart {
namespace {

Carts::Settings settings_of(Config& config) {
  Carts::Settings settings;
  settings.abandoned_after_ms = 1000 * config.integer("cart.abandoned_after_s", 30 * 24 * 3600, 60, 10 * 365 * 24 * 3600, "How long a cart that nobody touches is kept.");
  settings.completed_kept_ms = 24LL * 3600 * 1000 * config.integer("cart.completed_kept_days", 365, 1, 3650, "How long the cart of an order is kept, and with it the Cart-Token by which a guest reads the order.");
  const auto code = config.text("cart.currency", "EUR", "The currency of carts that do not ask for another, as of ISO 4217.");
  const auto currency = Currency::parse(code);
  if (!currency) throw Problem::invalid("bad_setting", "cart.currency is \"" + code + "\"; give a currency as of ISO 4217, such as EUR.");
  settings.currency = *currency;
  return settings;
}

}  // namespace

Module::Module(Platform& platform, const catalog::Facade& catalog, const pricing::Facade& pricing, const inventory::Facade& inventory, const shipping::Facade& shipping)
    : node_(platform, "cart"),
      carts_(node_, {node_.use(catalog, "catalog"), node_.use(pricing, "pricing"), node_.use(inventory, "inventory"), node_.use(shipping, "shipping")}, settings_of(platform.config)) {
  facade_.get_cart = [this](const Call& call, const GetCart& wanted) { return carts_.get(call, {wanted.id, wanted.token, {}}); };
  facade_.complete = [this](const Call& call, const CompleteCart& wanted) { carts_.complete(call, wanted); };

  node_.every("remove abandoned carts", 60'000, [this](const Call& call) { carts_.remove_abandoned(call); });

  add_routes(node_.routes(), carts_);
}

}  // namespace polyshop::cart
