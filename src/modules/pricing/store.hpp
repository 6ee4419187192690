#pragma once

#include "kernel/db/database.hpp"
#include "pricing/facade.hpp"
#include "quote.hpp"
#include "taxes.hpp"

// Every SQL statement of pricing, one function each.
namespace polyshop::pricing::store {

using Skus = db::Json<std::vector<std::string>>;
using PricesBySku = std::map<std::string, std::vector<Money>>;    // in the order of currencies
using VersionsBySku = std::map<std::string, std::int64_t>;

void insert_skus(Tx& tx, const Skus& skus);                       // those that were never priced, with version 0
VersionsBySku lock_skus(Tx& tx, const Skus& skus);                // nobody else changes their prices until the transaction ends
void raise_versions(Tx& tx, const Skus& skus);
PricesBySku find_prices(Tx& tx, const Skus& skus);
void delete_prices(Tx& tx, const Skus& skus);
void insert_prices(Tx& tx, const PricesBySku& prices);
PriceList find_amounts(Tx& tx, Currency currency, const Skus& skus);
std::optional<std::int64_t> find_version(Tx& tx, const std::string& sku);
// SKUs that have prices, after one, in their order.
std::vector<PricesOfSku> list_prices(Tx& tx, const std::string& after, const std::optional<std::string>& sku, std::int64_t limit);

bool insert_tax(Tx& tx, const Tax& tax);                          // false where the country has one for the category
void put_tax(Tx& tx, const Tax& tax);                             // changes the one that is there
bool update_tax(Tx& tx, const Tax& tax);                          // writes version + 1 where the stored version is tax.version
bool delete_tax(Tx& tx, const TaxId& id, std::int64_t version);
void delete_taxes_of(Tx& tx, const catalog::CategoryId& category);
std::optional<Tax> find_tax(Tx& tx, const TaxId& id);
std::vector<Tax> list_taxes(Tx& tx, const std::optional<TaxId>& after, const std::optional<std::string>& country, std::int64_t limit);
std::vector<TaxRule> find_rules(Tx& tx, const std::string& country);

}  // namespace polyshop::pricing::store
