#include <doctest/doctest.h>

#include <set>

#include "program/demo_catalogue.hpp"
#include "program/demo_shop.hpp"
#include "shop_ground.hpp"

namespace polyshop::demo {
namespace {

using tests::Ground;
using tests::on_each_engine;
using tests::ShopGround;

const Currency eur = *Currency::parse("EUR");
const Currency gbp = *Currency::parse("GBP");

Report filled(ShopGround& shop) {
  return fill(shop.facades, {PasswordHasher(1, 1, {64, 1}).hash_now("polyshop-demo"), {"catalog.read", "catalog.write"}}, [&] { return shop.ground.as_system(); });
}

}  // namespace

TEST_CASE("the demo's catalogue is one that a shop could have") {
  const auto all = catalogue();
  CHECK(all.products.size() >= 200);

  std::set<std::string> handles, shelves;
  for (const auto& category : all.categories) {
    CAPTURE(category.handle);
    CHECK(handles.insert(category.handle).second);
    CHECK((!category.parent || handles.contains(*category.parent)));
    for (const auto* language : {"en", "de"}) CHECK(!category.texts.at(language).name.empty());
  }
  std::set<std::string> skus, english, german;
  std::size_t low = 0, sold_out = 0;
  for (const auto& product : all.products) {
    const auto& wanted = product.wanted;
    CAPTURE(wanted.texts.at("en").name.str());
    shelves.insert(product.category);
    CHECK(handles.contains(product.category));
    CHECK(english.insert(wanted.texts.at("en").name).second);
    CHECK(german.insert(wanted.texts.at("de").name).second);
    for (const auto& [language, text] : wanted.texts) {
      CHECK(is_utf8(text.name));
      CHECK(is_utf8(*text.description));
      CHECK(code_points(*text.description) > 40);
    }
    REQUIRE(product.prices.size() == wanted.variants.size());
    REQUIRE(product.stock.size() == wanted.variants.size());
    for (std::size_t i = 0; i < wanted.variants.size(); ++i) {
      const auto& sku = wanted.variants[i].sku;
      CHECK(skus.insert(sku).second);
      CHECK(wanted.variants[i].weight_g > 0);
      CHECK(product.stock[i].sku == sku);
      low += product.stock[i].quantity > 0 && product.stock[i].quantity <= 5;
      sold_out += product.stock[i].quantity == 0;
      const auto& prices = product.prices[i];
      CHECK(prices.sku == sku);
      REQUIRE(prices.prices.size() == 2);
      CHECK(prices.prices[0].currency == eur);
      CHECK(prices.prices[1].currency == gbp);
      CHECK(prices.prices[1].amount > 0);
      CHECK(prices.prices[1].amount < prices.prices[0].amount);
    }
  }
  CHECK(shelves.size() >= 15);
  CHECK(skus.size() > 600);
  CHECK(low >= 10);
  CHECK(low < skus.size() / 10);
  CHECK(sold_out >= 5);
  CHECK(sold_out < skus.size() / 20);
}

TEST_CASE("the demo's catalogue is the same every time") {
  const auto text_of = [](const Catalogue& all) {
    std::string text;
    for (const auto& product : all.products) text += json::to_text(product.wanted) + json::to_text(product.prices) + json::to_text(product.stock);
    return text;
  };
  const auto text = text_of(catalogue());
  CHECK(text == text_of(catalogue()));
  // And on every machine: what looks like chance follows from names.
  CHECK(text.starts_with(R"({"state":"published","texts":{"de":{"name":"Tarn 1 Einpersonenzelt")"));
  CHECK(text.find("TNT-01-") != std::string::npos);
}

TEST_CASE("the demo fills a fresh shop, once") {
  on_each_engine([](Ground& ground) {
    ShopGround shop(ground);
    const auto report = filled(shop);
    ground.deliver_events();
    CHECK(report.products_made == report.products);
    CHECK(shop.products().size() == report.products);
    CHECK(shop.facades.catalog.list_categories(ground.as_system(), {}).size() == report.categories);

    const auto call = ground.as_system();
    const auto variants = shop.facades.catalog.find_variants(call, {{"BKS-01-PB", "JKT-01-M-BLK", "JKT-01-M-MID", "JKT-01-M-LIC"}});
    CHECK(variants.size() >= 2);
    const auto book = std::ranges::find(variants, "BKS-01-PB", &catalog::SellableVariant::sku);
    REQUIRE(book != variants.end());
    CHECK(book->state == catalog::State::published);
    const auto tax_in = [&](const char* country) {
      const auto line = shop.facades.pricing.quote(call, {eur, country, {{"1", "BKS-01-PB", 1, book->category_ids}}, {}}).lines.at(0);
      CHECK(line.unit_price == 1990);
      return line.amount.tax_name;
    };
    CHECK(tax_in("DE") == "VAT 7 %");
    CHECK(tax_in("GB") == "VAT 0 %");
    CHECK(tax_in("IT") == "VAT 22 %");
    CHECK(tax_in("CA") == "GST 5 %");
    CHECK(tax_in("US") == "");

    for (const auto* country : {"DE", "GB", "FR", "US"})
      for (const auto currency : {eur, gbp}) {
        CAPTURE(country);
        const auto options = shop.facades.shipping.get_options(call, {country, currency, 800, 3000});
        CHECK(!options.empty());
        for (const auto& option : options) CHECK(option.amount > 0);
      }
    CHECK(shop.facades.shipping.get_options(call, {"DE", eur, 800, 5000}).at(0).amount == 0);
    CHECK(shop.facades.shipping.get_options(call, {"FR", eur, 40000, 5000}).empty());

    const auto anna = shop.facades.auth.find_user(call, {auth::UserKind::customer, customer_emails[0]});
    REQUIRE(anna.size() == 1);
    CHECK(shop.facades.customer.get_customer(call, {anna[0].id}).last_name == "Becker");
    const auto response = ground.send(http::Method::post, "/v1/auth/sessions", R"({"kind":"staff","email":"demo@polyshop.example","password":"polyshop-demo"})", ground.call());
    CHECK(response.status == 201);

    // Repeated it changes nothing, whatever was changed in between.
    shop.facades.pricing.set_prices(call, {false, {{0, "BKS-01-PB", {{1, eur}}}}});
    shop.facades.inventory.import_stock(call, {false, {{0, "BKS-01-PB", 0, {}}}});
    ground.deliver_events();
    const auto events = shop.events();
    const auto repeated = filled(shop);
    CHECK(repeated.products_made == 0);
    CHECK(repeated.variants == report.variants);
    ground.deliver_events();
    CHECK(shop.events() == events);
  });
}

TEST_CASE("the demo goes on where it was interrupted") {
  Ground ground(Engine::sqlite);
  ShopGround shop(ground);
  const auto whole = shop.facades.catalog;
  int left = 50;
  shop.facades.catalog.create_product = [&](const Call& call, const catalog::CreateProduct& wanted) {
    if (left-- == 0) throw Problem::unavailable("overloaded", "Full.");
    return whole.create_product(call, wanted);
  };
  CHECK_THROWS_AS(filled(shop), const Problem&);
  shop.facades.catalog = whole;
  const auto report = filled(shop);
  CHECK(report.products_made == report.products - 50);
  CHECK(shop.products().size() == report.products);
  CHECK(shop.prices_of("TNT-01-MOS").size() + shop.prices_of("TNT-01-SLT").size() + shop.prices_of("TNT-01-RST").size() >= 4);
}

TEST_CASE("the demo stays out of a shop that has products of its own") {
  Ground ground(Engine::sqlite);
  ShopGround shop(ground);
  catalog::CreateProduct wanted;
  wanted.texts["en"] = {Text<1, 300>("My own"), {}};
  wanted.variants = {{catalog::Sku("OWN"), {}, 0}};
  shop.facades.catalog.create_product(ground.as_system(), wanted);
  std::string code;
  try {
    filled(shop);
  } catch (const Problem& problem) {
    code = problem.code;
  }
  CHECK(code == "shop_not_empty");
  CHECK(shop.products().size() == 1);
  CHECK(shop.facades.catalog.list_categories(ground.as_system(), {}).empty());
}

}  // namespace polyshop::demo
