#include <doctest/doctest.h>

#include <thread>

#include "../../src/modules/catalog/module.hpp"
#include "../../src/modules/pricing/module.hpp"
#include "ground.hpp"
#include "pricing/events.hpp"

namespace polyshop::pricing {
namespace {

using http::Method;
using tests::Ground;
using tests::on_each_engine;

Currency currency(std::string_view code) { return Currency::parse(code).value(); }
Money eur(std::int64_t amount) { return {amount, currency("EUR")}; }
Money jpy(std::int64_t amount) { return {amount, currency("JPY")}; }
Decimal percent(std::string_view text) { return Decimal::parse(text).value(); }

struct Shop {
  explicit Shop(Ground& at) : ground(at), catalog(at.platform()), pricing(at.platform(), catalog.node(), catalog.facade()) {
    ground.open();
    prices = pricing.node().use(pricing.facade(), "pricing");
  }

  catalog::Product product(const std::vector<std::string>& skus, std::vector<catalog::CategoryId> categories = {}) {
    catalog::CreateProduct wanted;
    wanted.texts = {{"en", {Text<1, 300>("Thing"), {}}}};
    wanted.options = std::vector<catalog::Option>{{Text<1, 60>("kind"), {}}};
    wanted.category_ids = std::move(categories);
    for (const auto& sku : skus) {
      wanted.options->front().values.emplace_back(sku);
      wanted.variants.push_back({catalog::Sku(sku), {{"kind", sku}}, 0});
    }
    return catalog.facade().create_product(ground.as_system(), wanted);
  }

  std::vector<PricesChanged> changes() {
    while (pricing.node().log.sequence()) {}
    std::vector<PricesChanged> all;
    for (const auto& event : pricing.node().log.read_after(0, 10'000)) {
      CHECK(event.name == PricesChanged::event_name);
      all.push_back(json::from_text<PricesChanged>(event.data, json::Mode::lenient));
      CHECK(event.aggregate == all.back().sku);
      CHECK(event.version == all.back().version);
    }
    return all;
  }

  Ground& ground;
  catalog::Module catalog;
  Module pricing;
  Facade prices;
};

SetPrices rows(std::vector<PriceRow> all, bool dry_run = false) { return {dry_run, std::move(all)}; }

template <class F>
std::string code_of(F&& run) {
  try {
    run();
  } catch (const Problem& problem) {
    return problem.code;
  }
  return "";
}

}  // namespace

TEST_CASE("prices are set by currency, and every changed SKU publishes all it has") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    shop.product({"A", "B"});
    const auto call = ground.as_system();

    auto result = shop.prices.set_prices(call, rows({{2, "A", {jpy(1500), eur(999)}}, {3, "B", {eur(0)}}}, true));
    CHECK(result.changed == 2);
    CHECK(shop.prices.export_prices(call, {}).empty());
    CHECK(shop.changes().empty());

    result = shop.prices.set_prices(call, rows({{2, "A", {jpy(1500), eur(999)}}, {3, "B", {eur(0)}}}));
    CHECK(result.changed == 2);
    CHECK(result.faults.empty());
    result = shop.prices.set_prices(call, rows({{2, "A", {eur(999)}}, {3, "B", {}}, {4, "B", {eur(5)}}, {5, "B", {eur(5)}}}));
    CHECK(result.changed == 1);
    CHECK(result.unchanged == 3);

    const auto changes = shop.changes();
    REQUIRE(changes.size() == 3);
    CHECK(changes[0].sku == "A");
    CHECK(changes[0].prices == std::vector{eur(999), jpy(1500)});
    CHECK(changes[2].sku == "B");
    CHECK(changes[2].prices == std::vector{eur(5)});
    CHECK(changes[2].version == 2);

    const auto page = shop.prices.export_prices(call, {"", 1});
    REQUIRE(page.size() == 1);
    CHECK(page[0].sku == "A");
    CHECK(page[0].prices == std::vector{eur(999), jpy(1500)});
    CHECK(page[0].version == 1);
    REQUIRE(shop.prices.export_prices(call, {"A", 100}).size() == 1);
    CHECK(shop.prices.export_prices(call, {"B", 100}).empty());
  });
}

