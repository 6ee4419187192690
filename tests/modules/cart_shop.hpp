#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "../../src/modules/cart/module.hpp"
#include "../../src/modules/catalog/module.hpp"
#include "../../src/modules/inventory/module.hpp"
#include "../../src/modules/pricing/module.hpp"
#include "../../src/modules/shipping/module.hpp"
#include "ground.hpp"

// A shop with carts and everything they ask, and the shoppers who fill them.
namespace polyshop::cart {

using http::Method;
using tests::Ground;
using tests::on_each_engine;
using Fields = std::vector<std::pair<std::string, std::string>>;

struct Reply {
  int status = 0;
  json::Value body;
  Fields fields;
  std::string text;

  std::string field(std::string_view name) const {
    const auto found = std::ranges::find(fields, name, [](const auto& f) { return std::string_view(f.first); });
    return found == fields.end() ? "" : found->second;
  }
  std::string member(std::string_view name) const {
    const auto* found = body.as_object().if_contains(name);
    return !found ? "" : found->is_string() ? std::string(found->get_string()) : boost::json::serialize(*found);
  }
  // Requirements, warnings or the errors of a Problem, as "code pointer, code pointer".
  std::string listed(std::string_view name) const {
    std::string text;
    if (const auto* all = body.as_object().if_contains(name))
      for (const auto& one : all->as_array()) text += (text.empty() ? "" : ", ") + std::string(one.at("code").as_string()) + " " + std::string(one.at("pointer").as_string());
    return text;
  }
  // "2 LAMP, 1 CUP"
  std::string lines() const {
    std::string text;
    for (const auto& line : body.at("lines").as_array()) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", line.at("quantity").as_int64(), std::string(line.at("sku").as_string()));
    return text;
  }
  std::string line_id(std::size_t i) const { return std::string(body.at("lines").at(i).at("id").as_string()); }
  std::int64_t total(std::string_view name) const { return body.at("totals").at(name).as_int64(); }
};

// Who asks for a cart: a guest with a token, or a customer.
struct Shopper {
  std::string cart;      // its target
  std::string token;     // of a guest
  std::string customer;  // empty: nobody has signed in

  CartId id() const { return *CartId::parse(cart.substr(cart.rfind('/') + 1)); }
};

struct Shop {
  explicit Shop(Ground& ground)
      : ground(ground),
        catalog(ground.platform()),
        pricing(ground.platform(), catalog.node(), catalog.facade()),
        inventory(ground.platform(), catalog.facade()),
        shipping(ground.platform()),
        cart(ground.platform(), catalog.facade(), pricing.facade(), inventory.facade(), shipping.facade()) {
    ground.open();
    const auto system = ground.as_system();
    lamp = product("LAMP", "Lamp", "Lampe", catalog::State::published);
    product("CUP", "Cup", "Tasse", catalog::State::published);
    product("DRAFT", "Draft", "Entwurf", catalog::State::draft);
    price("LAMP", {{1999, currency("EUR")}, {2199, currency("USD")}});
    price("CUP", {{500, currency("EUR")}});
    pricing.facade().set_tax(system, {"DE", {}, "VAT 19 %", *Decimal::parse("19"), true});
    pricing.facade().set_tax(system, {"US", {}, "Sales tax", *Decimal::parse("8.875"), false});
    stock("LAMP", 5);
    stock("CUP", 100);
    const auto germany = shipping.facade().create_zone(system, {Text<1, 100>("Germany"), {Text<2, 2>("DE")}});
    const auto world = shipping.facade().create_zone(system, {Text<1, 100>("everywhere else"), {}});
    parcel = shipping.facade().create_method(system, {germany.id, {{"en", Text<1, 200>("Parcel")}, {"de", Text<1, 200>("Paket")}}, shipping::RateKind::flat, {{currency("EUR"), {{{}, 490}}}}, {}}).id.str();
    air = shipping.facade().create_method(system, {world.id, {{"en", Text<1, 200>("Air mail")}}, shipping::RateKind::flat, {{currency("EUR"), {{{}, 1490}}}, {currency("USD"), {{{}, 990}}}}, {}}).id.str();
    ground.deliver_events();
  }

