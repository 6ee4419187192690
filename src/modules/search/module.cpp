#include "module.hpp"

#include "kernel/observe/log.hpp"

namespace polyshop::search {

Module::Module(Platform& platform, bus::Node& catalog, bus::Node& pricing, bus::Node& inventory) : node_(platform, "search"), documents_(node_, platform.cache), storefront_(node_) {
  auto& products = node_.subscribe(catalog);
  products.on<catalog::ProductChanged>([this](Tx& tx, const bus::Event&, const auto& event) { documents_.apply(tx, event); });
  products.on<catalog::ProductRemoved>([this](Tx& tx, const bus::Event&, const auto& event) { documents_.apply(tx, event); });
  products.on<catalog::CategoryChanged>([this](Tx& tx, const bus::Event&, const auto& event) { documents_.apply(tx, event); });
  products.on<catalog::CategoryRemoved>([this](Tx& tx, const bus::Event&, const auto& event) { documents_.apply(tx, event); });
  auto& prices = node_.subscribe(pricing);
  prices.on<pricing::PricesChanged>([this](Tx& tx, const bus::Event&, const auto& event) { documents_.apply(tx, event); });
  auto& bands = node_.subscribe(inventory);
  bands.on<inventory::AvailabilityChanged>([this](Tx& tx, const bus::Event&, const auto& event) { documents_.apply(tx, event); });

  for (auto* subscription : {&products, &prices, &bands}) subscription->on_progress([this] { render_marked(node_.system_call("documents")); });
  // What an ended process left marked, and what other instances have rendered meanwhile.
  node_.every("render documents", 1000, [this](const Call& call) { render_marked(call); });

  add_routes(node_.routes(), storefront_, documents_.progress());
}

void Module::rebuilds_from(const catalog::Facade& catalog, const pricing::Facade& pricing, const inventory::Facade& inventory) {
  bus::Rebuild::Plan plan;
  plan.load = [this, catalog = node_.use(catalog, "catalog"), pricing = node_.use(pricing, "pricing"), inventory = node_.use(inventory, "inventory")](
                  const Call& call, Database& into, const bus::Rebuild::OnLoaded& loaded) { documents_.load(call, into, catalog, pricing, inventory, loaded); };
  plan.settle = [this](const Call& call, Database& into) { documents_.render_marked(call, into); };
  plan.replaced = [this] { documents_.forget_answers(); };
  node_.rebuilds(std::move(plan));
}

// A subscription goes on where this fails: the marks stay, and the job tries again.
void Module::render_marked(const Call& call) {
  try {
    documents_.render_marked(call);
  } catch (const std::exception& error) {
    log::warning("documents could not be rendered", {{"error", error.what()}});
  }
}

}  // namespace polyshop::search