TEST_CASE("bad rows are left aside alone") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    shop.product({"A"});
    const std::vector<PriceRow> all{{2, "", {eur(1)}}, {3, std::string(65, 'x'), {eur(1)}}, {4, "A", {{1, {}}}},   {5, "A", {eur(-1)}},
                                    {6, "A", {eur(1), eur(2)}}, {7, "NONE", {eur(1)}},      {8, "A", {eur(700)}}};
    for (const bool dry_run : {true, false}) {
      const auto result = shop.prices.set_prices(ground.as_system(), rows(all, dry_run));
      CHECK(result.changed == 1);
      CHECK(result.unchanged == 0);
      const std::vector<std::string> codes{"bad_sku", "bad_sku", "bad_currency", "negative_amount", "currency_twice", "unknown_sku"};
      REQUIRE(result.faults.size() == codes.size());
      for (std::size_t i = 0; i < codes.size(); ++i) {
        CHECK(result.faults[i].code == codes[i]);
        CHECK(result.faults[i].line == static_cast<std::int64_t>(i) + 2);
      }
    }
    CHECK(shop.changes().size() == 1);
    CHECK(code_of([&] { shop.prices.set_prices(ground.as_system(), rows(std::vector<PriceRow>(1001))); }) == "too_many");
  });
}

TEST_CASE("a batch of 1,000 rows, and a quote over all of them") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    std::vector<PriceRow> all;
    QuoteCart cart{currency("EUR"), "DE", {}, {}};
    for (int product = 0; product < 10; ++product) {
      std::vector<std::string> skus;
      for (int i = 0; i < 100; ++i) skus.push_back("SKU-" + std::to_string(product) + "-\"\\" + std::to_string(i));
      shop.product(skus);
      for (const auto& sku : skus) {
        all.push_back({static_cast<std::int64_t>(all.size()), sku, {eur(static_cast<std::int64_t>(all.size())), jpy(7)}});
        cart.lines.push_back({std::to_string(cart.lines.size()), sku, 2, {}});
      }
    }
    CHECK(shop.prices.set_prices(ground.as_system(), rows(all)).changed == 1000);
    CHECK(shop.prices.set_prices(ground.as_system(), rows(all)).unchanged == 1000);
    CHECK(shop.changes().size() == 1000);
    const auto quote = shop.prices.quote(ground.as_system(), cart);
    REQUIRE(quote.lines.size() == 1000);
    CHECK(quote.lines[123].unit_price == 123);
    CHECK(quote.totals.total == 999 * 1000);
  });
}

TEST_CASE("writers of one SKU lose nothing") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    shop.product({"A", "B", "C"});
    constexpr int threads = 4, rounds = 20;
    std::vector<std::jthread> writers;
    for (int t = 0; t < threads; ++t)
      writers.emplace_back([&, t] {
        const auto mine = currency(std::vector<std::string_view>{"EUR", "GBP", "USD", "JPY"}[static_cast<std::size_t>(t)]);
        for (int i = 1; i <= rounds; ++i) {
          std::vector<PriceRow> all{{1, "A", {{i, mine}}}, {2, "B", {{i, mine}}}, {3, "C", {{i, mine}}}};
          if (t % 2) std::ranges::reverse(all);
          shop.prices.set_prices(ground.as_system(), rows(all));
        }
      });
    writers.clear();
    for (const auto& one : shop.prices.export_prices(ground.as_system(), {})) {
      CHECK(one.prices.size() == threads);
      CHECK(std::ranges::all_of(one.prices, [](const auto& price) { return price.amount == rounds; }));
      CHECK(one.version == threads * rounds);
    }
    std::map<std::string, PricesChanged> last;
    for (const auto& change : shop.changes()) {
      CHECK(change.version == last[change.sku].version + 1);  // in order, none missing
      last[change.sku] = change;
    }
    CHECK(last["B"].prices == shop.prices.export_prices(ground.as_system(), {"A", 1})[0].prices);
  });
}

