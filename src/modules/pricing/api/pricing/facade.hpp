#pragma once

#include "catalog/types.hpp"
#include "kernel/facade/operation.hpp"
#include "kernel/types/import_result.hpp"

namespace polyshop::pricing {

// The prices of a SKU, at most one per currency; they replace those it had in these currencies. An amount is 0 or more.
struct PriceRow {
  std::int64_t line = 0;  // of an imported file
  std::string sku;
  std::vector<Money> prices;
};
BOOST_DESCRIBE_STRUCT(PriceRow, (), (line, sku, prices))

struct SetPrices {
  bool dry_run = false;
  std::vector<PriceRow> rows;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(SetPrices, (), (dry_run, rows))

// A tax: a country's, for a category and what lies below it, or for everything where no category is named. The nearest
// category of a product decides; inclusive says that prices contain it.
struct SetTax {
  std::string country;  // ISO 3166-1 alpha-2
  std::optional<catalog::CategoryId> category_id;
  std::string name;     // as it is printed: "VAT 20 %"
  Decimal percent;      // 0 to 100
  bool inclusive = false;
};
BOOST_DESCRIBE_STRUCT(SetTax, (), (country, category_id, name, percent, inclusive))

// --- the quote -------------------------------------------------------------------------------------------------------

struct LineToQuote {
  std::string id;
  std::string sku;
  std::int64_t quantity = 0;
  std::vector<catalog::CategoryId> category_ids;  // nearest first, as catalog::SellableVariant has them
};
BOOST_DESCRIBE_STRUCT(LineToQuote, (), (id, sku, quantity, category_ids))

struct QuoteCart {
  Currency currency;
  std::optional<std::string> country;     // where it is sent; without one no tax is known yet, and none is charged
  std::vector<LineToQuote> lines;
  std::optional<std::int64_t> delivery;   // the price of the delivery, in the currency's minor units
};
BOOST_DESCRIBE_STRUCT(QuoteCart, (), (currency, country, lines, delivery))

// total = net + tax, whether prices contain the tax or not. Tax is rounded half to even, once per line.
struct QuotedAmount {
  std::int64_t net = 0;
  std::int64_t tax = 0;
  std::int64_t total = 0;
  std::string tax_name;
  Decimal tax_percent;
  bool tax_inclusive = false;
};
BOOST_DESCRIBE_STRUCT(QuotedAmount, (), (net, tax, total, tax_name, tax_percent, tax_inclusive))

struct QuotedLine {
  std::string id;
  std::string sku;
  std::int64_t quantity = 0;
  std::optional<std::int64_t> unit_price;  // absent: it has no price in this currency, and amounts are 0
  QuotedAmount amount;
};
BOOST_DESCRIBE_STRUCT(QuotedLine, (), (id, sku, quantity, unit_price, amount))

struct Reason {
  std::string pointer;  // to what it explains: "/lines/0/amount/tax"
  std::string text;     // "VAT 20 % of GB is contained in 12.00: 2.00"
};
BOOST_DESCRIBE_STRUCT(Reason, (), (pointer, text))

struct Totals {
  std::int64_t lines = 0;      // net
  std::int64_t delivery = 0;   // net
  std::int64_t discounts = 0;
  std::int64_t tax = 0;        // of lines and delivery
  std::int64_t total = 0;      // lines + delivery - discounts + tax
};
BOOST_DESCRIBE_STRUCT(Totals, (), (lines, delivery, discounts, tax, total))

struct Quote {
  Currency currency;
  std::vector<QuotedLine> lines;
  std::optional<QuotedAmount> delivery;
  Totals totals;
  std::string rounding = "half_even_per_line";
  std::vector<Reason> trace;  // why each amount is what it is
};
BOOST_DESCRIBE_STRUCT(Quote, (), (currency, lines, delivery, totals, rounding, trace))

struct ExportPrices {
  std::string after;         // a SKU
  std::int64_t limit = 500;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(ExportPrices, (), (after, limit))

struct PricesOfSku {
  std::string sku;
  std::vector<Money> prices;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(PricesOfSku, (), (sku, prices, version))

struct Facade {
  Command<SetPrices, ImportResult> set_prices;
  Command<SetTax, void> set_tax;
  Query<QuoteCart, Quote> quote;                             // 422 `amount_out_of_range` where it does not fit
  Query<ExportPrices, std::vector<PricesOfSku>> export_prices;  // in the order of SKUs
};
BOOST_DESCRIBE_STRUCT(Facade, (), (set_prices, set_tax, quote, export_prices))

}  // namespace polyshop::pricing
