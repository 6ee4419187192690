#pragma once

#include "bus/node.hpp"
#include "kernel/db/kept.hpp"
#include "catalog/facade.hpp"
#include "pricing/facade.hpp"
#include "quote.hpp"

namespace polyshop::pricing {

// All prices of a SKU, at most one per currency; a currency that is absent has no price afterwards.
struct PutPrices {
  std::vector<Money> prices;
};
BOOST_DESCRIBE_STRUCT(PutPrices, (), (prices))

struct ListPrices {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<Text<1, 64>> filter_sku;
};
BOOST_DESCRIBE_STRUCT(ListPrices, (), (limit, cursor, filter_sku))

// The price list, and the quote that is made of it. The prices of a SKU are one aggregate with a version; it is 0 before the
// first price.
class Prices {
 public:
  Prices(bus::Node& node, const catalog::Facade& catalog) : node_(node), catalog_(catalog), amounts_(node.db, 20'000), rules_(node.db, 300) {}

  ImportResult set(const Call& call, const SetPrices& wanted);
  // A SKU that was priced before is replaced only with the version that it has: 428 without, 412 with another.
  PricesOfSku replace(const Call& call, const std::string& sku, const http::MaybeMatch& match, const PutPrices& wanted);
  PricesOfSku get(const Call& call, const std::string& sku);  // empty where the catalog has the SKU and nobody priced it
  http::Listed<PricesOfSku> list(const Call& call, const ListPrices& wanted);
  std::vector<PricesOfSku> export_page(const Call& call, const ExportPrices& wanted);
  Quote quote(const Call& call, const QuoteCart& cart);

  std::vector<std::string> unknown_of(const Call& call, const std::vector<std::string>& skus);  // sorted: those that the catalog does not have
  void remove(Tx& tx, const std::vector<std::string>& skus);

 private:
  PriceList amounts_of(const Call& call, Currency currency, const std::set<std::string>& skus);
  std::vector<TaxRule> rules_of(const Call& call, const std::string& country);

  bus::Node& node_;
  const catalog::Facade& catalog_;
  db::Kept<std::optional<std::int64_t>> amounts_;  // by currency and SKU; nothing: it has no price
  db::Kept<std::vector<TaxRule>> rules_;           // by country
};

}  // namespace polyshop::pricing
