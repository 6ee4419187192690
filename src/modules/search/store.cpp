#include "store.hpp"

namespace polyshop::search::store {
namespace {

struct CategoryRow {
  CategoryId id;
  std::int64_t version = 0;
  std::optional<CategoryId> parent_id;
  std::string handle;
  db::Json<catalog::CategoryTexts> texts;
};
BOOST_DESCRIBE_STRUCT(CategoryRow, (), (id, version, parent_id, handle, texts))

struct SkuRow {
  std::string sku;
  db::Json<std::vector<Money>> prices;
  Band band = Band::sold_out;
};
BOOST_DESCRIBE_STRUCT(SkuRow, (), (sku, prices, band))

catalog::Category category_of(CategoryRow&& row) { return {row.id, row.parent_id, std::move(row.handle), std::move(row.texts.value), 0, row.version}; }

bool has_words(Tx& tx, const ProductId& id, const Words& words) {
  if (tx.engine() == Engine::postgresql)
    return tx.get<std::int64_t>("SELECT count(*) AS n FROM search_words WHERE product_id = :id AND words = cast(:words as tsvector)"_postgresql, id, words.as_vector()) == 1;
  return tx.get<std::int64_t>(R"(SELECT count(*) AS n FROM search_words WHERE rowid = (SELECT number FROM search_words_row WHERE product_id = :id)
                                   AND title = :title AND labels = :labels AND details = :details)"_sqlite,
                              id, words.title, words.labels, words.details) == 1;
}

void delete_words(Tx& tx, const ProductId& id) {
  if (tx.engine() == Engine::postgresql) {
    tx.exec("DELETE FROM search_words WHERE product_id = :id"_postgresql, id);
    return;
  }
  tx.exec("DELETE FROM search_words WHERE rowid = (SELECT number FROM search_words_row WHERE product_id = :id)"_sqlite, id);
  tx.exec("DELETE FROM search_words_row WHERE product_id = :id"_sqlite, id);
}

void put_head(Tx& tx, const Head& head) {
  tx.exec(R"(INSERT INTO search_document (product_id, handle, version, created_ms, availability, is_available, languages, words_digest)
             VALUES (:product_id, :handle, :version, :created_ms, :availability, :is_available, :languages, :words_digest)
             ON CONFLICT (product_id) DO UPDATE SET handle = excluded.handle, version = excluded.version, created_ms = excluded.created_ms, availability = excluded.availability,
               is_available = excluded.is_available, languages = excluded.languages, words_digest = excluded.words_digest)"_sql,
          head);
}

void put_page(Tx& tx, const ProductId& id, const Page& page) {
  tx.exec(R"(INSERT INTO search_page (product_id, language, name_key, digest, body) VALUES (:product_id, :language, :name_key, :digest, :body)
             ON CONFLICT (product_id, language) DO UPDATE SET name_key = excluded.name_key, digest = excluded.digest, body = excluded.body)"_sql,
          page, id);
}

void replace_prices(Tx& tx, const ProductId& id, const std::vector<Money>& prices, bool has_old) {
  if (has_old) tx.exec("DELETE FROM search_price WHERE product_id = :id"_sql, id);
  for (const auto& price : prices) tx.exec("INSERT INTO search_price (product_id, currency, amount) VALUES (:product_id, :currency, :amount)"_sql, price, id);
}

void replace_placements(Tx& tx, const ProductId& id, const std::vector<CategoryId>& placements, bool has_old) {
  if (has_old) tx.exec("DELETE FROM search_placement WHERE product_id = :id"_sql, id);
  for (const auto& category : placements) tx.exec("INSERT INTO search_placement (product_id, category_id) VALUES (:product, :category)"_sql, id, category);
}

void replace_choices(Tx& tx, const ProductId& id, const std::vector<Choice>& choices, bool has_old) {
  if (has_old) tx.exec("DELETE FROM search_option WHERE product_id = :id"_sql, id);
  for (const auto& choice : choices)
    tx.exec("INSERT INTO search_option (product_id, variant, choice, is_first, is_available) VALUES (:product_id, :variant, :choice, :is_first, :is_available)"_sql, choice, id);
}

}  // namespace

News put_product(Tx& tx, const ProductId& id, std::int64_t version, const Product* published) {
  const auto product = published ? std::optional(json::to_text(*published)) : std::nullopt;
  if (tx.exec("INSERT INTO search_product (id, version, product) VALUES (:id, :version, :product) ON CONFLICT (id) DO NOTHING"_sql, id, version, product) == 1) return News::added;
  return tx.exec("UPDATE search_product SET version = :version, product = :product WHERE id = :id AND version < :version"_sql, version, product, id) == 1 ? News::changed : News::none;
}

