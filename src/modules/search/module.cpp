#include "module.hpp"

namespace polyshop::search {
namespace {

// A product and its prices come from different sources, one soon after the other, and are rendered once; where much comes, when it has been taken. The first is at once.
constexpr std::chrono::milliseconds between_renderings{100};
constexpr Timestamp deferred_ms_max = 1000;

}  // namespace

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

  // Also what an ended process left marked, and what other instances have rendered meanwhile.
  const auto render = node_.work("render documents", between_renderings, [this] { return render_marked(); });
  for (auto* subscription : {&products, &prices, &bands}) subscription->on_progress(render);

  add_routes(node_.routes(), storefront_, documents_.progress());
}

bool Module::render_marked() {
  const auto& clock = node_.db.clock();
  const bool is_more_coming = std::ranges::any_of(node_.subscriptions(), [](const auto& one) { return one->is_behind(); });
  if (is_more_coming && clock.steady_ms() - rendered_ms_ < deferred_ms_max) return false;
  const bool any = documents_.render_marked(node_.system_call("documents"));
  rendered_ms_ = clock.steady_ms();
  return any;
}

void Module::rebuilds_from(const catalog::Facade& catalog, const pricing::Facade& pricing, const inventory::Facade& inventory) {
  bus::Rebuild::Plan plan;
  plan.load = [this, catalog = node_.use(catalog, "catalog"), pricing = node_.use(pricing, "pricing"), inventory = node_.use(inventory, "inventory")](
                  const Call& call, Database& into, const bus::Rebuild::OnLoaded& loaded) { documents_.load(call, into, catalog, pricing, inventory, loaded); };
  plan.settle = [this](const Call& call, Database& into) { documents_.render_marked(call, into); };
  plan.replaced = [this] { documents_.forget_answers(); };
  node_.rebuilds(std::move(plan));
}

}  // namespace polyshop::search
