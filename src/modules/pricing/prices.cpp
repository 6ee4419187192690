#include "prices.hpp"

#include <set>

#include <fmt/format.h>

#include "pricing/events.hpp"
#include "store.hpp"

namespace polyshop::pricing {
namespace {

constexpr std::size_t rows_max = 1000;
constexpr std::size_t lines_max = 10'000;  // of a quote; a cart has fewer

struct Wrong {
  std::string code;
  std::string detail;
  std::size_t at = 0;  // of the price
};

std::optional<Wrong> wrong_with(const std::vector<Money>& prices) {
  std::set<Currency> currencies;
  for (std::size_t i = 0; i < prices.size(); ++i) {
    if (!prices[i].currency) return Wrong{"bad_currency", "Name the currency of a price as of ISO 4217, such as EUR.", i};
    if (prices[i].amount < 0) return Wrong{"negative_amount", fmt::format("A price is 0 or more; this one is {} {}.", format_amount(prices[i].amount, prices[i].currency), prices[i].currency.code()), i};
    if (!currencies.insert(prices[i].currency).second) return Wrong{"currency_twice", fmt::format("The currency {} stands twice.", prices[i].currency.code()), i};
  }
  return {};
}

std::optional<ImportFault> fault_of(const PriceRow& row) {
  const auto size = code_points(row.sku);
  if (size < catalog::Sku::size_min || size > catalog::Sku::size_max) return ImportFault{row.line, "bad_sku", fmt::format("A SKU has 1 to {} characters; this one has {}.", catalog::Sku::size_max, size)};
  if (auto wrong = wrong_with(row.prices)) return ImportFault{row.line, std::move(wrong->code), std::move(wrong->detail)};
  return {};
}

// Puts prices into those that a SKU has; true where that changed something.
bool merge(std::vector<Money>& known, const std::vector<Money>& wanted) {
  bool any = false;
  for (const auto& price : wanted) {
    const auto at = std::ranges::lower_bound(known, price.currency, {}, &Money::currency);
    if (at != known.end() && at->currency == price.currency) {
      any |= at->amount != price.amount;
      at->amount = price.amount;
    } else {
      known.insert(at, price);
      any = true;
    }
  }
  return any;
}

// Writes prices of SKUs that are locked: all that they have from now on.
void put(Tx& tx, const store::VersionsBySku& versions, const store::PricesBySku& changed) {
  if (changed.empty()) return;
  store::Skus skus;
  for (const auto& [sku, prices] : changed) skus.value.push_back(sku);
  store::delete_prices(tx, skus);
  store::insert_prices(tx, changed);
  store::raise_versions(tx, skus);
  for (const auto& [sku, prices] : changed) tx.publish(PricesChanged{sku, prices, versions.at(sku) + 1});
}

}  // namespace

ImportResult Prices::set(const Call& call, const SetPrices& wanted) {
  const auto& rows = wanted.rows;
  if (rows.size() > rows_max) throw Problem::invalid("too_many", fmt::format("Set the prices of at most {} rows at once.", rows_max), "/rows");
  std::vector<std::optional<ImportFault>> faults;
  store::Skus skus;
  for (const auto& row : rows)
    if (!faults.emplace_back(fault_of(row))) skus.value.push_back(row.sku);
  const auto unknown = unknown_of(call, skus.value);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (!faults[i] && std::ranges::binary_search(unknown, rows[i].sku)) faults[i] = ImportFault{rows[i].line, "unknown_sku", fmt::format("The catalog has no SKU {}.", rows[i].sku)};
  // A row without prices changes nothing, so it must not leave a trace of its SKU either.
  skus.value.clear();
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (!faults[i] && !rows[i].prices.empty()) skus.value.push_back(rows[i].sku);

  const auto merged = [&](store::PricesBySku known, store::PricesBySku& changed) {
    ImportResult result;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (faults[i]) {
        result.faults.push_back(*faults[i]);
      } else if (!rows[i].prices.empty() && merge(known[rows[i].sku], rows[i].prices)) {
        changed[rows[i].sku] = known[rows[i].sku];
        ++result.changed;
      } else {
        ++result.unchanged;
      }
    }
    return result;
  };
  if (wanted.dry_run)
    return node_.db.read(call, [&](Tx& tx) {
      store::PricesBySku changed;
      return merged(store::find_prices(tx, skus), changed);
    });
  return node_.db.write(call, [&](Tx& tx) {
    store::insert_skus(tx, skus);
    const auto versions = store::lock_skus(tx, skus);
    store::PricesBySku changed;
    auto result = merged(store::find_prices(tx, skus), changed);
    put(tx, versions, changed);
    return result;
  });
}

