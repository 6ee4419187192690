#include "attack/simulated_shop.hpp"

#include <fstream>

#include "kernel/http/inline.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::attack {
namespace {

// The disk is not what is tested here, and waiting for it would be most of the time.
constexpr const char* without_disk = "sqlite.synchronous_normal=on;";

}  // namespace

SimulatedShop::SimulatedShop(std::filesystem::path data, std::uint64_t seed) : data_(std::move(data)), random_(seed) {
  // What is made to fail is logged, and would be all there is to see.
  log::capture([](std::string_view) {});
  failpoint::imitate([] { throw Crash(); }, [this](std::int64_t ms) { clock_.advance(ms); });
  arm("");
  open();
}

SimulatedShop::~SimulatedShop() {
  app_.reset();
  failpoint::arm("");
  log::capture(nullptr);
}

void SimulatedShop::stock(const std::filesystem::path& data) {
  std::filesystem::create_directories(data);
  SimulatedShop shop(data, 0);
  const auto all = shop.app().facades();
  const auto call = shop.call();
  const auto euro = *Currency::parse("EUR");
  pricing::SetPrices prices;
  inventory::ImportStock stock;
  for (int i = 0; i < skus; ++i) {
    catalog::CreateProduct product;
    product.texts = {{"en", {Text<1, 300>("Thing " + std::to_string(i)), {}}}};
    product.state = catalog::State::published;
    product.variants = {{catalog::Sku(sku(i)), {}, 100}};
    all.catalog.create_product(call, product);
    prices.rows.push_back({i + 1, sku(i), {{999 + 250 * i, euro}}});
    stock.rows.push_back({i + 1, sku(i), units, {}});
  }
  all.pricing.set_prices(call, prices);
  all.pricing.set_tax(call, {"DE", {}, "VAT 19 %", *Decimal::parse("19"), true});
  all.inventory.import_stock(call, stock);
  const auto zone = all.shipping.create_zone(call, {Text<1, 100>("everywhere"), {}});
  all.shipping.create_method(call, {zone.id, {{"en", Text<1, 200>("Parcel")}}, shipping::RateKind::flat, {{euro, {{{}, 490}}}}, {}});
  for (int i = 0; i < 10; ++i) shop.pass(1000);
}

void SimulatedShop::open() {
  config_ = Config::load({}, {}, {{"payment.sandbox_webhook_secret", hook_secret}, {"http.listen", "127.0.0.1:0"}});
  app_ = std::make_unique<App>(*config_, data_, &clock_);
  app_->migrate([](const std::string&, const Database::Migration&) {});
  app_->open();
}

// Whoever runs it starts it again where it does not start; what is armed lets it in the end.
void SimulatedShop::start_again() {
  constexpr int tries = 20;
  for (int i = 1;; ++i) {
    try {
      return open();
    } catch (const std::exception&) {
      if (i == tries) throw;
      app_.reset();
    }
  }
}

bool SimulatedShop::survives(const std::function<void()>& work) {
  bool survived = true;
  std::function<void()> next = work;
  while (true) {
    try {
      next();
      return survived;
    } catch (const Crash&) {
      // The mark of a process that did not end in an orderly way.
      survived = false;
      ++crashes_;
      app_.reset();
      std::ofstream(data_ / "running").flush();
      next = [this] { start_again(); };
    }
  }
}

void SimulatedShop::arm(const std::string& failpoints) { failpoint::arm(without_disk + failpoints); }

std::int64_t SimulatedShop::acted() const {
  std::int64_t sum = 0;
  for (const auto& row : failpoint::counts()) sum += row.acted;
  return sum;
}

Call SimulatedShop::call() const {
  Call call;
  call.actor = Actor::system("operator");
  call.module = "command-line";
  call.now = clock_.now();
  return call;
}

http::Response SimulatedShop::send(Request request) {
  http::Request sent;
  sent.method = request.method;
  sent.target = std::move(request.target);
  sent.body = std::move(request.body);
  sent.fields = std::move(request.fields);
  sent.call.actor = std::move(request.actor);
  sent.call.now = clock_.now();
  sent.call.trace = Trace::make();
  sent.call.request_id = "simulated";
  // So near that no route waits for what only pass() brings about, and far enough for the real time that the work takes.
  sent.call.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1900);
  http::Response response;
  if (!survives([&] { response = http::run_inline(app_->routes(), std::move(sent)); })) response.status = 0;
  return response;
}

void SimulatedShop::pass(Timestamp ms) {
  clock_.advance(ms);
  survives([&] {
    auto nodes = app_->nodes();
    std::ranges::shuffle(nodes, random_);
    for (auto* node : nodes) {
      node->repeat_due();
      try {
        node->work_once();
      } catch (const std::exception&) {
        // A task has failed. The program logs it, and the next round tries it again.
      }
    }
  });
}

}  // namespace polyshop::attack
