#include <set>

#include "kernel/http/inline.hpp"
#include "search_shop.hpp"

namespace polyshop::search {
namespace {

catalog::Product product_of(const catalog::CreateProduct& wanted, Timestamp now) {
  catalog::Product product;
  product.id = ProductId::make(now);
  product.handle = "p-" + product.id.str().substr(5);
  product.state = wanted.state.value_or(catalog::State::draft);
  product.texts = wanted.texts;
  product.options = wanted.options.value_or(std::vector<catalog::Option>{});
  product.variants = wanted.variants;
  product.created_ms = product.updated_ms = now;
  product.version = 1;
  return product;
}

// A shop of three bare nodes, so that a test says in which order what is heard.
struct Heard {
  explicit Heard(Ground& ground)
      : ground(ground), catalog(ground.platform(), "catalog"), pricing(ground.platform(), "pricing"), inventory(ground.platform(), "inventory"), search(ground.platform(), catalog, pricing, inventory) {
    catalog.publishes<catalog::ProductChanged, catalog::ProductRemoved, catalog::CategoryChanged, catalog::CategoryRemoved>();
    pricing.publishes<pricing::PricesChanged>();
    inventory.publishes<inventory::AvailabilityChanged>();
    ground.open();
  }
  template <class E>
  void hear(bus::Node& node, const E& event) {
    node.db.write(ground.as_system(), [&](Tx& tx) { tx.publish(event); });
    ground.deliver_events();
  }
  std::optional<StoreProduct> shown(const ProductId& id) {
    const auto response = ground.send(Method::get, "/v1/store/products/" + id.str(), "", ground.call());
    if (response.status == 404) return {};
    REQUIRE(response.status == 200);
    return json::from_text<StoreProduct>(response.body, json::Mode::lenient);
  }
  Ground& ground;
  bus::Node catalog, pricing, inventory;
  Module search;
};

}  // namespace

TEST_CASE("product, price and availability make one document in whatever order they are heard") {
  on_each_engine([](Ground& ground) {
    Heard heard(ground);
    std::vector<int> order{0, 1, 2};
    int number = 0;
    do {
      auto wanted = cup();
      const auto sku = "S" + std::to_string(number++);
      wanted.variants = {{Sku(sku), {}, 300}, {Sku(sku + "-2"), {}, 300}};
      const auto product = product_of(wanted, ground.clock().now());
      for (const int step : order) {
        if (step == 0) heard.hear(heard.catalog, catalog::ProductChanged{product, 1});
        if (step == 1) heard.hear(heard.pricing, pricing::PricesChanged{sku, {eur(500), {450, currency("GBP")}}, 1});
        if (step == 2) heard.hear(heard.inventory, inventory::AvailabilityChanged{sku, Band::low, 1});
      }
      const auto shown = heard.shown(product.id);
      REQUIRE(shown);
      CHECK(shown->variants[0].prices == std::vector{eur(500), Money{450, currency("GBP")}});
      CHECK(shown->variants[0].availability == Band::low);
      CHECK(shown->variants[1].prices.empty());
      CHECK(shown->variants[1].availability == Band::sold_out);
      CHECK(shown->availability == Band::low);
      CHECK(shown->price_from == std::vector{eur(500), Money{450, currency("GBP")}});
    } while (std::ranges::next_permutation(order).found);
  });
}

TEST_CASE("what is older than what is known changes nothing") {
  on_each_engine([](Ground& ground) {
    Heard heard(ground);
    auto product = product_of(cup(), ground.clock().now());
    const auto say = [&](std::int64_t version, const char* name, catalog::State state = catalog::State::published) {
      product.version = version;
      product.texts = texts(name);
      product.state = state;
      heard.hear(heard.catalog, catalog::ProductChanged{product, version});
    };
    say(3, "Third");
    say(2, "Second", catalog::State::draft);
    say(3, "Third again");
    REQUIRE(heard.shown(product.id));
    CHECK(heard.shown(product.id)->name == "Third");
    CHECK(heard.shown(product.id)->version == 3);

    heard.hear(heard.pricing, pricing::PricesChanged{"CUP", {eur(2)}, 2});
    heard.hear(heard.pricing, pricing::PricesChanged{"CUP", {eur(1)}, 1});
    heard.hear(heard.inventory, inventory::AvailabilityChanged{"CUP", Band::in_stock, 7});
    heard.hear(heard.inventory, inventory::AvailabilityChanged{"CUP", Band::sold_out, 6});
    CHECK(heard.shown(product.id)->price_from == std::vector{eur(2)});
    CHECK(heard.shown(product.id)->availability == Band::in_stock);
    heard.hear(heard.pricing, pricing::PricesChanged{"CUP", {}, 3});
    CHECK(heard.shown(product.id)->price_from.empty());

    heard.hear(heard.catalog, catalog::ProductRemoved{product.id, {"CUP"}, 5});
    CHECK(!heard.shown(product.id));
    say(4, "Fourth");
    CHECK(!heard.shown(product.id));

    // Removed before it was ever heard of.
    const auto other = product_of(cup(), ground.clock().now());
    heard.hear(heard.catalog, catalog::ProductRemoved{other.id, {"CUP"}, 2});
    heard.hear(heard.catalog, catalog::ProductChanged{other, 1});
    CHECK(!heard.shown(other.id));
  });
}

TEST_CASE("a category may come after its products, a parent after its child") {
  on_each_engine([](Ground& ground) {
    Heard heard(ground);
    const auto now = ground.clock().now();
    const catalog::Category kitchen{CategoryId::make(now), {}, "kitchen", {{"en", {Text<1, 200>("Kitchen")}}}, 0, 1};
    const catalog::Category cups{CategoryId::make(now), kitchen.id, "cups", {{"en", {Text<1, 200>("Cups")}}}, 0, 1};
    auto product = product_of(cup(), now);
    product.category_ids = {cups.id};
    const auto count_in = [&](const std::string& category) {
      const auto response = ground.send(Method::get, "/v1/store/products?filter[category]=" + category, "", ground.call());
      return response.status == 200 ? static_cast<int>(json::from_text<ListBody>(response.body, json::Mode::lenient).data.size()) : -response.status;
    };
    heard.hear(heard.catalog, catalog::ProductChanged{product, 1});
    CHECK(heard.shown(product.id)->categories.empty());
    CHECK(count_in("cups") == -422);
    heard.hear(heard.catalog, catalog::CategoryChanged{cups, 1});
    CHECK(heard.shown(product.id)->categories == std::vector<StoreCategory>{{cups.id, "cups", "Cups"}});
    CHECK(count_in("cups") == 1);
    heard.hear(heard.catalog, catalog::CategoryChanged{kitchen, 1});
    CHECK(count_in("kitchen") == 1);
    CHECK(count_in(kitchen.id.str()) == 1);
    heard.hear(heard.catalog, catalog::CategoryRemoved{kitchen.id, 2});
    heard.hear(heard.catalog, catalog::CategoryChanged{kitchen, 1});
    CHECK(count_in("kitchen") == -422);
  });
}

TEST_CASE("only what is published is shown") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto call = ground.as_staff({"catalog.write"});
    auto wanted = cup();
    wanted.state.reset();
    const auto id = shop.catalog.facade().create_product(ground.as_system(), wanted).id.str();
    ground.deliver_events();
    CHECK(shop.get("/v1/store/products/" + id).status == 404);
    const auto change = [&](const std::string& body, int version) {
      REQUIRE(ground.send(Method::patch, "/v1/admin/products/" + id, body, call, {{"If-Match", '"' + std::to_string(version) + '"'}}).status == 200);
      ground.deliver_events();
    };
    change(R"({"state":"published"})", 1);
    CHECK(shop.product(id).name == "Cup");
    CHECK(shop.product("cup").id.str() == id);
    CHECK(shop.handles("q=cup") == std::vector<std::string>{"cup"});
    change(R"({"handle":"mug"})", 2);
    CHECK(shop.get("/v1/store/products/cup").status == 404);
    CHECK(shop.product("mug").version == 3);
    change(R"({"state":"draft"})", 3);
    CHECK(shop.get("/v1/store/products/mug").status == 404);
    CHECK(shop.handles("") == std::vector<std::string>{});
    CHECK(shop.handles("q=cup") == std::vector<std::string>{});
    // A price of a product that is not shown is there when it is shown again.
    shop.price("CUP", {eur(700)});
    ground.deliver_events();
    change(R"({"state":"published"})", 4);
    CHECK(shop.product("mug").price_from == std::vector{eur(700)});
    CHECK(ground.send(Method::del, "/v1/admin/products/" + id, "", call, {{"If-Match", "\"5\""}}).status == 204);
    ground.deliver_events();
    CHECK(shop.get("/v1/store/products/mug").status == 404);
    CHECK(shop.handles("q=cup") == std::vector<std::string>{});
    CHECK(shop.list("facets=true&count=exact").page.count == 0);
  });
}

