#include <doctest/doctest.h>

#include <limits>

#include "../../src/modules/pricing/quote.hpp"

namespace polyshop::pricing {
namespace {

const auto cups = catalog::CategoryId::make(1);
const auto kitchen = catalog::CategoryId::make(2);
const auto books = catalog::CategoryId::make(3);

Currency currency(std::string_view code) { return Currency::parse(code).value(); }
TaxRule rule(std::string name, std::string_view percent, bool inclusive, std::optional<catalog::CategoryId> category = {}) { return {category, std::move(name), Decimal::parse(percent).value(), inclusive}; }
LineToQuote line(std::string sku, std::int64_t quantity, std::vector<catalog::CategoryId> categories = {}) { return {"line_" + sku, std::move(sku), quantity, std::move(categories)}; }
QuoteCart cart(std::string_view code, std::optional<std::string> country, std::vector<LineToQuote> lines, std::optional<std::int64_t> delivery = {}) { return {currency(code), std::move(country), std::move(lines), delivery}; }

const PriceList price_list{{"CUP", 1200}, {"BOOK", 999}, {"PENNY", 1}, {"HALF", 50}, {"FREE", 0}, {"DEAR", std::numeric_limits<std::int64_t>::max()}};
const std::vector<TaxRule> british{rule("VAT 20 %", "20", true), rule("Books 0 %", "0", true, books), rule("Kitchen 5 %", "5", true, kitchen)};
const std::vector<TaxRule> american{rule("Sales tax", "8.875", false)};

const Reason* reason(const Quote& quote, std::string_view pointer) {
  const auto found = std::ranges::find(quote.trace, pointer, &Reason::pointer);
  return found == quote.trace.end() ? nullptr : &*found;
}

struct Refused {
  std::string code;
  std::string pointer;
};
Refused refused(const QuoteCart& wanted, const std::vector<TaxRule>& taxes) {
  try {
    quote(wanted, price_list, taxes);
  } catch (const Problem& problem) {
    CHECK(problem.status == 422);
    return {problem.code, problem.errors.at(0).pointer};
  }
  return {};
}

}  // namespace

TEST_CASE("what a line costs") {
  struct Case {
    std::string what;
    QuoteCart cart;
    std::vector<TaxRule> taxes;
    std::int64_t net, tax, total;
    const char* tax_name;
  };
  const std::vector<Case> cases{
      {"a tax that prices contain", cart("GBP", "GB", {line("CUP", 1)}), british, 1000, 200, 1200, "VAT 20 %"},
      {"is rounded once per line, not per piece", cart("GBP", "GB", {line("BOOK", 3)}), british, 2497, 500, 2997, "VAT 20 %"},
      {"a tax that is added", cart("USD", "US", {line("CUP", 2)}), american, 2400, 213, 2613, "Sales tax"},
      {"half a unit goes to the even neighbour: 2.5 is 2", cart("EUR", "XX", {line("HALF", 1)}), {rule("T", "5", false)}, 50, 2, 52, "T"},
      {"7.5 is 8", cart("EUR", "XX", {line("HALF", 3)}), {rule("T", "5", false)}, 150, 8, 158, "T"},
      {"half a unit within: 0.5 of 3 is 0", cart("EUR", "XX", {line("PENNY", 3)}), {rule("T", "20", true)}, 3, 0, 3, "T"},
      {"and 1.5 of 9 is 2", cart("EUR", "XX", {line("PENNY", 9)}), {rule("T", "20", true)}, 7, 2, 9, "T"},
      {"the nearest category decides", cart("GBP", "GB", {line("CUP", 1, {cups, kitchen})}), british, 1143, 57, 1200, "Kitchen 5 %"},
      {"the nearest, not the first tax", cart("GBP", "GB", {line("CUP", 1, {cups, kitchen, books})}), british, 1143, 57, 1200, "Kitchen 5 %"},
      {"a category's tax of 0 is a tax", cart("GBP", "GB", {line("BOOK", 1, {books})}), british, 999, 0, 999, "Books 0 %"},
      {"then the country's general one", cart("GBP", "GB", {line("CUP", 1, {cups})}), british, 1000, 200, 1200, "VAT 20 %"},
      {"only taxes of other categories", cart("GBP", "GB", {line("CUP", 1, {cups})}), {rule("Books", "7", true, books)}, 1200, 0, 1200, ""},
      {"a country without taxes", cart("GBP", "GB", {line("CUP", 1)}), {}, 1200, 0, 1200, ""},
      {"no country", cart("GBP", {}, {line("CUP", 1)}), {}, 1200, 0, 1200, ""},
      {"no price", cart("GBP", "GB", {line("NONE", 7)}), british, 0, 0, 0, ""},
      {"a price of 0", cart("GBP", "GB", {line("FREE", 7)}), british, 0, 0, 0, "VAT 20 %"},
      {"a quantity of 0", cart("GBP", "GB", {line("CUP", 0)}), british, 0, 0, 0, "VAT 20 %"},
      {"no decimals", cart("JPY", "JP", {line("CUP", 1)}), {rule("JCT 10 %", "10", true)}, 1091, 109, 1200, "JCT 10 %"},
      {"three decimals", cart("KWD", "KW", {line("CUP", 1)}), {rule("T", "5.5", false)}, 1200, 66, 1266, "T"},
      {"all there is", cart("USD", "US", {line("DEAR", 1)}), {rule("T", "0", false)}, std::numeric_limits<std::int64_t>::max(), 0, std::numeric_limits<std::int64_t>::max(), "T"},
      {"all of it tax", cart("USD", "US", {line("CUP", 1)}), {rule("T", "100", false)}, 1200, 1200, 2400, "T"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.what);
    const auto result = quote(one.cart, price_list, one.taxes);
    REQUIRE(result.lines.size() == 1);
    const auto& amount = result.lines[0].amount;
    CHECK(amount.net == one.net);
    CHECK(amount.tax == one.tax);
    CHECK(amount.total == one.total);
    CHECK(amount.tax_name == one.tax_name);
    CHECK(amount.net + amount.tax == amount.total);
    CHECK(result.lines[0].unit_price.has_value() == (one.cart.lines[0].sku != "NONE"));
    CHECK(result.totals.lines == one.net);
    CHECK(result.totals.tax == one.tax);
    CHECK(result.totals.total == one.total);
    CHECK(!result.delivery);
  }
}

TEST_CASE("a delivery is taxed by the country's general tax") {
  struct Case {
    std::string what;
    std::optional<std::string> country;
    std::vector<TaxRule> taxes;
    std::int64_t net, tax, total;
  };
  const std::vector<Case> cases{
      {"contained", "GB", british, 417, 83, 500},
      {"added", "US", american, 500, 44, 544},
      {"whatever the category of a line is", "GB", {rule("Books", "7", true, books)}, 500, 0, 500},
      {"no country", {}, {}, 500, 0, 500},
  };
  for (const auto& one : cases) {
    CAPTURE(one.what);
    const auto alone = quote(cart("EUR", one.country, {}, 500), price_list, one.taxes);
    REQUIRE(alone.delivery);
    CHECK(alone.delivery->net == one.net);
    CHECK(alone.delivery->tax == one.tax);
    CHECK(alone.delivery->total == one.total);
    CHECK(alone.totals.delivery == one.net);
    CHECK(alone.totals.total == one.total);
    // A shop quotes lines and delivery together or one after the other: the sums are the same.
    const auto lines = quote(cart("EUR", one.country, {line("CUP", 3), line("BOOK", 1, {books})}), price_list, one.taxes);
    const auto both = quote(cart("EUR", one.country, {line("CUP", 3), line("BOOK", 1, {books})}, 500), price_list, one.taxes);
    CHECK(both.totals.lines == lines.totals.lines);
    CHECK(both.totals.tax == lines.totals.tax + alone.totals.tax);
    CHECK(both.totals.total == lines.totals.total + alone.totals.total);
    CHECK(both.totals.total == both.totals.lines + both.totals.delivery - both.totals.discounts + both.totals.tax);
  }
  CHECK(!quote(cart("EUR", "GB", {}), price_list, british).delivery);
  CHECK(quote(cart("EUR", "GB", {}, 0), price_list, british).delivery->total == 0);
}

TEST_CASE("every amount has its reason") {
  const auto result = quote(cart("GBP", "GB", {line("CUP", 2), line("CUP", 1, {cups, kitchen}), line("NONE", 1)}, 500), price_list, british);
  REQUIRE(result.trace.size() == 6);
  CHECK(reason(result, "/lines/0/unit_price")->text == "CUP costs 12.00 GBP in the price list; 2 of it are 24.00.");
  CHECK(reason(result, "/lines/0/amount/tax")->text == "VAT 20 % of GB is contained in 24.00: 4.00. It is the country's general tax.");
  CHECK(reason(result, "/lines/1/amount/tax")->text == "Kitchen 5 % of GB is contained in 12.00: 0.57, rounded half to even. Category " + kitchen.str() + " is the nearest that has a tax.");
  CHECK(reason(result, "/lines/2/unit_price")->text == "The price list has no price of NONE in GBP, so the line counts nothing.");
  CHECK(reason(result, "/delivery/tax")->text == "VAT 20 % of GB is contained in 5.00: 0.83, rounded half to even. It is the country's general tax.");
  CHECK(result.rounding == "half_even_per_line");

  const auto added = quote(cart("USD", "US", {line("CUP", 2)}), price_list, american);
  CHECK(reason(added, "/lines/0/amount/tax")->text == "Sales tax of US is added to 24.00: 2.13. It is the country's general tax.");
  CHECK(reason(quote(cart("JPY", "JP", {line("CUP", 2)}), price_list, {}), "/lines/0/unit_price")->text == "CUP costs 1200 JPY in the price list; 2 of it are 2400.");
  CHECK(reason(quote(cart("KWD", "KW", {line("CUP", 2)}), price_list, {}), "/lines/0/unit_price")->text == "CUP costs 1.200 KWD in the price list; 2 of it are 2.400.");
  CHECK(reason(quote(cart("KWD", "KW", {line("CUP", 2)}), price_list, {}), "/lines/0/amount/tax")->text == "KW has no tax that fits, so none is charged.");
  const auto nowhere = quote(cart("GBP", {}, {line("CUP", 1), line("CUP", 1)}, 500), price_list, {});
  CHECK(nowhere.trace.size() == 3);
  CHECK(reason(nowhere, "/totals/tax")->text == "No country is known yet, so no tax is charged.");
}

TEST_CASE("what does not fit is refused, and says where") {
  struct Case {
    QuoteCart cart;
    std::vector<TaxRule> taxes;
    Refused refused;
  };
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  const std::vector<Case> cases{
      {cart("EUR", {}, {line("CUP", 1), line("DEAR", 2)}), {}, {"amount_out_of_range", "/lines/1/quantity"}},
      {cart("EUR", {}, {line("CUP", most)}), {}, {"amount_out_of_range", "/lines/0/quantity"}},
      {cart("EUR", "US", {line("DEAR", 1)}), american, {"amount_out_of_range", "/lines/0/amount"}},
      {cart("EUR", {}, {line("DEAR", 1), line("PENNY", 1)}), {}, {"amount_out_of_range", "/totals/lines"}},
      {cart("EUR", "GB", {line("DEAR", 1)}, 1), british, {"amount_out_of_range", "/totals/total"}},
      {cart("EUR", "US", {}, most), american, {"amount_out_of_range", "/delivery"}},
      {cart("EUR", {}, {line("CUP", -1)}), {}, {"negative_quantity", "/lines/0/quantity"}},
      {cart("EUR", {}, {}, -1), {}, {"negative_amount", "/delivery"}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.refused.code);
    CAPTURE(one.refused.pointer);
    const auto got = refused(one.cart, one.taxes);
    CHECK(got.code == one.refused.code);
    CHECK(got.pointer == one.refused.pointer);
  }
}

TEST_CASE("a cart of 1,000 lines") {
  PriceList prices;
  std::vector<LineToQuote> lines;
  for (int i = 0; i < 1000; ++i) {
    const auto sku = "SKU-" + std::to_string(i);
    prices[sku] = 100 + i;
    lines.push_back(line(sku, 1 + i % 7, {cups, i % 2 ? kitchen : books}));
  }
  const auto result = quote(cart("GBP", "GB", lines, 500), prices, british);
  REQUIRE(result.lines.size() == 1000);
  CHECK(result.trace.size() == 2001);
  std::int64_t net = 0, tax = result.delivery->tax;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(result.lines[i].id == lines[i].id);
    CHECK(result.lines[i].amount.total == (100 + static_cast<std::int64_t>(i)) * lines[i].quantity);
    net += result.lines[i].amount.net;
    tax += result.lines[i].amount.tax;
  }
  CHECK(result.totals.lines == net);
  CHECK(result.totals.tax == tax);
  CHECK(result.totals.total == net + tax + result.totals.delivery);
}

}  // namespace polyshop::pricing
