#include "search_shop.hpp"

namespace polyshop::search {
namespace {

const std::string products = "search: products are those of the catalog";
const std::string categories = "search: categories are those of the catalog";
const std::string prices = "search: prices are those of pricing";
const std::string bands = "search: availability is that of inventory";
const std::string documents = "search: documents follow from these";
using Violations = std::map<std::string, std::int64_t>;

}  // namespace

TEST_CASE("the audit finds whatever differs from the sources") {
  for (const auto engine : tests::engines()) {
    Ground ground(engine);
    Shop shop(ground);
    const auto& catalog = shop.catalog.facade();
    const auto kitchen = catalog.create_category(ground.as_system(), {{}, {}, {{"en", {Text<1, 200>("Kitchen")}}}, {}});
    for (int i = 0; i < 3; ++i) {
      auto wanted = cup();
      wanted.category_ids = std::vector{kitchen.id};
      wanted.options = std::vector<catalog::Option>{{Text<1, 60>("size"), {Text<1, 100>("S")}}};
      wanted.variants = {{Sku("CUP" + std::to_string(i)), {{"size", "S"}}, 1}};
      if (i == 2) wanted.state = catalog::State::draft;
      catalog.create_product(ground.as_system(), wanted);
    }
    shop.price("CUP0", {eur(1)});
    shop.price("CUP1", {eur(2)});
    shop.price("CUP1", {}, 2);
    shop.said_prices.erase("CUP1");  // a source may leave out a SKU that has no price any more
    shop.band("CUP0", Band::low);
    shop.band("ELSEWHERE", Band::in_stock);
    shop.said_bands["NEW"] = {"NEW", Band::sold_out, 0};  // was never anything else, so nothing was said of it
    ground.deliver_events();
    CHECK(shop.audit() == Violations{});

    const auto first = catalog.export_products(ground.as_system(), {})[0].id.str();
    // What is spoilt, with the checks that must see it; then everything is rendered again, so that each begins in order.
    const auto spoilt = [&](auto sql, const Violations& expected) {
      CAPTURE(std::string(decltype(sql)::literal.view()));
      shop.search.node().db.write(ground.as_system(), [&](Tx& tx) { CHECK(tx.exec(sql) > 0); });
      CHECK(shop.audit() == expected);
    };
    const auto mended = [&](auto sql) {
      shop.search.node().db.write(ground.as_system(), [&](Tx& tx) {
        tx.exec(sql);
        tx.exec("INSERT INTO search_stale (product_id, is_bulk) SELECT id, 1 FROM search_product"_sql);
      });
      CHECK(shop.audit() == Violations{});
    };
    const auto nothing = "DELETE FROM search_stale"_sql;
    spoilt("UPDATE search_page SET body = '{}' WHERE language = 'de'"_sql, {{documents, 2}});
    mended(nothing);
    spoilt("UPDATE search_price SET amount = 7"_sql, {{documents, 1}});
    mended(nothing);
    spoilt("DELETE FROM search_placement"_sql, {{documents, 2}});
    mended(nothing);
    spoilt("UPDATE search_option SET is_available = 1 - is_available"_sql, {{documents, 2}});
    mended(nothing);
    spoilt("UPDATE search_document SET handle = 'x'"_sql, {{documents, 2}});
    mended(nothing);
    spoilt("DELETE FROM search_document"_sql, {{documents, 2}});
    mended("DELETE FROM search_words"_sql);
    spoilt("UPDATE search_sku SET prices = '[]' WHERE sku = 'CUP0'"_sql, {{prices, 1}, {documents, 1}});
    mended(R"(UPDATE search_sku SET prices = '[{"amount":1,"currency":"EUR"}]' WHERE sku = 'CUP0')"_sql);
    spoilt("UPDATE search_sku SET price_version = 9 WHERE sku = 'CUP0'"_sql, {{prices, 1}});
    mended("UPDATE search_sku SET price_version = 1 WHERE sku = 'CUP0'"_sql);
    spoilt("UPDATE search_sku SET band = 'in_stock' WHERE sku IN ('CUP0', 'CUP1')"_sql, {{bands, 2}, {documents, 2}});
    mended("UPDATE search_sku SET band = CASE WHEN sku = 'CUP0' THEN 'low' ELSE 'sold_out' END WHERE sku IN ('CUP0', 'CUP1')"_sql);
    spoilt("UPDATE search_category SET parent_id = id"_sql, {{categories, 1}});
    mended("UPDATE search_category SET parent_id = NULL"_sql);
    spoilt("UPDATE search_category SET is_removed = 1"_sql, {{categories, 1}, {documents, 2}});
    mended("UPDATE search_category SET is_removed = 0"_sql);
    spoilt("UPDATE search_product SET version = 2 WHERE product IS NULL"_sql, {{products, 1}});
    mended("UPDATE search_product SET version = 1"_sql);
    if (engine == Engine::sqlite)
      spoilt("UPDATE search_words SET title = 'x' WHERE rowid = 1"_sqlite, {{documents, 1}});
    else
      spoilt("DELETE FROM search_words"_postgresql, {{documents, 2}});
  }
}

}  // namespace polyshop::search