  static Currency currency(std::string_view code) { return *Currency::parse(code); }
  catalog::ProductId product(const char* sku, const char* english, const char* german, catalog::State state) {
    catalog::CreateProduct wanted;
    wanted.texts = {{"en", {Text<1, 300>(english), {}}}, {"de", {Text<1, 300>(german), {}}}};
    wanted.state = state;
    wanted.variants = {{catalog::Sku(sku), {}, 1000}};
    return catalog.facade().create_product(ground.as_system(), wanted).id;
  }
  void price(const std::string& sku, std::vector<Money> prices) { pricing.facade().set_prices(ground.as_system(), {false, {{1, sku, std::move(prices)}}}); }
  void stock(const std::string& sku, std::int64_t quantity) { inventory.facade().import_stock(ground.as_system(), {false, {{1, sku, quantity, {}}}}); }

  Reply send(Method method, const std::string& target, const std::string& body, const Shopper& shopper, Fields fields = {}) {
    if (!shopper.token.empty()) fields.emplace_back("Cart-Token", shopper.token);
    auto response = ground.send(method, target, body, shopper.customer.empty() ? ground.call() : ground.as_customer(shopper.customer), std::move(fields));
    return {response.status, json::parse(response.body), std::move(response.fields), std::move(response.body)};
  }
  Reply get(const Shopper& shopper, const std::string& below = {}) { return send(Method::get, shopper.cart + below, "", shopper); }
  Reply patch(const Shopper& shopper, const std::string& body, Fields fields = {}) { return send(Method::patch, shopper.cart, body, shopper, std::move(fields)); }
  Reply add(const Shopper& shopper, const std::string& body, Fields fields = {}) { return send(Method::post, shopper.cart + "/lines", body, shopper, std::move(fields)); }
  Reply choose(const Shopper& shopper, const std::string& method, Fields fields = {}) { return send(Method::put, shopper.cart + "/delivery", fmt::format(R"({{"method_id":"{}"}})", method), shopper, std::move(fields)); }
  Reply send_to(const Shopper& shopper, const std::string& country) { return patch(shopper, fmt::format(R"({{"shipping_address":{{"name":"Ann","line1":"Street 1","city":"Bonn","country":"{}"}}}})", country)); }
  Reply claim(const Shopper& shopper) { return send(Method::post, shopper.cart + "/claims", "{}", shopper); }

  Shopper opened(const std::string& customer = {}, const std::string& body = "{}") {
    const auto created = send(Method::post, "/v1/store/carts", body, {{}, {}, customer});
    REQUIRE(created.status == 201);
    return {"/v1/store/carts/" + created.member("id"), created.field("Cart-Token"), customer};
  }
  Shopper with(const std::string& lines, const std::string& customer = {}, const std::string& body = "{}") {
    auto shopper = opened(customer, body);
    REQUIRE(add(shopper, fmt::format(R"({{"lines":[{}]}})", lines)).status == 200);
    return shopper;
  }
  void complete(const Shopper& shopper, const std::string& order) { cart.facade().complete(ground.as_system(), {shopper.id(), order}); }

  Ground& ground;
  catalog::Module catalog;
  pricing::Module pricing;
  inventory::Module inventory;
  shipping::Module shipping;
  Module cart;
  catalog::ProductId lamp;
  std::string parcel;  // to Germany, in euros
  std::string air;     // elsewhere, in euros and dollars
};

inline const auto ann = auth::UserId::make(1).str();
inline const auto bob = auth::UserId::make(2).str();
inline constexpr auto two_lamps = R"({"sku":"LAMP","quantity":2})";

inline void in_shop(const std::function<void(Shop&)>& body) {
  on_each_engine([&](Ground& ground) {
    Shop shop(ground);
    body(shop);
  });
}

}  // namespace polyshop::cart
