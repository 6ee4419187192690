#pragma once

#include "catalog/facade.hpp"
#include "kernel/db/database.hpp"

// Every SQL statement of the catalog, one function each.
namespace polyshop::catalog::store {

struct ProductRow {
  ProductId id;
  std::string handle;
  State state = State::draft;
  db::Json<ProductTexts> texts;
  db::Json<std::vector<Option>> options;
  db::Json<std::vector<Media>> media;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
  Timestamp updated_ms = 0;
};
BOOST_DESCRIBE_STRUCT(ProductRow, (), (id, handle, state, texts, options, media, version, created_ms, updated_ms))

bool insert_product(Tx& tx, const Product& product);   // false where the handle is taken
bool update_product(Tx& tx, const Product& product);   // writes version + 1 where the stored version is product.version
bool delete_product(Tx& tx, const ProductId& id, std::int64_t version);
std::optional<Product> find_product(Tx& tx, const ProductId& id);
std::optional<ProductId> find_product_by_handle(Tx& tx, const std::string& handle);
std::optional<ProductId> find_product_by_sku(Tx& tx, const std::string& sku);
bool is_handle_taken(Tx& tx, const std::string& handle, const ProductId& but_not);

// Whole products after a position, by id; `state` and `query` (a part of the handle or the texts) narrow them.
std::vector<Product> list_products(Tx& tx, const std::optional<ProductId>& after, const std::optional<State>& state, const std::optional<std::string>& query, std::int64_t limit);
std::int64_t count_products(Tx& tx, const std::optional<State>& state, const std::optional<std::string>& query);

void insert_categories(Tx& tx, const Product& product);  // of one that has none yet
void replace_categories(Tx& tx, const Product& product);
std::optional<std::string> insert_variants(Tx& tx, const Product& product);  // answers the first SKU that another product has
void delete_variants(Tx& tx, const ProductId& id);
std::vector<std::string> find_skus(Tx& tx, const db::Json<std::vector<std::string>>& skus);  // those that exist, in order
std::vector<SellableVariant> find_variants(Tx& tx, const db::Json<std::vector<std::string>>& skus);  // those that exist; none stands twice

bool insert_category(Tx& tx, const Category& category);
bool update_category(Tx& tx, const Category& category);
bool delete_category(Tx& tx, const CategoryId& id, std::int64_t version);
std::optional<Category> find_category(Tx& tx, const CategoryId& id);
std::vector<Category> list_categories(Tx& tx);
std::int64_t count_uses(Tx& tx, const CategoryId& id);  // products and children of a category

}  // namespace polyshop::catalog::store
