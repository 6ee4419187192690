#pragma once

#include <doctest/doctest.h>

#include "../../src/modules/catalog/module.hpp"
#include "../../src/modules/search/module.hpp"
#include "ground.hpp"

// A shop as the search module sees it: a real catalog, and two nodes that say what pricing and inventory would.
namespace polyshop::search {

using catalog::Sku;
using http::Method;
using tests::Ground;
using tests::on_each_engine;

struct ListPage {
  std::optional<std::string> next_cursor;
  bool has_more = false;
  std::optional<std::int64_t> count;
};
BOOST_DESCRIBE_STRUCT(ListPage, (), (next_cursor, has_more, count))
struct ListBody {
  std::vector<StoreProduct> data;
  ListPage page;
  std::optional<Facets> facets;
};
BOOST_DESCRIBE_STRUCT(ListBody, (), (data, page, facets))

inline Currency currency(std::string_view code) { return *Currency::parse(code); }
inline Money eur(std::int64_t amount) { return {amount, currency("EUR")}; }

struct Shop {
  explicit Shop(Ground& ground)
      : ground(ground), catalog(ground.platform()), pricing(ground.platform(), "pricing"), inventory(ground.platform(), "inventory"), search(ground.platform(), catalog.node(), pricing, inventory) {
    pricing.publishes<pricing::PricesChanged>();
    inventory.publishes<inventory::AvailabilityChanged>();
    ground.open();
  }

  template <class E>
  void publish(bus::Node& node, const E& event) {
    node.db.write(ground.as_system(), [&](Tx& tx) { tx.publish(event); });
  }
  void price(const std::string& sku, std::vector<Money> prices, std::int64_t version = 1) {
    said_prices[sku] = {sku, prices, version};
    publish(pricing, pricing::PricesChanged{sku, std::move(prices), version});
  }
  void band(const std::string& sku, Band band, std::int64_t version = 1) {
    said_bands[sku] = {sku, band, version};
    publish(inventory, inventory::AvailabilityChanged{sku, band, version});
  }

  // What the two nodes would export, a page at a time.
  template <class Item>
  static std::vector<Item> page_of(const std::map<std::string, Item>& said, const std::string& after, std::int64_t limit) {
    std::vector<Item> page;
    for (auto at = said.upper_bound(after); at != said.end() && static_cast<std::int64_t>(page.size()) < limit; ++at) page.push_back(at->second);
    return page;
  }
  // The violations of each check that has some.
  std::map<std::string, std::int64_t> audit() {
    pricing::Facade prices;
    prices.export_prices = [this](const Call&, const pricing::ExportPrices& wanted) { return page_of(said_prices, wanted.after, wanted.limit); };
    inventory::Facade bands;
    bands.export_bands = [this](const Call&, const inventory::ExportBands& wanted) { return page_of(said_bands, wanted.after, wanted.limit); };
    std::map<std::string, std::int64_t> violations;
    for (const auto& finding : search.audit(ground.as_system(), catalog.facade(), prices, bands)) {
      CHECK(finding.example.empty() == (finding.violations == 0));
      if (finding.violations) violations[finding.check] = finding.violations;
    }
    return violations;
  }

  http::Response get(const std::string& target, const std::string& language = "en", std::vector<std::pair<std::string, std::string>> fields = {}) {
    auto call = ground.call();
    call.language = language;
    return ground.send(Method::get, target, "", call, std::move(fields));
  }
  ListBody list(const std::string& query = "", const std::string& language = "en") {
    const auto response = get("/v1/store/products" + (query.empty() ? "" : "?" + query), language);
    CAPTURE(query);
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return json::from_text<ListBody>(response.body, json::Mode::lenient);
  }
  std::vector<std::string> handles(const std::string& query, const std::string& language = "en") {
    std::vector<std::string> out;
    for (const auto& product : list(query, language).data) out.push_back(product.handle);
    std::ranges::sort(out);
    return out;
  }
  StoreProduct product(const std::string& id_or_handle, const std::string& language = "en") {
    const auto response = get("/v1/store/products/" + id_or_handle, language);
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return json::from_text<StoreProduct>(response.body, json::Mode::lenient);
  }

  Ground& ground;
  std::map<std::string, pricing::PricesOfSku> said_prices;
  std::map<std::string, inventory::BandOfSku> said_bands;
  catalog::Module catalog;
  bus::Node pricing;
  bus::Node inventory;
  search::Module search;
};

inline catalog::ProductTexts texts(std::string en, std::optional<std::string> de = {}) {
  catalog::ProductTexts all;
  all["en"] = {Text<1, 300>(en), {}};
  if (de) all["de"] = {Text<1, 300>(*de), {}};
  return all;
}

inline catalog::CreateProduct cup() {
  catalog::CreateProduct wanted;
  wanted.state = catalog::State::published;
  wanted.texts = texts("Cup", "Tasse");
  wanted.variants = {{Sku("CUP"), {}, 300}};
  return wanted;
}

inline std::string etag_of(const http::Response& response) {
  for (const auto& [name, value] : response.fields)
    if (name == "ETag") return value;
  return {};
}

}  // namespace polyshop::search