TEST_CASE("a quote takes prices and the taxes of the country from one moment") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto kitchen = shop.catalog.facade().create_category(ground.as_system(), {{}, {}, {{"en", {Text<1, 200>("Kitchen")}}}, {}});
    const auto cups = shop.catalog.facade().create_category(ground.as_system(), {kitchen.id, {}, {{"en", {Text<1, 200>("Cups")}}}, {}});
    shop.product({"CUP"}, {cups.id});
    const auto call = ground.as_system();
    shop.prices.set_prices(call, rows({{1, "CUP", {eur(1200), jpy(1500)}}}));
    shop.prices.set_tax(call, {"DE", {}, "MwSt 19 %", percent("19"), true});
    shop.prices.set_tax(call, {"DE", kitchen.id, "MwSt 9 %", percent("9"), true});
    shop.prices.set_tax(call, {"DE", kitchen.id, "MwSt 7 %", percent("7"), true});  // in place of the 9 %
    shop.prices.set_tax(call, {"FR", {}, "TVA 20 %", percent("20"), true});

    const auto variant = shop.catalog.facade().find_variants(call, {{"CUP"}}).at(0);
    QuoteCart cart{currency("EUR"), "DE", {{"l1", "CUP", 1, variant.category_ids}, {"l2", "CUP", 2, {}}}, 490};
    auto quote = shop.prices.quote(call, cart);
    CHECK(quote.lines[0].amount.tax_name == "MwSt 7 %");
    CHECK(quote.lines[0].amount.tax == 79);
    CHECK(quote.lines[1].amount.tax == 383);
    CHECK(quote.delivery->tax == 78);
    CHECK(quote.totals.total == 3 * 1200 + 490);

    cart.country = "FR";
    CHECK(shop.prices.quote(call, cart).lines[0].amount.tax == 200);
    cart.country.reset();
    CHECK(shop.prices.quote(call, cart).totals.tax == 0);
    cart.currency = currency("JPY");
    CHECK(shop.prices.quote(call, cart).totals.lines == 4500);
    cart.currency = currency("USD");
    CHECK(!shop.prices.quote(call, cart).lines[0].unit_price);
    CHECK(code_of([&] { shop.prices.quote(call, {}); }) == "bad_currency");
    cart.currency = currency("EUR");
    cart.lines[0].quantity = std::numeric_limits<std::int64_t>::max();
    CHECK(code_of([&] { shop.prices.quote(call, cart); }) == "amount_out_of_range");
  });
}

TEST_CASE("the rules of a tax") {
  Ground ground(Engine::sqlite);
  Shop shop(ground);
  const SetTax sound{"GB", {}, "VAT", percent("20"), true};
  struct Case {
    const char* code;
    std::function<void(SetTax&)> spoil;
  };
  const std::vector<Case> cases{
      {"unknown_country", [](auto& t) { t.country = "gb"; }},
      {"unknown_country", [](auto& t) { t.country = "GBR"; }},
      {"bad_name", [](auto& t) { t.name = ""; }},
      {"bad_name", [](auto& t) { t.name = std::string(101, 'x'); }},
      {"percent_out_of_range", [](auto& t) { t.percent = percent("-0.1"); }},
      {"percent_out_of_range", [](auto& t) { t.percent = percent("100.000000001"); }},
      {"unknown_category", [](auto& t) { t.category_id = catalog::CategoryId::make(1); }},
      {"", [](auto& t) { t.percent = percent("100"); }},
  };
  for (const auto& one : cases) {
    auto wanted = sound;
    one.spoil(wanted);
    CHECK(code_of([&] { shop.prices.set_tax(ground.as_system(), wanted); }) == one.code);
  }
}

TEST_CASE("what the catalog removes has no price and no tax any more") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto call = ground.as_staff({"catalog.write", "pricing.read"});
    const auto category = shop.catalog.facade().create_category(ground.as_system(), {{}, {}, {{"en", {Text<1, 200>("Old")}}}, {}});
    const auto gone = shop.product({"A", "B", "UNPRICED"});
    const auto back = shop.product({"C"});
    shop.prices.set_prices(ground.as_system(), rows({{1, "A", {eur(1)}}, {2, "B", {eur(2)}}, {3, "C", {eur(3)}}}));
    shop.prices.set_tax(ground.as_system(), {"DE", category.id, "Old", percent("19"), true});

    const std::vector<std::pair<std::string, std::string>> match{{"If-Match", "\"1\""}};
    REQUIRE(ground.send(Method::del, "/v1/admin/products/" + gone.id.str(), "", call, match).status == 204);
    REQUIRE(ground.send(Method::del, "/v1/admin/products/" + back.id.str(), "", call, match).status == 204);
    REQUIRE(ground.send(Method::del, "/v1/admin/categories/" + category.id.str(), "", call, match).status == 204);
    shop.product({"C"});
    ground.deliver_events();

    const auto left = shop.prices.export_prices(ground.as_system(), {});
    REQUIRE(left.size() == 1);
    CHECK(left[0].sku == "C");
    const auto changes = shop.changes();
    REQUIRE(changes.size() == 5);
    CHECK(changes[3].sku == "A");
    CHECK(changes[3].prices.empty());
    CHECK(changes[3].version == 2);
    CHECK(ground.send(Method::get, "/v1/admin/prices/A", "", call).status == 404);
    CHECK(ground.send(Method::get, "/v1/admin/taxes", "", call).body.starts_with(R"({"data":[],)"));

    // Sold again, it goes on where its version was.
    shop.product({"A"});
    shop.prices.set_prices(ground.as_system(), rows({{1, "A", {eur(9)}}}));
    CHECK(shop.changes().back().version == 3);
  });
}