PricesOfSku Prices::replace(const Call& call, const std::string& sku, const http::MaybeMatch& match, const PutPrices& wanted) {
  if (const auto wrong = wrong_with(wanted.prices)) throw Problem::invalid(wrong->code, wrong->detail, fmt::format("/prices/{}", wrong->at));
  if (!unknown_of(call, {sku}).empty()) throw Problem::not_found("SKU", sku);
  auto prices = wanted.prices;
  std::ranges::sort(prices, {}, &Money::currency);
  return node_.db.write(call, [&](Tx& tx) {
    store::insert_skus(tx, {{sku}});
    const auto versions = store::lock_skus(tx, {{sku}});
    const auto version = versions.at(sku);
    match.check(version);
    if (!match.version && version > 0) throw Problem(428, "if_match_required", "The SKU was priced before: send If-Match with the ETag of the prices that you are replacing.");
    if (store::find_prices(tx, {{sku}})[sku] == prices) return PricesOfSku{sku, prices, version};
    put(tx, versions, {{sku, prices}});
    return PricesOfSku{sku, prices, version + 1};
  });
}

PricesOfSku Prices::get(const Call& call, const std::string& sku) {
  auto found = node_.db.read(call, [&](Tx& tx) { return PricesOfSku{sku, store::find_prices(tx, {{sku}})[sku], store::find_version(tx, sku).value_or(0)}; });
  if (found.prices.empty() && !unknown_of(call, {sku}).empty()) throw Problem::not_found("SKU", sku);
  return found;
}

http::Listed<PricesOfSku> Prices::list(const Call& call, const ListPrices& wanted) {
  const auto after = http::cursor_as<std::string>(wanted.cursor).value_or("");
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  http::Listed<PricesOfSku> page;
  page.data = node_.db.read(call, [&](Tx& tx) { return store::list_prices(tx, after, wanted.filter_sku, limit + 1); });
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().sku);
  }
  return page;
}

std::vector<PricesOfSku> Prices::export_page(const Call& call, const ExportPrices& wanted) {
  return node_.db.read(call, [&](Tx& tx) { return store::list_prices(tx, wanted.after, {}, std::clamp<std::int64_t>(wanted.limit, 1, 1000)); });
}

Quote Prices::quote(const Call& call, const QuoteCart& cart) {
  if (cart.lines.size() > lines_max) throw Problem::invalid("too_many", fmt::format("Quote at most {} lines at once.", lines_max), "/lines");
  if (!cart.currency) throw Problem::invalid("bad_currency", "Name the currency of the cart as of ISO 4217, such as EUR.", "/currency");
  std::set<std::string> skus;
  for (const auto& line : cart.lines) skus.insert(line.sku);
  return pricing::quote(cart, amounts_of(call, cart.currency, skus), cart.country ? rules_of(call, *cart.country) : std::vector<TaxRule>{});
}

PriceList Prices::amounts_of(const Call& call, Currency currency, const std::set<std::string>& skus) {
  const auto key_of = [code = std::string(currency.code())](const std::string& sku) { return code + sku; };
  const auto generation = node_.db.generation();
  PriceList amounts(skus.size());
  store::Skus others;
  for (const auto& sku : skus) {
    const auto kept = amounts_.find(key_of(sku));
    if (!kept)
      others.value.push_back(sku);
    else if (*kept)
      amounts.emplace(sku, **kept);
  }
  if (others.value.empty()) return amounts;
  auto found = node_.db.read_once(call, [&](Tx& tx) { return store::find_amounts(tx, currency, others); });
  for (const auto& sku : others.value) {
    const auto amount = found.find(sku);
    amounts_.keep(generation, key_of(sku), amount == found.end() ? std::nullopt : std::optional(amount->second));
  }
  amounts.merge(found);
  return amounts;
}

std::vector<TaxRule> Prices::rules_of(const Call& call, const std::string& country) {
  if (const auto kept = rules_.find(country)) return *kept;
  const auto generation = node_.db.generation();
  auto rules = node_.db.read_once(call, [&](Tx& tx) { return store::find_rules(tx, country); });
  rules_.keep(generation, country, rules);
  return rules;
}

std::vector<std::string> Prices::unknown_of(const Call& call, const std::vector<std::string>& skus) {
  std::vector<std::string> unknown;
  if (skus.empty()) return unknown;
  const auto known = catalog_.find_skus(call, {skus});
  std::ranges::set_difference(std::set(skus.begin(), skus.end()), known, std::back_inserter(unknown));
  return unknown;
}

void Prices::remove(Tx& tx, const std::vector<std::string>& skus) {
  const auto versions = store::lock_skus(tx, {skus});
  store::PricesBySku changed;
  for (const auto& [sku, prices] : store::find_prices(tx, {skus})) changed[sku] = {};
  put(tx, versions, changed);
}

}  // namespace polyshop::pricing