bool put_category(Tx& tx, const catalog::Category& category) {
  return tx.exec(R"(INSERT INTO search_category (id, version, is_removed, parent_id, handle, texts) VALUES (:id, :version, 0, :parent_id, :handle, :texts)
                    ON CONFLICT (id) DO UPDATE SET version = excluded.version, is_removed = 0, parent_id = excluded.parent_id, handle = excluded.handle, texts = excluded.texts
                    WHERE search_category.version < excluded.version)"_sql,
                 CategoryRow{category.id, category.version, category.parent_id, category.handle, {category.texts}}) == 1;
}

bool remove_category(Tx& tx, const CategoryId& id, std::int64_t version) {
  return tx.exec(R"(INSERT INTO search_category (id, version, is_removed, parent_id, handle, texts) VALUES (:id, :version, 1, NULL, '', '{}')
                    ON CONFLICT (id) DO UPDATE SET version = excluded.version, is_removed = 1, parent_id = NULL, handle = '', texts = '{}'
                    WHERE search_category.version < excluded.version)"_sql,
                 id, version) == 1;
}

std::optional<ProductId> put_prices(Tx& tx, const std::string& sku, const std::vector<Money>& prices, std::int64_t version) {
  return tx
      .find<std::optional<ProductId>>(R"(INSERT INTO search_sku (sku, product_id, price_version, prices, band_version, band) VALUES (:sku, NULL, :version, :prices, 0, 'sold_out')
                                         ON CONFLICT (sku) DO UPDATE SET price_version = excluded.price_version, prices = excluded.prices
                                         WHERE search_sku.price_version < excluded.price_version RETURNING product_id)"_sql,
                                      sku, version, db::Json<std::vector<Money>>{prices})
      .value_or(std::nullopt);
}

std::optional<ProductId> put_band(Tx& tx, const std::string& sku, Band band, std::int64_t version) {
  return tx
      .find<std::optional<ProductId>>(R"(INSERT INTO search_sku (sku, product_id, price_version, prices, band_version, band) VALUES (:sku, NULL, 0, '[]', :version, :band)
                                         ON CONFLICT (sku) DO UPDATE SET band_version = excluded.band_version, band = excluded.band
                                         WHERE search_sku.band_version < excluded.band_version RETURNING product_id)"_sql,
                                      sku, version, band)
      .value_or(std::nullopt);
}

void delete_memberships(Tx& tx, const ProductId& id) { tx.exec("DELETE FROM search_membership WHERE product_id = :id"_sql, id); }

void insert_memberships(Tx& tx, const ProductId& id, const std::vector<CategoryId>& categories) {
  for (const auto& category : categories) tx.exec("INSERT INTO search_membership (product_id, category_id) VALUES (:product, :category) ON CONFLICT DO NOTHING"_sql, id, category);
}

std::vector<std::string> list_skus_of(Tx& tx, const ProductId& id) { return tx.list<std::string>("SELECT sku FROM search_sku WHERE product_id = :id"_sql, id); }

void replace_skus(Tx& tx, const ProductId& id, std::vector<std::string> before, const std::vector<catalog::Variant>& variants) {
  for (const auto& variant : variants)
    if (std::erase(before, variant.sku) == 0)
      tx.exec(R"(INSERT INTO search_sku (sku, product_id, price_version, prices, band_version, band) VALUES (:sku, :id, 0, '[]', 0, 'sold_out')
                 ON CONFLICT (sku) DO UPDATE SET product_id = excluded.product_id)"_sql,
              variant.sku, id);
  for (const auto& sku : before) tx.exec("UPDATE search_sku SET product_id = NULL WHERE sku = :sku AND product_id = :id"_sql, sku, id);
}

bool add_language(Tx& tx, const std::string& language) {
  return tx.exec("INSERT INTO search_language (language, number) SELECT cast(:language as text), coalesce(max(number), 0) + 1 FROM search_language WHERE true ON CONFLICT (language) DO NOTHING"_sql, language) == 1;
}

// Where it is marked already the row is written all the same: that makes this transaction wait for one that renders the
// product at the moment, and the next one that renders it wait for this.
void mark_stale(Tx& tx, const ProductId& id) {
  tx.exec("INSERT INTO search_stale (product_id, is_bulk) VALUES (:id, 0) ON CONFLICT (product_id) DO UPDATE SET is_bulk = 0"_sql, id);
}

void mark_stale_in_category(Tx& tx, const CategoryId& id) {
  tx.exec(R"(WITH RECURSIVE below (id) AS (SELECT cast(:id as text) UNION SELECT c.id FROM search_category AS c JOIN below ON c.parent_id = below.id)
             INSERT INTO search_stale (product_id, is_bulk)
             SELECT DISTINCT product_id, 1 FROM search_membership WHERE category_id IN (SELECT id FROM below) ORDER BY product_id
             ON CONFLICT (product_id) DO UPDATE SET is_bulk = search_stale.is_bulk)"_sql,
          id);
}