TEST_CASE("the prices of a SKU over HTTP") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    shop.product({"A", "B/2"});
    const auto call = ground.as_staff({"pricing.read", "pricing.write"});
    const auto put = [&](const std::string& sku, const std::string& prices, const std::string& etag) {
      std::vector<std::pair<std::string, std::string>> fields;
      if (!etag.empty()) fields.emplace_back("If-Match", etag);
      return ground.send(Method::put, "/v1/admin/prices/" + sku, R"({"prices":[)" + prices + "]}", call, fields);
    };
    auto response = ground.send(Method::get, "/v1/admin/prices/A", "", call);
    CHECK(response.status == 200);
    CHECK(response.body == R"({"sku":"A","prices":[],"version":0})");
    CHECK(put("A", R"({"amount":1,"currency":"EUR"})", "\"1\"").status == 412);
    response = put("A", R"({"amount":1,"currency":"JPY"},{"amount":1999,"currency":"EUR"})", "");
    CHECK(response.body == R"({"sku":"A","prices":[{"amount":1999,"currency":"EUR"},{"amount":1,"currency":"JPY"}],"version":1})");
    CHECK(std::ranges::any_of(response.fields, [](const auto& f) { return f.first == "ETag" && f.second == "\"1\""; }));
    CHECK(put("A", R"({"amount":5,"currency":"EUR"})", "").status == 428);
    CHECK(put("A", R"({"amount":5,"currency":"EUR"})", "\"0\"").status == 412);
    response = put("A", R"({"amount":5,"currency":"EUR"})", "\"1\"");
    CHECK(response.body == R"({"sku":"A","prices":[{"amount":5,"currency":"EUR"}],"version":2})");
    CHECK(put("A", R"({"amount":5,"currency":"EUR"})", "\"2\"").body == response.body);  // unchanged: no version, no event
    CHECK(ground.send(Method::get, "/v1/admin/prices/A", "", call).body == response.body);
    CHECK(shop.changes().size() == 2);

    CHECK(put("B%2F2", R"({"amount":5,"currency":"EUR"})", "\"0\"").status == 200);
    CHECK(put("NONE", R"({"amount":5,"currency":"EUR"})", "\"0\"").status == 404);
    CHECK(ground.send(Method::get, "/v1/admin/prices/NONE", "", call).status == 404);
    CHECK(put("A", R"({"amount":-5,"currency":"EUR"})", "\"2\"").status == 422);
    CHECK(put("A", R"({"amount":5,"currency":"EUR"},{"amount":6,"currency":"EUR"})", "\"2\"").status == 422);
    CHECK(put("A", R"({"amount":5,"currency":"XXX"})", "\"2\"").status == 422);

    auto page = ground.send(Method::get, "/v1/admin/prices?limit=1", "", call).body;
    CHECK(page.starts_with(R"({"data":[{"sku":"A",)"));
    const auto cursor = json::parse(page).at("page").at("next_cursor").as_string();
    page = ground.send(Method::get, "/v1/admin/prices?limit=1&cursor=" + std::string(cursor), "", call).body;
    CHECK(page.starts_with(R"({"data":[{"sku":"B/2",)"));
    CHECK(page.ends_with(R"("has_more":false}})"));
    CHECK(ground.send(Method::get, "/v1/admin/prices?filter[sku]=B/2", "", call).body.starts_with(R"({"data":[{"sku":"B/2",)"));
    CHECK(ground.send(Method::get, "/v1/admin/prices?filter[sku]=C", "", call).body.starts_with(R"({"data":[],)"));
    CHECK(ground.send(Method::get, "/v1/admin/prices?cursor=x!", "", call).status == 400);

    CHECK(put("A", "", "\"2\"").body == R"({"sku":"A","prices":[],"version":3})");
    CHECK(ground.send(Method::get, "/v1/admin/prices/A", "", call).body == R"({"sku":"A","prices":[],"version":3})");
  });
}

