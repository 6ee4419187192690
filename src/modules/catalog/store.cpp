#include "store.hpp"

namespace polyshop::catalog::store {
namespace {

struct VariantRow {
  std::string sku;
  db::Json<std::map<std::string, std::string>> option_values;
  std::int64_t weight_g = 0;
};
BOOST_DESCRIBE_STRUCT(VariantRow, (), (sku, option_values, weight_g))

struct CategoryRow {
  CategoryId id;
  std::optional<CategoryId> parent_id;
  std::string handle;
  db::Json<CategoryTexts> texts;
  std::int64_t position = 0;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(CategoryRow, (), (id, parent_id, handle, texts, position, version))

struct SellableRow {
  std::string sku;
  ProductId product_id;
  State state = State::draft;
  db::Json<ProductTexts> texts;
  db::Json<std::map<std::string, std::string>> option_values;
  std::int64_t weight_g = 0;
  db::Json<std::vector<CategoryId>> category_ids;
};
BOOST_DESCRIBE_STRUCT(SellableRow, (), (sku, product_id, state, texts, option_values, weight_g, category_ids))

// Each engine has a function of its own that collects what `above` finds.
constexpr auto sellable = db::shared(
    R"(SELECT v.sku, v.product_id, p.state, p.texts, v.option_values, v.weight_g,
         (WITH RECURSIVE above (id, main, depth) AS (
            SELECT category_id, position, 0 FROM product_category WHERE product_id = v.product_id
            UNION ALL SELECT c.parent_id, above.main, above.depth + 1 FROM above JOIN category AS c ON c.id = above.id WHERE c.parent_id IS NOT NULL AND above.depth < 32) )"_part);

ProductRow row_of(const Product& p) { return {p.id, p.handle, p.state, {p.texts}, {p.options}, {p.media}, p.version, p.created_ms, p.updated_ms}; }

CategoryRow row_of(const Category& c) { return {c.id, c.parent_id, c.handle, {c.texts}, c.position, c.version}; }

Category category_of(CategoryRow&& row) { return {row.id, row.parent_id, std::move(row.handle), std::move(row.texts.value), row.position, row.version}; }

Product product_of(Tx& tx, ProductRow&& row) {
  Product product{row.id, std::move(row.handle), row.state, std::move(row.texts.value), {}, std::move(row.options.value), std::move(row.media.value), {}, row.version, row.created_ms, row.updated_ms};
  product.category_ids = tx.list<CategoryId>("SELECT category_id FROM product_category WHERE product_id = :id ORDER BY position"_sql, product.id);
  for (auto& variant : tx.list<VariantRow>("SELECT sku, option_values, weight_g FROM variant WHERE product_id = :id ORDER BY position"_sql, product.id))
    product.variants.push_back({Sku(variant.sku), std::move(variant.option_values.value), variant.weight_g});
  return product;
}

}  // namespace

bool insert_product(Tx& tx, const Product& product) {
  return tx.exec(R"(INSERT INTO product (id, handle, state, texts, options, media, version, created_ms, updated_ms)
                    VALUES (:id, :handle, :state, :texts, :options, :media, :version, :created_ms, :updated_ms) ON CONFLICT (handle) DO NOTHING)"_sql,
                 row_of(product)) == 1;
}

bool update_product(Tx& tx, const Product& product) {
  return tx.exec(R"(UPDATE product SET handle = :handle, state = :state, texts = :texts, options = :options, media = :media, version = version + 1, updated_ms = :updated_ms
                    WHERE id = :id AND version = :version)"_sql,
                 row_of(product)) == 1;
}

bool delete_product(Tx& tx, const ProductId& id, std::int64_t version) {
  return tx.exec("DELETE FROM product WHERE id = :id AND version = :version"_sql, id, version) == 1;
}

std::optional<Product> find_product(Tx& tx, const ProductId& id) {
  auto row = tx.find<ProductRow>("SELECT id, handle, state, texts, options, media, version, created_ms, updated_ms FROM product WHERE id = :id"_sql, id);
  if (!row) return {};
  return product_of(tx, std::move(*row));
}

std::optional<ProductId> find_product_by_handle(Tx& tx, const std::string& handle) { return tx.find<ProductId>("SELECT id FROM product WHERE handle = :handle"_sql, handle); }

std::optional<ProductId> find_product_by_sku(Tx& tx, const std::string& sku) { return tx.find<ProductId>("SELECT product_id FROM variant WHERE sku = :sku"_sql, sku); }

bool is_handle_taken(Tx& tx, const std::string& handle, const ProductId& but_not) {
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM product WHERE handle = :handle AND id <> :id"_sql, handle, but_not) > 0;
}

std::vector<Product> list_products(Tx& tx, const std::optional<ProductId>& after, const std::optional<State>& state, const std::optional<std::string>& query, std::int64_t limit) {
  std::vector<Product> products;
  for (auto& row : tx.list<ProductRow>(R"(SELECT id, handle, state, texts, options, media, version, created_ms, updated_ms FROM product
                                          WHERE id > :after AND (cast(:state as text) IS NULL OR state = :state)
                                            AND (cast(:query as text) IS NULL OR lower(handle) LIKE :query OR lower(texts) LIKE :query)
                                          ORDER BY id LIMIT :limit)"_sql,
                                       after ? after->str() : std::string(), state, query, limit))
    products.push_back(product_of(tx, std::move(row)));
  return products;
}