TEST_CASE("a category that is renamed or moved changes its products") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto& catalog = shop.catalog.facade();
    const auto make = [&](const char* name, std::optional<CategoryId> parent) { return catalog.create_category(ground.as_system(), {parent, {}, {{"en", {Text<1, 200>(name)}}}, {}}); };
    const auto kitchen = make("Kitchen", {});
    const auto garden = make("Garden", {});
    const auto cups = make("Cups", kitchen.id);
    auto wanted = cup();
    wanted.category_ids = std::vector{cups.id};
    catalog.create_product(ground.as_system(), wanted);
    ground.deliver_events();
    CHECK(shop.handles("filter[category]=kitchen") == std::vector<std::string>{"cup"});
    CHECK(shop.handles("filter[category]=garden").empty());
    CHECK(shop.handles("q=kitchen") == std::vector<std::string>{"cup"});
    const auto before = shop.get("/v1/store/products/cup");

    const auto call = ground.as_staff({"catalog.write"});
    REQUIRE(ground.send(Method::patch, "/v1/admin/categories/" + cups.id.str(), R"({"parent_id":")" + garden.id.str() + R"(","texts":{"en":{"name":"Mugs"}},"handle":"mugs"})", call, {{"If-Match", "\"1\""}}).status == 200);
    REQUIRE(ground.send(Method::patch, "/v1/admin/categories/" + garden.id.str(), R"({"texts":{"en":{"name":"Outdoors"}}})", call, {{"If-Match", "\"1\""}}).status == 200);
    ground.deliver_events();
    CHECK(shop.handles("filter[category]=kitchen").empty());
    CHECK(shop.handles("filter[category]=garden") == std::vector<std::string>{"cup"});
    CHECK(shop.product("cup").categories == std::vector<StoreCategory>{{cups.id, "mugs", "Mugs"}});
    CHECK(shop.handles("q=kitchen").empty());
    CHECK(shop.handles("q=outdoors+mug") == std::vector<std::string>{"cup"});
    const auto after = shop.get("/v1/store/products/cup");
    CHECK(etag_of(before) != etag_of(after));
    CHECK(shop.product("cup").version == 1);
  });
}