void mark_all_stale(Tx& tx) {
  tx.exec(R"(INSERT INTO search_stale (product_id, is_bulk) SELECT id, 1 FROM search_product WHERE product IS NOT NULL ORDER BY id
             ON CONFLICT (product_id) DO UPDATE SET is_bulk = search_stale.is_bulk)"_sql);
}

bool is_stale(Tx& tx, const ProductId& id) { return tx.find<std::int64_t>("SELECT is_bulk FROM search_stale WHERE product_id = :id"_sql, id).has_value(); }

std::int64_t count_stale(Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM search_stale"_sql); }

// Several instances share the work: what another one renders is passed over.
std::vector<ProductId> take_stale(Tx& tx, std::int64_t limit) {
  return tx.list<ProductId>(db::one_of("DELETE FROM search_stale WHERE product_id IN (SELECT product_id FROM search_stale ORDER BY is_bulk, product_id LIMIT :limit) RETURNING product_id"_sqlite,
                                       R"(DELETE FROM search_stale WHERE product_id IN (SELECT product_id FROM search_stale ORDER BY is_bulk, product_id LIMIT :limit FOR UPDATE SKIP LOCKED)
                                          RETURNING product_id)"_postgresql),
                            limit);
}

std::vector<KnownProduct> list_products(Tx& tx, const std::optional<ProductId>& after, std::int64_t limit) {
  return tx.list<KnownProduct>("SELECT id, version, CASE WHEN product IS NULL THEN 0 ELSE 1 END AS is_published FROM search_product WHERE id > :after ORDER BY id LIMIT :limit"_sql,
                               after ? after->str() : std::string(), limit);
}

std::vector<KnownSku> list_skus(Tx& tx, const std::string& after, std::int64_t limit) {
  return tx.list<KnownSku>("SELECT sku, prices, price_version, band, band_version FROM search_sku WHERE sku > :after ORDER BY sku LIMIT :limit"_sql, after, limit);
}

std::vector<catalog::Category> list_categories(Tx& tx) {
  std::vector<catalog::Category> categories;
  for (auto& row : tx.list<CategoryRow>("SELECT id, version, parent_id, handle, texts FROM search_category WHERE is_removed = 0 ORDER BY id"_sql)) categories.push_back(category_of(std::move(row)));
  return categories;
}

std::vector<std::string> list_languages(Tx& tx) { return tx.list<std::string>("SELECT language FROM search_language ORDER BY number"_sql); }

std::optional<Sources> find_sources(Tx& tx, const ProductId& id, const std::vector<std::string>& languages) {
  const auto product = tx.find<std::optional<db::Json<Product>>>("SELECT product FROM search_product WHERE id = :id"_sql, id);
  if (!product || !*product) return {};
  Sources sources{(*product)->value, {}, {}, languages};
  for (auto& row : tx.list<CategoryRow>(R"(WITH RECURSIVE above (id) AS (
                                             SELECT category_id FROM search_membership WHERE product_id = :id
                                             UNION SELECT c.parent_id FROM search_category AS c JOIN above ON c.id = above.id WHERE c.parent_id IS NOT NULL)
                                           SELECT c.id, c.version, c.parent_id, c.handle, c.texts FROM above JOIN search_category AS c ON c.id = above.id WHERE c.is_removed = 0)"_sql,
                                        id))
    sources.categories.push_back(category_of(std::move(row)));
  for (auto& row : tx.list<SkuRow>("SELECT sku, prices, band FROM search_sku WHERE product_id = :id"_sql, id)) sources.skus.push_back({std::move(row.sku), std::move(row.prices.value), row.band});
  return sources;
}

std::optional<Document> find_document(Tx& tx, const ProductId& id) {
  auto head = tx.find<Head>("SELECT product_id, handle, version, created_ms, availability, is_available, languages, words_digest FROM search_document WHERE product_id = :id"_sql, id);
  if (!head) return {};
  Document document;
  document.head = std::move(*head);
  document.pages = tx.list<Page>("SELECT language, name_key, digest, body FROM search_page WHERE product_id = :id ORDER BY language"_sql, id);
  document.prices = tx.list<Money>("SELECT amount, currency FROM search_price WHERE product_id = :id ORDER BY currency"_sql, id);
  document.placements = tx.list<CategoryId>("SELECT category_id FROM search_placement WHERE product_id = :id ORDER BY category_id"_sql, id);
  document.choices = tx.list<Choice>("SELECT variant, choice, is_first, is_available FROM search_option WHERE product_id = :id ORDER BY variant, choice"_sql, id);
  return document;
}