std::int64_t count_products(Tx& tx, const std::optional<State>& state, const std::optional<std::string>& query) {
  return tx.get<std::int64_t>(R"(SELECT count(*) AS n FROM product WHERE (cast(:state as text) IS NULL OR state = :state)
                                   AND (cast(:query as text) IS NULL OR lower(handle) LIKE :query OR lower(texts) LIKE :query))"_sql,
                              state, query);
}

void insert_categories(Tx& tx, const Product& product) {
  std::int64_t position = 0;
  for (const auto& category : product.category_ids)
    tx.exec("INSERT INTO product_category (product_id, category_id, position) VALUES (:product, :category, :position)"_sql, product.id, category, position++);
}

void replace_categories(Tx& tx, const Product& product) {
  tx.exec("DELETE FROM product_category WHERE product_id = :id"_sql, product.id);
  insert_categories(tx, product);
}

std::optional<std::string> insert_variants(Tx& tx, const Product& product) {
  std::int64_t position = 0;
  for (const auto& variant : product.variants) {
    const auto inserted = tx.exec("INSERT INTO variant (sku, product_id, position, option_values, weight_g) VALUES (:sku, :product, :position, :values, :weight) ON CONFLICT (sku) DO NOTHING"_sql,
                                  variant.sku, product.id, position++, db::Json<std::map<std::string, std::string>>{variant.option_values}, variant.weight_g);
    if (inserted == 0) return variant.sku;
  }
  return {};
}

void delete_variants(Tx& tx, const ProductId& id) { tx.exec("DELETE FROM variant WHERE product_id = :id"_sql, id); }

std::vector<std::string> find_skus(Tx& tx, const db::Json<std::vector<std::string>>& skus) {
  auto found = tx.list<std::string>(db::one_of("SELECT sku FROM variant WHERE sku IN (SELECT value FROM json_each(:skus))"_sqlite,
                                               "SELECT sku FROM variant WHERE sku = ANY (ARRAY(SELECT jsonb_array_elements_text(cast(:skus as jsonb))))"_postgresql),
                                    skus);
  std::ranges::sort(found);  // as this program compares, whatever the database does
  return found;
}

// With each product's categories, and those above them, from its first. One statement, since that is one round trip.
std::vector<SellableVariant> find_variants(Tx& tx, const db::Json<std::vector<std::string>>& skus) {
  std::vector<SellableVariant> variants;
  for (auto& row : tx.list<SellableRow>(
           db::one_of(db::sqlite(sellable + R"(SELECT json_group_array(id) FROM (SELECT id FROM above ORDER BY main, depth)) AS category_ids
                                               FROM json_each(:skus) AS wanted CROSS JOIN variant AS v JOIN product AS p ON p.id = v.product_id WHERE v.sku = wanted.value)"_part),
                      db::postgresql(sellable + R"(SELECT coalesce(jsonb_agg(id ORDER BY main, depth), '[]') FROM above) AS category_ids
                                                   FROM variant AS v JOIN product AS p ON p.id = v.product_id WHERE v.sku = ANY (ARRAY(SELECT jsonb_array_elements_text(cast(:skus as jsonb)))))"_part)),
           skus))
    variants.push_back({std::move(row.sku), row.product_id, row.state, std::move(row.texts.value), std::move(row.option_values.value), row.weight_g, std::move(row.category_ids.value)});
  return variants;
}

bool insert_category(Tx& tx, const Category& category) {
  return tx.exec(R"(INSERT INTO category (id, parent_id, handle, texts, position, version, created_ms, updated_ms)
                    VALUES (:id, :parent_id, :handle, :texts, :position, :version, :now, :now) ON CONFLICT (handle) DO NOTHING)"_sql,
                 row_of(category), tx.now()) == 1;
}

bool update_category(Tx& tx, const Category& category) {
  return tx.exec(R"(UPDATE category SET parent_id = :parent_id, handle = :handle, texts = :texts, position = :position, version = version + 1, updated_ms = :now
                    WHERE id = :id AND version = :version)"_sql,
                 row_of(category), tx.now()) == 1;
}

bool delete_category(Tx& tx, const CategoryId& id, std::int64_t version) {
  return tx.exec("DELETE FROM category WHERE id = :id AND version = :version"_sql, id, version) == 1;
}

std::optional<Category> find_category(Tx& tx, const CategoryId& id) {
  auto row = tx.find<CategoryRow>("SELECT id, parent_id, handle, texts, position, version FROM category WHERE id = :id"_sql, id);
  if (!row) return {};
  return category_of(std::move(*row));
}

std::vector<Category> list_categories(Tx& tx) {
  std::vector<Category> categories;
  for (auto& row : tx.list<CategoryRow>(R"(WITH RECURSIVE tree (id, depth) AS (
                                             SELECT id, 0 FROM category WHERE parent_id IS NULL
                                             UNION ALL SELECT c.id, tree.depth + 1 FROM category AS c JOIN tree ON c.parent_id = tree.id)
                                           SELECT c.id, c.parent_id, c.handle, c.texts, c.position, c.version
                                           FROM tree JOIN category AS c ON c.id = tree.id ORDER BY tree.depth, c.position, c.id)"_sql))
    categories.push_back(category_of(std::move(row)));
  return categories;
}

std::int64_t count_uses(Tx& tx, const CategoryId& id) {
  return tx.get<std::int64_t>("SELECT (SELECT count(*) FROM product_category WHERE category_id = :id) + (SELECT count(*) FROM category WHERE parent_id = :id) AS n"_sql, id);
}

}  // namespace polyshop::catalog::store
