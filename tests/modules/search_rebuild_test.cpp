#include <thread>

#include "search_shop.hpp"

namespace polyshop::search {
namespace {

// Binds what a test does not ask for, so that a facade can be wired.
template <class F>
F wired(F facade) {
  boost::mp11::mp_for_each<json::members_of<F>>([&](auto d) {
    auto& operation = facade.*d.pointer;
    using Input = typename std::remove_cvref_t<decltype(operation)>::Input;
    using Output = typename std::remove_cvref_t<decltype(operation)>::Output;
    if (!operation.is_bound()) operation = [](const Call&, const Input&) -> Output { die("a rebuild asks for exports only"); };
  });
  return facade;
}

struct Rebuilt : Shop {
  explicit Rebuilt(Ground& on) : Shop(on) {
    pricing::Facade prices;
    prices.export_prices = [this](const Call&, const pricing::ExportPrices& wanted) {
      if (before_prices) before_prices();
      return page_of(said_prices, wanted.after, 2);
    };
    inventory::Facade bands;
    bands.export_bands = [this](const Call&, const inventory::ExportBands& wanted) { return page_of(said_bands, wanted.after, 2); };
    search.rebuilds_from(catalog.facade(), wired(prices), wired(bands));
  }
  ProductId create(const std::string& sku) {
    auto wanted = cup();
    wanted.variants = {{Sku(sku), {}, 300}};
    const auto id = catalog.facade().create_product(ground.as_system(), wanted).id;
    price(sku, {eur(500)});
    band(sku, Band::in_stock);
    return id;
  }
  std::int64_t count(auto sql) {
    return search.node().db.read(ground.as_system(), [&](Tx& tx) { return tx.template get<std::int64_t>(sql); });
  }
  std::function<void()> before_prices;
};

using Violations = std::map<std::string, std::int64_t>;

}  // namespace

TEST_CASE("a rebuild makes a spoilt database right, and takes what happens meanwhile") {
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Ground ground(engine);
    Rebuilt shop(ground);
    std::vector<ProductId> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(shop.create("CUP" + std::to_string(i)));
    ground.deliver_events();
    CHECK(shop.audit() == Violations{});
    auto& node = shop.search.node();
    node.db.write(ground.as_system(), [](Tx& tx) {
      tx.exec("DELETE FROM search_document"_sql);
      tx.exec("UPDATE search_sku SET prices = '[]', price_version = 99"_sql);
      tx.exec("INSERT INTO search_language (language, number) VALUES ('xx', 99)"_sql);
      tx.exec("INSERT INTO parked_event (subscription, position, aggregate, event, attempts, failure, retry_ms) VALUES ('search.pricing', 1, 'a', '{}', 1, '', 9000000000000000)"_sql);
    });
    node.find_subscription("search.inventory")->pause(ground.as_system(), "on holiday");
    CHECK(shop.audit() != Violations{});

    bool is_first = true;
    shop.before_prices = [&] {
      if (!std::exchange(is_first, false)) return;
      // After the heads were noted: a change of what was exported already, one of what is still to be, and one that both tell.
      CHECK(ground.send(Method::patch, "/v1/admin/products/" + ids[0].str(), R"({"texts":{"en":{"name":"Mug"}}})", ground.as_staff({"catalog.write"}), {{"If-Match", "\"1\""}}).status == 200);
      shop.price("CUP1", {eur(700)}, 2);
      shop.create("NEW");
      while (shop.pricing.log.sequence() || shop.inventory.log.sequence() || shop.catalog.node().log.sequence()) {}
    };
    node.rebuild().run(ground.as_system());
    CHECK(node.rebuild().standing().state == bus::RebuildState::done);
    CHECK(node.rebuild().standing().items >= 5);

    CHECK(shop.product(ids[0].str()).name == "Mug");
    CHECK(shop.product(ids[1].str()).price_from == std::vector{eur(700)});
    CHECK(shop.product(ids[2].str()).price_from == std::vector{eur(500)});
    CHECK(shop.count("SELECT count(*) AS n FROM parked_event"_sql) == 0);
    CHECK(shop.count("SELECT count(*) AS n FROM search_language"_sql) == 2);
    for (const auto& row : node.subscription_rows()) {
      CAPTURE(row.name);
      CHECK(row.lag == 0);
      CHECK((row.state == bus::SubscriptionState::paused) == (row.name == "search.inventory"));
    }
    node.find_subscription("search.inventory")->resume(ground.as_system());
    shop.price("CUP2", {eur(800)}, 2);
    ground.deliver_events();
    CHECK(shop.product(ids[2].str()).price_from == std::vector{eur(800)});
    CHECK(shop.audit() == Violations{});

    // And once more: what the first one left behind is no hindrance.
    node.rebuild().run(ground.as_system());
    CHECK(shop.audit() == Violations{});
  }
}