TEST_CASE("texts come in the language that is asked for, else in English, else in any") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto& catalog = shop.catalog.facade();
    catalog.create_product(ground.as_system(), cup());
    auto only_german = cup();
    only_german.texts = {{"de", {Text<1, 300>("Änderung"), Text<0, 10000>("Nur auf Deutsch")}}};
    only_german.handle = catalog::Handle("a");
    only_german.variants = {{Sku("A"), {}, 0}};
    catalog.create_product(ground.as_system(), only_german);
    ground.deliver_events();
    CHECK(shop.product("cup", "de").name == "Tasse");
    CHECK(shop.product("cup", "en").name == "Cup");
    CHECK(shop.product("cup", "fr").name == "Cup");
    CHECK(shop.product("a", "fr").name == "Änderung");
    CHECK(shop.list("sort=name", "de").data[0].name == "Änderung");
    CHECK(shop.list("sort=name", "xx").data[1].name == "Cup");

    // A language that comes later: everything has it at once, in lists too.
    auto french = cup();
    french.texts = {{"fr", {Text<1, 300>("Bol"), {}}}};
    french.handle = catalog::Handle("bol");
    french.variants = {{Sku("B"), {}, 0}};
    catalog.create_product(ground.as_system(), french);
    ground.deliver_events();
    const auto listed = shop.list("sort=name", "fr").data;
    REQUIRE(listed.size() == 3);
    CHECK(listed[0].name == "Änderung");
    CHECK(listed[1].name == "Bol");
    CHECK(listed[2].name == "Cup");
    CHECK(shop.product("cup", "fr").name == "Cup");
  });
}

TEST_CASE("a client that holds what there is gets 304, and another body another ETag") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    shop.catalog.facade().create_product(ground.as_system(), cup());
    shop.price("CUP", {eur(500), {450, currency("GBP")}});
    ground.deliver_events();
    std::set<std::string> etags;
    for (const auto* target : {"/v1/store/products/cup", "/v1/store/products/cup?currency=EUR", "/v1/store/products/cup?currency=GBP", "/v1/store/products", "/v1/store/products?currency=EUR"}) {
      CAPTURE(target);
      const auto fresh = shop.get(target);
      REQUIRE(fresh.status == 200);
      const auto etag = etag_of(fresh);
      CHECK(etags.insert(etag).second);
      CHECK(etag.starts_with('"'));
      for (const auto& held : {etag, "W/" + etag, "\"x\" , " + etag, std::string("*")}) {
        const auto again = shop.get(target, "en", {{"If-None-Match", held}});
        CHECK(again.status == 304);
        CHECK(again.body.empty());
        CHECK(etag_of(again) == etag);
      }
      CHECK(shop.get(target, "en", {{"If-None-Match", "\"x\""}}).status == 200);
    }
    const auto before = etag_of(shop.get("/v1/store/products/cup"));
    CHECK(before != etag_of(shop.get("/v1/store/products/cup", "de")));
    CHECK(shop.get("/v1/store/products/cup?currency=EUR").body.find("GBP") == std::string::npos);
    shop.band("CUP", Band::in_stock);
    ground.deliver_events();
    const auto changed = shop.get("/v1/store/products/cup", "en", {{"If-None-Match", before}});
    CHECK(changed.status == 200);
    shop.band("CUP", Band::sold_out, 2);
    ground.deliver_events();
    CHECK(shop.get("/v1/store/products/cup", "en", {{"If-None-Match", before}}).status == 304);  // the same bytes again
  });
}

