#include "store.hpp"

namespace polyshop::pricing::store {
namespace {

struct PriceRow {
  std::string sku;
  Currency currency;
  std::int64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(PriceRow, (), (sku, currency, amount))

struct AmountRow {
  std::string sku;
  std::int64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(AmountRow, (), (sku, amount))

struct VersionRow {
  std::string sku;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(VersionRow, (), (sku, version))

// An optional filter keeps SQLite from an index, so that a SKU that is asked for stands once more, by itself.
constexpr auto priced = db::shared(R"(SELECT s.sku, s.version FROM priced_sku AS s WHERE s.sku > :after AND (cast(:sku as text) IS NULL OR s.sku = :sku)
                                        AND EXISTS (SELECT 1 FROM price AS p WHERE p.sku = s.sku) )"_part);
constexpr auto by_sku = " ORDER BY s.sku LIMIT :limit"_part;

struct TaxRow {
  TaxId id;
  std::string country;
  catalog::CategoryId category_id;  // empty: the general tax
  std::string name;
  Decimal percent;
  bool inclusive = false;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(TaxRow, (), (id, country, category_id, name, percent, inclusive, version))

struct RuleRow {
  catalog::CategoryId category_id;
  std::string name;
  Decimal percent;
  bool inclusive = false;
};
BOOST_DESCRIBE_STRUCT(RuleRow, (), (category_id, name, percent, inclusive))

TaxRow row_of(const Tax& tax) { return {tax.id, tax.country, tax.category_id.value_or(catalog::CategoryId{}), tax.name, tax.percent, tax.inclusive, tax.version}; }

std::optional<catalog::CategoryId> category_of(const catalog::CategoryId& id) { return id ? std::optional(id) : std::nullopt; }

Tax tax_of(TaxRow&& row) { return {row.id, std::move(row.country), category_of(row.category_id), std::move(row.name), row.percent, row.inclusive, row.version}; }

}  // namespace

// Many SKUs travel as one JSON array: a statement per SKU would cost a cart of 1,000 lines a thousand of them. They are
// taken in their order, so that two batches never wait for each other.
void insert_skus(Tx& tx, const Skus& skus) {
  tx.exec(db::one_of(R"(INSERT INTO priced_sku (sku, version) SELECT value, 0 FROM json_each(:skus) WHERE true ORDER BY value ON CONFLICT (sku) DO NOTHING)"_sqlite,
                     R"(INSERT INTO priced_sku (sku, version) SELECT sku, 0 FROM jsonb_array_elements_text(cast(:skus as jsonb)) AS sku ORDER BY sku
                        ON CONFLICT (sku) DO NOTHING)"_postgresql),
          skus);
}

VersionsBySku lock_skus(Tx& tx, const Skus& skus) {
  VersionsBySku versions;
  for (auto& row : tx.list<VersionRow>(db::one_of("SELECT sku, version FROM priced_sku WHERE sku IN (SELECT value FROM json_each(:skus)) ORDER BY sku"_sqlite,
                                                  R"(SELECT sku, version FROM priced_sku WHERE sku = ANY (ARRAY(SELECT jsonb_array_elements_text(cast(:skus as jsonb))))
                                                     ORDER BY sku FOR UPDATE)"_postgresql),
                                       skus))
    versions.emplace(std::move(row.sku), row.version);
  return versions;
}

void raise_versions(Tx& tx, const Skus& skus) {
  tx.exec(db::one_of("UPDATE priced_sku SET version = version + 1 WHERE sku IN (SELECT value FROM json_each(:skus))"_sqlite,
                     "UPDATE priced_sku SET version = version + 1 WHERE sku = ANY (ARRAY(SELECT jsonb_array_elements_text(cast(:skus as jsonb))))"_postgresql),
          skus);
}

PricesBySku find_prices(Tx& tx, const Skus& skus) {
  PricesBySku prices;
  for (auto& row : tx.list<PriceRow>(db::one_of("SELECT sku, currency, amount FROM price WHERE sku IN (SELECT value FROM json_each(:skus)) ORDER BY sku, currency"_sqlite,
                                                R"(SELECT sku, currency, amount FROM price WHERE sku = ANY (ARRAY(SELECT jsonb_array_elements_text(cast(:skus as jsonb))))
                                                   ORDER BY sku, currency)"_postgresql),
                                     skus))
    prices[std::move(row.sku)].push_back({row.amount, row.currency});
  return prices;
}

void delete_prices(Tx& tx, const Skus& skus) {
  tx.exec(db::one_of("DELETE FROM price WHERE sku IN (SELECT value FROM json_each(:skus))"_sqlite,
                     "DELETE FROM price WHERE sku = ANY (ARRAY(SELECT jsonb_array_elements_text(cast(:skus as jsonb))))"_postgresql),
          skus);
}

void insert_prices(Tx& tx, const PricesBySku& prices) {
  db::Json<std::vector<PriceRow>> rows;
  for (const auto& [sku, of_sku] : prices)
    for (const auto& price : of_sku) rows.value.push_back({sku, price.currency, price.amount});
  tx.exec(db::one_of("INSERT INTO price (sku, currency, amount) SELECT value ->> 'sku', value ->> 'currency', value ->> 'amount' FROM json_each(:prices)"_sqlite,
                     R"(INSERT INTO price (sku, currency, amount) SELECT value ->> 'sku', value ->> 'currency', cast(value ->> 'amount' as bigint)
                        FROM jsonb_array_elements(cast(:prices as jsonb)) AS value)"_postgresql),
          rows);
}

PriceList find_amounts(Tx& tx, Currency currency, const Skus& skus) {
  // On SQLite the join costs half of what IN does, which sorts the SKUs first; a SKU that stands twice is answered twice.
  auto rows = tx.list<AmountRow>(
      db::one_of("SELECT p.sku, p.amount FROM json_each(:skus) AS wanted CROSS JOIN price AS p WHERE p.sku = wanted.value AND p.currency = :currency"_sqlite,
                 "SELECT p.sku, p.amount FROM price AS p WHERE p.sku = ANY (ARRAY(SELECT jsonb_array_elements_text(cast(:skus as jsonb)))) AND p.currency = :currency"_postgresql),
      skus, currency);
  PriceList amounts(rows.size());
  for (auto& row : rows) amounts.emplace(std::move(row.sku), row.amount);
  return amounts;
}

std::optional<std::int64_t> find_version(Tx& tx, const std::string& sku) { return tx.find<std::int64_t>("SELECT version FROM priced_sku WHERE sku = :sku"_sql, sku); }

std::vector<PricesOfSku> list_prices(Tx& tx, const std::string& after, const std::optional<std::string>& sku, std::int64_t limit) {
  const auto list = [&](auto statement) { return tx.list<VersionRow>(statement, after, sku, limit); };
  auto rows = sku ? list(db::sql(priced + "AND s.sku = :sku"_part + by_sku)) : list(db::sql(priced + by_sku));
  Skus skus;
  for (const auto& row : rows) skus.value.push_back(row.sku);
  auto prices = find_prices(tx, skus);
  std::vector<PricesOfSku> page;
  for (auto& row : rows) {
    auto of_sku = std::move(prices[row.sku]);
    page.push_back({std::move(row.sku), std::move(of_sku), row.version});
  }
  return page;
}

bool insert_tax(Tx& tx, const Tax& tax) {
  return tx.exec(R"(INSERT INTO tax (id, country, category_id, name, percent, inclusive, version)
                    VALUES (:id, :country, :category_id, :name, :percent, :inclusive, :version) ON CONFLICT (country, category_id) DO NOTHING)"_sql,
                 row_of(tax)) == 1;
}

void put_tax(Tx& tx, const Tax& tax) {
  tx.exec(R"(INSERT INTO tax (id, country, category_id, name, percent, inclusive, version)
             VALUES (:id, :country, :category_id, :name, :percent, :inclusive, :version)
             ON CONFLICT (country, category_id) DO UPDATE SET name = excluded.name, percent = excluded.percent, inclusive = excluded.inclusive, version = tax.version + 1)"_sql,
          row_of(tax));
}

bool update_tax(Tx& tx, const Tax& tax) {
  return tx.exec("UPDATE tax SET name = :name, percent = :percent, inclusive = :inclusive, version = version + 1 WHERE id = :id AND version = :version"_sql, row_of(tax)) == 1;
}

bool delete_tax(Tx& tx, const TaxId& id, std::int64_t version) { return tx.exec("DELETE FROM tax WHERE id = :id AND version = :version"_sql, id, version) == 1; }

void delete_taxes_of(Tx& tx, const catalog::CategoryId& category) { tx.exec("DELETE FROM tax WHERE category_id = :category"_sql, category); }

std::optional<Tax> find_tax(Tx& tx, const TaxId& id) {
  auto row = tx.find<TaxRow>("SELECT id, country, category_id, name, percent, inclusive, version FROM tax WHERE id = :id"_sql, id);
  if (!row) return {};
  return tax_of(std::move(*row));
}

std::vector<Tax> list_taxes(Tx& tx, const std::optional<TaxId>& after, const std::optional<std::string>& country, std::int64_t limit) {
  std::vector<Tax> taxes;
  for (auto& row : tx.list<TaxRow>(R"(SELECT id, country, category_id, name, percent, inclusive, version FROM tax
                                      WHERE id > :after AND (cast(:country as text) IS NULL OR country = :country) ORDER BY id LIMIT :limit)"_sql,
                                   after ? after->str() : std::string(), country, limit))
    taxes.push_back(tax_of(std::move(row)));
  return taxes;
}

std::vector<TaxRule> find_rules(Tx& tx, const std::string& country) {
  std::vector<TaxRule> rules;
  for (auto& row : tx.list<RuleRow>("SELECT category_id, name, percent, inclusive FROM tax WHERE country = :country"_sql, country))
    rules.push_back({category_of(row.category_id), std::move(row.name), row.percent, row.inclusive});
  return rules;
}

}  // namespace polyshop::pricing::store