TEST_CASE("taxes over HTTP") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto category = shop.catalog.facade().create_category(ground.as_system(), {{}, {}, {{"en", {Text<1, 200>("Books")}}}, {}});
    const auto call = ground.as_staff({"pricing.read", "pricing.write"});
    const std::string general = R"({"country":"GB","name":"VAT 20 %","percent":"20.0","inclusive":true})";
    const std::string books = R"({"country":"GB","category_id":")" + category.id.str() + R"(","name":"VAT 0 %","percent":"0","inclusive":true})";
    const auto created = ground.send(Method::post, "/v1/admin/taxes", general, call);
    REQUIRE(created.status == 201);
    CHECK(created.body.find(R"("percent":"20")") != std::string::npos);
    const auto location = std::ranges::find(created.fields, "Location", [](const auto& f) { return f.first; })->second;
    CHECK(ground.send(Method::post, "/v1/admin/taxes", general, call).status == 409);
    CHECK(ground.send(Method::post, "/v1/admin/taxes", books, call).status == 201);
    CHECK(ground.send(Method::post, "/v1/admin/taxes", books, call).status == 409);
    CHECK(ground.send(Method::post, "/v1/admin/taxes", R"({"country":"FR","name":"TVA","inclusive":true})", call).status == 422);
    CHECK(ground.send(Method::post, "/v1/admin/taxes", R"({"country":"FR","name":"TVA 20 %","percent":"20","inclusive":true})", call).status == 201);

    CHECK(ground.send(Method::patch, location, R"({"percent":"17.5"})", call).status == 428);
    CHECK(ground.send(Method::patch, location, R"({"percent":"101"})", call, {{"If-Match", "\"1\""}}).status == 422);
    const auto changed = ground.send(Method::patch, location, R"({"percent":"17.5","inclusive":false})", call, {{"If-Match", "\"1\""}});
    REQUIRE(changed.status == 200);
    CHECK(ground.send(Method::patch, location, R"({"percent":"16"})", call, {{"If-Match", "\"1\""}}).status == 412);
    CHECK(ground.send(Method::get, location, "", call).body == changed.body);
    CHECK(changed.body.find(R"("percent":"17.5","inclusive":false,"version":2)") != std::string::npos);

    auto page = json::parse(ground.send(Method::get, "/v1/admin/taxes?filter[country]=GB&limit=1", "", call).body);
    REQUIRE(page.at("data").as_array().size() == 1);
    page = json::parse(ground.send(Method::get, "/v1/admin/taxes?filter[country]=GB&limit=1&cursor=" + std::string(page.at("page").at("next_cursor").as_string()), "", call).body);
    CHECK(page.at("data").as_array().size() == 1);
    CHECK(page.at("page").at("has_more") == false);

    CHECK(ground.send(Method::del, location, "", call, {{"If-Match", "\"1\""}}).status == 412);
    CHECK(ground.send(Method::del, location, "", call, {{"If-Match", "\"2\""}}).status == 204);
    CHECK(ground.send(Method::get, location, "", call).status == 404);
    CHECK(ground.send(Method::del, location, "", call, {{"If-Match", "\"2\""}}).status == 404);
  });
}

TEST_CASE("staff need the permission of pricing; nobody else gets in") {
  Ground ground(Engine::sqlite);
  Shop shop(ground);
  shop.product({"A"});
  for (const std::string path : {"/v1/admin/prices", "/v1/admin/prices/A", "/v1/admin/taxes"}) {
    CHECK(ground.send(Method::get, path, "", ground.call()).status == 401);
    CHECK(ground.send(Method::get, path, "", ground.as_customer("usr_x")).status == 403);
    CHECK(ground.send(Method::get, path, "", ground.as_staff({"catalog.read"})).status == 403);
    CHECK(ground.send(Method::get, path, "", ground.as_staff({"pricing.read"})).status == 200);
  }
  CHECK(ground.send(Method::put, "/v1/admin/prices/A", R"({"prices":[]})", ground.as_staff({"pricing.read"})).status == 403);
  CHECK(ground.send(Method::post, "/v1/admin/taxes", "{}", ground.as_staff({"pricing.read"})).status == 403);
}

}  // namespace polyshop::pricing