TEST_CASE("a rebuild that fails leaves the database as it was; a module with data of its own has none") {
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Ground ground(engine);
    Rebuilt shop(ground);
    const auto id = shop.create("CUP");
    ground.deliver_events();
    auto& node = shop.search.node();
    shop.before_prices = [] { throw Problem::unavailable("away", "Pricing is away."); };
    CHECK_THROWS_AS(node.rebuild().run(ground.as_system()), Problem);
    CHECK(node.rebuild().standing().state == bus::RebuildState::failed);
    CHECK(node.rebuild().standing().problem == "Pricing is away.");
    CHECK(shop.product(id.str()).price_from == std::vector{eur(500)});
    // One at a time, in whichever instance.
    std::unique_ptr<Ground> second;
    std::unique_ptr<Rebuilt> elsewhere;
    if (engine == Engine::postgresql) {
      second = std::make_unique<Ground>(ground);
      elsewhere = std::make_unique<Rebuilt>(*second);
    }
    shop.before_prices = [&] {
      CHECK_THROWS_WITH(node.rebuild().run(ground.as_system()), doctest::Contains("rebuild_running"));
      if (elsewhere) CHECK_THROWS_WITH(elsewhere->search.node().rebuild().run(ground.as_system()), doctest::Contains("rebuild_running"));
    };
    node.rebuild().run(ground.as_system());
    CHECK(shop.audit() == Violations{});
    CHECK_THROWS_WITH(shop.catalog.node().rebuild(), doctest::Contains("not_rebuildable"));
  }
}

TEST_CASE("who reads while a rebuild goes on always finds the product, in other instances too") {
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Ground ground(engine);
    Rebuilt shop(ground);
    const auto id = shop.create("CUP");
    ground.deliver_events();
    std::unique_ptr<Ground> second;
    std::unique_ptr<Shop> elsewhere;
    if (engine == Engine::postgresql) {
      second = std::make_unique<Ground>(ground);
      elsewhere = std::make_unique<Shop>(*second);
    }
    std::atomic<bool> done = false;
    std::atomic<int> reads = 0, misses = 0;
    {
      std::vector<std::jthread> readers;
      for (int i = 0; i < 4; ++i)
        readers.emplace_back([&, i] {
          auto& from = i % 2 && second ? *second : ground;
          while (!done) {
            // Past the cache of answers: each asks for something of its own.
            const auto response = from.send(Method::get, "/v1/store/products/" + id.str() + "?currency=EUR", "", from.as_customer("usr_" + std::to_string(++reads)));
            if (response.status != 200) ++misses;
          }
        });
      for (int i = 0; i < 5; ++i) shop.search.node().rebuild().run(ground.as_system());
      const auto enough = reads + 100;
      while (reads < enough) std::this_thread::yield();
      done = true;
    }
    CHECK(misses == 0);
    if (elsewhere) {
      // The other instance takes events in the new tables.
      elsewhere->price("CUP", {eur(900)}, 3);
      second->deliver_events();
      CHECK(elsewhere->product(id.str()).price_from == std::vector{eur(900)});
    }
  }
}

}  // namespace polyshop::search
