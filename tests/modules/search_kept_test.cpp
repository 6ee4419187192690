#include <random>

#include "search_shop.hpp"

// What is kept of lists while products change. Ground::send() compares every kept answer with what is true.
namespace polyshop::search {
namespace {

const std::vector<std::string> queries{
    "sort=name&limit=3", "sort=-name&limit=3", "limit=3", "sort=created&limit=4", "sort=price&currency=EUR&limit=3", "sort=-price&currency=EUR&limit=3", "currency=EUR&filter[price_max]=500", "filter[available]=true&limit=3",
    "filter[available]=false", "filter[option]=size:M&sort=name&limit=2", "filter[option]=size:M&filter[available]=true", "filter[category]=cups&sort=name", "filter[category]=cups&filter[price_min]=300&currency=EUR",
    "q=cup&limit=3", "facets=true&limit=1&sort=name", "filter[category]=cups&facets=true&limit=1&count=exact", "count=exact&limit=1&sort=name", "count=exact&limit=1&filter[available]=true&sort=name"};

struct Shelf {
  explicit Shelf(Shop& shop) : shop(shop) {
    const auto category = catalog().create_category(shop.ground.as_system(), {{}, {}, {{"en", {Text<1, 200>("cups")}}}, {}}).id;
    for (int i = 0; i < 12; ++i) {
      auto wanted = cup();
      wanted.texts = texts("Cup " + std::string(1, static_cast<char>('a' + i)));
      wanted.options.emplace({catalog::Option{"size", {"S", "M"}}});
      wanted.variants = {{Sku(sku(i, "S")), {{"size", "S"}}, 0}, {Sku(sku(i, "M")), {{"size", "M"}}, 0}};
      if (i % 2) wanted.category_ids = {category};
      products.push_back(catalog().create_product(shop.ground.as_system(), wanted).id);
      shop.ground.clock().advance(1);
    }
    shop.ground.deliver_events();
  }
  static std::string sku(int i, const char* size) { return "CUP" + std::to_string(i) + size; }
  const catalog::Facade& catalog() const { return shop.catalog.facade(); }
  void ask_all() {
    for (const auto& query : queries) shop.list(query);
  }
  std::size_t kept() const {
    return static_cast<std::size_t>(std::ranges::count_if(queries, [&](const auto& query) { return is_kept(query); }));
  }
  bool is_kept(const std::string& query) const { return shop.ground.platform().cache.find("en/v1/store/products?" + query) != nullptr; }

  Shop& shop;
  std::vector<ProductId> products;
};

}  // namespace

TEST_CASE("a list that is kept is what it would be anew, whatever has changed") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    Shelf shelf(shop);
    const auto seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::size_t kept = 0;
    for (std::int64_t version = 1; version <= 60; ++version) {
      shelf.ask_all();
      const auto i = static_cast<int>(random() % shelf.products.size());
      const auto sku = Shelf::sku(i, random() % 2 ? "S" : "M");
      switch (random() % 8) {
        case 0: {
          const auto target = "/v1/admin/products/" + shelf.products[static_cast<std::size_t>(i)].str();
          const auto etag = etag_of(ground.send(Method::get, target, "", ground.as_staff({"catalog.read"})));
          const auto* change = random() % 3 == 0 ? R"({"state":"draft"})" : random() % 2 ? R"({"state":"published"})" : R"({"texts":{"en":{"name":"Bowl"}}})";
          REQUIRE(ground.send(Method::patch, target, change, ground.as_staff({"catalog.write"}), {{"If-Match", etag}}).status == 200);
          break;
        }
        case 1:
        case 2:
        case 3: shop.band(sku, random() % 2 ? Band::in_stock : Band::sold_out, version); break;
        default: shop.price(sku, {eur(static_cast<std::int64_t>(random() % 1000))}, version);
      }
      ground.deliver_events();
      kept += shelf.kept();
    }
    shelf.ask_all();
    CHECK(kept > 60 * queries.size() / 4);
    CHECK(shop.audit().empty());
  });
}

TEST_CASE("a price that changes drops the lists that show it or ask for prices, and no others") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    Shelf shelf(shop);
    shelf.ask_all();
    CHECK(shelf.kept() == queries.size());
    shop.price(Shelf::sku(0, "S"), {eur(100)});
    ground.deliver_events();
    CHECK_FALSE(shelf.is_kept("sort=name&limit=3"));                 // shows it
    CHECK_FALSE(shelf.is_kept("sort=-price&currency=EUR&limit=3"));  // has it in another place
    CHECK_FALSE(shelf.is_kept("filter[category]=cups&facets=true&limit=1&count=exact"));
    CHECK(shelf.is_kept("sort=-name&limit=3"));
    CHECK(shelf.is_kept("limit=3"));
    CHECK(shelf.is_kept("filter[category]=cups&sort=name"));

    shelf.ask_all();
    shop.band(Shelf::sku(0, "S"), Band::in_stock);
    ground.deliver_events();
    CHECK_FALSE(shelf.is_kept("sort=name&limit=3"));
    CHECK_FALSE(shelf.is_kept("filter[available]=true&limit=3"));
    CHECK(shelf.is_kept("sort=-name&limit=3"));
  });
}

}  // namespace polyshop::search