void put_document(Tx& tx, const std::optional<Document>& before, const Document& document) {
  const auto& id = document.head.product_id;
  if (!before || before->head != document.head) put_head(tx, document.head);
  for (const auto& page : document.pages)
    if (!before || std::ranges::find(before->pages, page) == before->pages.end()) put_page(tx, id, page);
  const auto replace = [&](const auto& of_before, const auto& now, const auto& put) {
    const bool has_old = before && !of_before(*before).empty();
    if (before ? of_before(*before) != now : !now.empty()) put(tx, id, now, has_old);
  };
  replace(std::mem_fn(&Document::prices), document.prices, replace_prices);
  replace(std::mem_fn(&Document::placements), document.placements, replace_placements);
  replace(std::mem_fn(&Document::choices), document.choices, replace_choices);
}

// The statements of lists do not look at words: they are one row of PostgreSQL's and two of SQLite's. SQLite's index collects what is new until some other statement is run
// that may have to be undone by itself, and then writes a segment; so the words of all products are put one after the other.
void put_words(Tx& tx, std::span<const NewWords> all) {
  if (tx.engine() == Engine::postgresql) {
    for (const auto& one : all)
      tx.exec("INSERT INTO search_words (product_id, words) VALUES (:id, cast(:words as tsvector)) ON CONFLICT (product_id) DO UPDATE SET words = excluded.words"_postgresql, one.id, one.words.as_vector());
    return;
  }
  std::vector<std::int64_t> numbers, old;
  for (const auto& one : all) {
    auto number = tx.find<std::int64_t>("SELECT number FROM search_words_row WHERE product_id = :id"_sqlite, one.id);
    if (number)
      old.push_back(*number);
    else
      number = tx.get<std::int64_t>("INSERT INTO search_words_row (product_id) VALUES (:id) RETURNING number"_sqlite, one.id);
    numbers.push_back(*number);
  }
  for (const auto number : old) tx.exec("DELETE FROM search_words WHERE rowid = :number"_sqlite, number);
  for (std::size_t i = 0; i < all.size(); ++i)
    tx.exec("INSERT INTO search_words (rowid, title, labels, details) VALUES (:number, :title, :labels, :details)"_sqlite, numbers[i], all[i].words.title, all[i].words.labels, all[i].words.details);
}

void delete_document(Tx& tx, const ProductId& id) {
  if (tx.exec("DELETE FROM search_document WHERE product_id = :id"_sql, id) == 1) delete_words(tx, id);
}

bool is_document_right(Tx& tx, const ProductId& id, const std::vector<std::string>& languages) {
  const auto stored = find_document(tx, id);
  const auto sources = find_sources(tx, id, languages);
  if (!stored || !sources) return !stored && !sources;
  const auto rendered = render(*sources);
  return rendered.document == *stored && has_words(tx, id, rendered.words);
}

std::optional<Shown> find_page(Tx& tx, const ProductId& id, const std::string& language) {
  return tx.find<Shown>("SELECT product_id, digest, body FROM search_page WHERE product_id = :id AND language = :language"_sql, id, language);
}

// Two products may have a handle for a moment, while one gives it up and the other takes it: the newer has it. Left to itself SQLite would look through
// all pages of the language.
std::optional<Shown> find_page_by_handle(Tx& tx, const std::string& handle, const std::string& language) {
  return tx.find<Shown>(R"(SELECT d.product_id, p.digest, p.body FROM search_document AS d CROSS JOIN search_page AS p
                           WHERE d.handle = :handle AND p.product_id = d.product_id AND p.language = :language ORDER BY d.product_id DESC LIMIT 1)"_sql,
                        handle, language);
}

std::int64_t document_version(Tx& tx, const ProductId& id) { return tx.find<std::int64_t>("SELECT version FROM search_document WHERE product_id = :id"_sql, id).value_or(0); }

std::int64_t shown_version(Tx& tx, const ProductId& id) {
  return tx.find<std::int64_t>("SELECT version FROM search_product WHERE id = :id AND NOT EXISTS (SELECT 1 FROM search_stale WHERE product_id = :id)"_sql, id).value_or(0);
}

std::string find_language(Tx& tx, const std::string& language) {
  return tx
      .find<std::string>(R"(SELECT language FROM search_language WHERE number <= (SELECT coalesce(min(languages), 0) FROM search_document)
                            ORDER BY CASE language WHEN :language THEN 0 WHEN 'en' THEN 1 ELSE 2 END, number LIMIT 1)"_sql,
                         language)
      .value_or(language);
}

std::optional<CategoryId> find_category(Tx& tx, const std::string& id_or_handle) {
  return tx.find<CategoryId>("SELECT id FROM search_category WHERE (id = :wanted OR handle = :wanted) AND is_removed = 0 ORDER BY id DESC LIMIT 1"_sql, id_or_handle);
}

}  // namespace polyshop::search::store