TEST_CASE("what comes faster than it is taken is rendered when it has been taken, or after a second") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto id = shop.catalog.facade().create_product(ground.as_system(), cup()).id;
    const auto sku = cup().variants[0].sku.str();
    shop.price(sku, {eur(1)}, 1);
    ground.deliver_events();
    ground.clock().advance(100);
    const auto price = [&] { return json::from_text<StoreProduct>(shop.get("/v1/store/products/" + id.str()).body, json::Mode::lenient).price_from.at(0).amount; };
    shop.pricing.db.write(ground.as_system(), [&](Tx& tx) {
      for (std::int64_t version = 2; version <= 700; ++version) tx.publish(pricing::PricesChanged{sku, {eur(version)}, version});
    });
    const auto work = [&] {
      shop.pricing.work_once();
      shop.search.node().work_once();
    };
    work();
    CHECK(shop.search.node().find_subscription("search.pricing")->is_behind());
    CHECK(price() == 1);
    ground.clock().advance(1000);
    work();
    CHECK(shop.search.node().find_subscription("search.pricing")->is_behind());
    const auto meanwhile = price();
    CHECK(meanwhile > 1);
    CHECK(meanwhile < 700);
    work();
    CHECK(price() == meanwhile);
    work();
    CHECK_FALSE(shop.search.node().find_subscription("search.pricing")->is_behind());
    CHECK(price() == 700);
  });
}

TEST_CASE("a reader waits for the version it has written") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto id = shop.catalog.facade().create_product(ground.as_system(), cup()).id.str();
    const auto ask = [&](const std::string& id_or_handle, int min_version) {
      http::Request request;
      request.path_values = {id_or_handle};
      request.query = "min_version=" + std::to_string(min_version);
      request.call = ground.call();
      return http::run_route(*ground.platform().routes.find(Method::get, "/v1/store/products/x").route, request);
    };
    const auto change = [&](const std::string& body, int version) {
      REQUIRE(ground.send(Method::patch, "/v1/admin/products/" + id, body, ground.as_staff({"catalog.write"}), {{"If-Match", '"' + std::to_string(version) + '"'}}).status == 200);
    };
    const auto status_of = [](http::Outcome&& outcome) {
      const auto* response = std::get_if<http::Response>(&outcome);
      return response ? response->status : 0;  // 0: it waits
    };
    auto outcome = ask(id, 1);
    REQUIRE(status_of(std::move(outcome)) == 0);
    auto* wait = &std::get<http::Deferred>(outcome);
    CHECK(wait->seconds_max <= 1);
    int resumed = 0;
    wait->start([&] { ++resumed; });
    CHECK(resumed == 0);
    CHECK(status_of(wait->finish()) == 0);  // looked too early, waits again
    ground.deliver_events();
    CHECK(resumed == 1);
    CHECK(status_of(wait->finish()) == 200);
    CHECK(status_of(ask(id, 1)) == 200);

    // By a handle that is not known yet; it comes after the look and before the wait.
    change(R"({"handle":"mug"})", 1);
    outcome = ask("mug", 2);
    REQUIRE(status_of(std::move(outcome)) == 0);
    wait = &std::get<http::Deferred>(outcome);
    ground.deliver_events();
    wait->start([&] { ++resumed; });
    CHECK(resumed == 2);
    CHECK(status_of(wait->finish()) == 200);

    // A draft is a version too: it is reached, and there is nothing to show.
    change(R"({"state":"draft"})", 2);
    CHECK(status_of(ask(id, 3)) == 0);
    ground.deliver_events();
    CHECK(status_of(ask(id, 3)) == 404);

  });
}

TEST_CASE("a reader waits no longer than a second") {
  Ground ground(Engine::sqlite);
  Shop shop(ground);
  http::Request request;
  request.path_values = {"cup"};
  request.query = "min_version=1";
  request.call = ground.call();
  auto outcome = http::run_route(*ground.platform().routes.find(Method::get, "/v1/store/products/x").route, request);
  const auto start = std::chrono::steady_clock::now();
  while (auto* wait = std::get_if<http::Deferred>(&outcome)) {
    auto finish = std::move(wait->finish);
    outcome = http::rendered(request, [&] { return finish(); });
  }
  const auto late = std::get<http::Response>(outcome);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(3));
  CHECK(late.status == 503);
  CHECK(late.body.find("not_yet") != std::string::npos);
  CHECK(std::ranges::any_of(late.fields, [](const auto& field) { return field.first == "Retry-After"; }));
}

}  // namespace polyshop::search
