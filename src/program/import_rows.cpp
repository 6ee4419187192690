#include "program/import_rows.hpp"

#include <set>

#include <fmt/format.h>

namespace polyshop {
namespace {

Problem bad(std::string code, std::string detail) { return Problem::invalid(std::move(code), std::move(detail)); }

std::optional<std::string> optional_of(std::string_view cell) {
  if (cell.empty()) return {};
  return std::string(cell);
}

std::string required(std::string_view cell, std::string_view field) {
  if (cell.empty()) throw bad("value_missing", fmt::format("The row has no {}.", field));
  return std::string(cell);
}

// Spreadsheets like to write 12 as 12.0.
std::int64_t integer(std::string_view cell, std::string_view code, std::string_view field) {
  const auto number = Decimal::parse(cell);
  if (!number || number->scale != 0) throw bad(std::string(code), fmt::format("The {} is \"{}\"; write a whole number.", field, cell));
  return number->digits;
}

}  // namespace

// --- products ------------------------------------------------------------------------------------------------------

ProductRows::ProductRows(const Facades& shop, const ImportColumns& columns, const ImportOptions& options) : shop_(shop), columns_(columns), options_(options) {
  if (options.language.size() != 2 || !std::ranges::all_of(options.language, [](char c) { return c >= 'a' && c <= 'z'; }))
    throw bad("unknown_language", "Name the language by its two letters as of ISO 639-1, such as en.");
  if (columns.has("price") && !columns.has("currency") && !options.currency)
    throw bad("currency_missing", "The file has prices and no column for their currency. Name it with --currency, such as --currency GBP, or have the column named price_GBP.");
}

ProductRows::Row ProductRows::read(const csv::Record& record) const {
  const auto cell = [&](std::string_view field) { return columns_.cell(record, field); };
  Row row;
  auto& product = row.product;
  product.line = static_cast<std::int64_t>(record.line);
  product.sku = required(cell("sku"), "sku");
  product.name = required(cell("name"), "name");
  product.product = optional_of(cell("product"));
  product.description = optional_of(cell("description"));
  product.category = optional_of(cell("category"));
  product.state = optional_of(cell("state"));
  if (!cell("weight_g").empty()) product.weight_g = integer(cell("weight_g"), "bad_weight", "weight_g");
  for (const auto& name : columns_.options()) {
    const auto value = cell("option." + name);
    if (value.empty()) continue;
    if (code_points(name) > 60 || code_points(value) > 100) throw bad("bad_option", "An option's name has at most 60 characters and its value 100.");
    product.option_values[name] = value;
  }
  row.prices = prices_of(record);
  return row;
}

std::vector<Money> ProductRows::prices_of(const csv::Record& record) const {
  std::vector<Money> prices;
  const auto add = [&](std::string_view text, Currency currency) {
    prices.push_back(price_of(text, currency));
    if (std::ranges::count(prices, currency, &Money::currency) > 1) throw bad("currency_twice", fmt::format("The row has two prices in {}.", currency.code()));
  };
  for (const auto& column : columns_.prices())
    if (const auto text = columns_.cell(record, column.field); !text.empty()) add(text, column.currency);
  if (const auto text = columns_.cell(record, "price"); !text.empty()) {
    const auto code = columns_.cell(record, "currency");
    const auto currency = code.empty() ? options_.currency : Currency::parse(code);
    if (!currency)
      throw code.empty() ? bad("currency_missing", "The row has a price and no currency. Write one, or name that of all such rows with --currency.")
                         : bad("unknown_currency", fmt::format("\"{}\" is no currency in use as of ISO 4217; write three capitals such as EUR.", code));
    add(text, *currency);
  }
  return prices;
}

Money ProductRows::price_of(std::string_view text, Currency currency) const {
  const auto amount = parse_amount(text, currency);
  if (!amount)
    throw bad("bad_price", currency.exponent() == 0 ? fmt::format("The price \"{}\" is no amount in {}; write a whole number.", text, currency.code())
                                                    : fmt::format("The price \"{}\" is no amount in {}; write digits with at most {} decimals after a point.", text, currency.code(), currency.exponent()));
  if (*amount < 0) throw bad("negative_price", fmt::format("The price \"{}\" is negative; a price is 0 or more.", text));
  return {*amount, currency};
}

std::string ProductRows::name(const Row& row) const { return fmt::format("SKU {}", row.product.sku); }

// Of rows whose SKU exists, those that have another price than the file says. Lines of quantity 0 cost nothing, so the sum of a
// batch is always in range.
std::vector<bool> ProductRows::with_other_prices(const Call& call, const std::vector<Row>& rows, const std::vector<bool>& known) const {
  std::map<Currency, pricing::QuoteCart> questions;
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (const auto& price : known[i] ? rows[i].prices : std::vector<Money>())
      questions[price.currency].lines.push_back({std::to_string(i), rows[i].product.sku, 0, {}});
  std::vector<bool> differs(rows.size());
  for (auto& [currency, question] : questions) {
    question.currency = currency;
    for (const auto& line : shop_.pricing.quote(call, question).lines) {
      const auto i = static_cast<std::size_t>(std::stoul(line.id));
      if (line.unit_price != std::ranges::find(rows[i].prices, currency, &Money::currency)->amount) differs[i] = true;
    }
  }
  return differs;
}

// A row is created where its SKU is new, and changed where the catalog or a price changes. The catalog only counts, so rows
// with another price, which are changed whatever it says of them, are sent apart.
std::vector<ImportFault> ProductRows::send(const Call& call, const std::vector<Row>& rows, ImportCounts& counts) const {
  catalog::FindVariants question;
  for (const auto& row : rows) question.skus.push_back(row.product.sku);
  std::set<std::string> skus;
  for (auto& variant : shop_.catalog.find_variants(call, question)) skus.insert(std::move(variant.sku));
  std::vector<bool> known;
  for (const auto& row : rows) known.push_back(skus.contains(row.product.sku));
  const auto repriced = with_other_prices(call, rows, known);

  std::map<std::int64_t, ImportFault> faults;
  for (const bool with_price : {true, false}) {
    catalog::ImportProducts wanted{options_.language, options_.dry_run, {}};
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (repriced[i] == with_price) wanted.rows.push_back(rows[i].product);
    if (wanted.rows.empty()) continue;
    const auto result = shop_.catalog.import_products(call, wanted);
    for (const auto& fault : result.faults) faults[fault.line] = fault;
    if (with_price) continue;
    counts.unchanged += result.unchanged;
    counts.changed += result.created + result.changed;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (faults.contains(rows[i].product.line)) continue;
    if (repriced[i]) ++counts.changed;
    if (known[i]) continue;
    ++counts.created;
    --counts.changed;  // where the catalog counted it, be it as a product or as one more variant
  }

  // A dry run has made no new SKU that could be priced; what could be wrong with its price was looked at when it was read.
  pricing::SetPrices prices{options_.dry_run, {}};
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (!rows[i].prices.empty() && !faults.contains(rows[i].product.line) && (repriced[i] || (!known[i] && !options_.dry_run)))
      prices.rows.push_back({rows[i].product.line, rows[i].product.sku, rows[i].prices});
  if (!prices.rows.empty())
    for (const auto& fault : shop_.pricing.set_prices(call, prices).faults) {
      const auto row = std::ranges::find(rows, fault.line, [](const auto& r) { return r.product.line; });
      --(known[static_cast<std::size_t>(row - rows.begin())] ? counts.changed : counts.created);
      faults[fault.line] = fault;
    }
  std::vector<ImportFault> all;
  for (auto& [line, fault] : faults) all.push_back(std::move(fault));
  return all;
}

// --- stock ---------------------------------------------------------------------------------------------------------

StockRows::Row StockRows::read(const csv::Record& record) const {
  const auto cell = [&](std::string_view field) { return columns_.cell(record, field); };
  Row row;
  row.line = static_cast<std::int64_t>(record.line);
  row.sku = required(cell("sku"), "sku");
  row.quantity = integer(required(cell("quantity"), "quantity"), "bad_quantity", "quantity");
  row.location = optional_of(cell("location"));
  return row;
}

std::string StockRows::name(const Row& row) const { return row.location ? fmt::format("SKU {} at {}", row.sku, *row.location) : fmt::format("SKU {}", row.sku); }

std::vector<ImportFault> StockRows::send(const Call& call, const std::vector<Row>& rows, ImportCounts& counts) const {
  const auto result = shop_.inventory.import_stock(call, {options_.dry_run, rows});
  counts.changed += result.changed;
  counts.unchanged += result.unchanged;
  return result.faults;
}

// --- customers -----------------------------------------------------------------------------------------------------

CustomerRows::Row CustomerRows::read(const csv::Record& record) const {
  const auto cell = [&](std::string_view field) { return columns_.cell(record, field); };
  Row row;
  row.line = static_cast<std::int64_t>(record.line);
  row.email = required(cell("email"), "email");
  row.first_name = optional_of(cell("first_name"));
  row.last_name = optional_of(cell("last_name"));
  row.phone = optional_of(cell("phone"));
  const auto is_said = [&](std::string_view field) { return !cell(field).empty(); };
  constexpr std::array<std::string_view, 7> parts{"company", "line1", "line2", "city", "region", "postal_code", "country"};
  if (std::ranges::none_of(parts, is_said)) return row;

  customer::Address address;
  auto name = std::string(cell("name"));
  if (name.empty()) name = row.first_name.value_or("") + (row.first_name && row.last_name ? " " : "") + row.last_name.value_or("");
  address.name = required(name, "name for its address");
  address.line1 = required(cell("line1"), "line1 for its address");
  address.city = required(cell("city"), "city for its address");
  auto country = required(cell("country"), "country for its address");
  for (auto& c : country) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  if (!customer::is_country(country)) throw bad("unknown_country", "The country is none as of ISO 3166-1; write its two letters, such as DE.");
  address.country = country;
  if (const auto text = cell("company"); !text.empty()) address.company.emplace(text);
  if (const auto text = cell("line2"); !text.empty()) address.line2.emplace(text);
  if (const auto text = cell("region"); !text.empty()) address.region.emplace(text);
  if (const auto text = cell("postal_code"); !text.empty()) address.postal_code.emplace(text);
  // Where rows go to another process a text that is too long would fail the whole batch, so limits are checked here, by those
  // who know them.
  try {
    json::from_text<customer::Address>(json::to_text(address), json::Mode::strict);
  } catch (const Problem& problem) {
    if (problem.errors.empty()) throw;
    throw bad("bad_address", fmt::format("{}: {}", problem.errors.front().pointer.substr(1), problem.errors.front().detail));
  }
  row.address = std::move(address);
  return row;
}

// As the shop compares them.
std::string CustomerRows::key(const Row& row) const {
  auto key = row.email;
  for (auto& c : key)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return key;
}

std::vector<ImportFault> CustomerRows::send(const Call& call, const std::vector<Row>& rows, ImportCounts& counts) const {
  const auto result = shop_.customer.import_customers(call, {options_.dry_run, rows});
  counts.created += result.created;
  counts.changed += result.changed;
  counts.unchanged += result.unchanged;
  return result.faults;
}

}  // namespace polyshop
