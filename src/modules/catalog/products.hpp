#pragma once

#include "bus/node.hpp"
#include "catalog/facade.hpp"
#include "kernel/db/kept.hpp"

namespace polyshop::catalog {

struct ChangeProduct {
  Patch<Handle> handle;
  Patch<State> state;
  std::optional<std::map<std::string, Patch<ProductText>>> texts;  // by language; null removes one
  Patch<std::vector<CategoryId>> category_ids;
  Patch<std::vector<Option>> options;
  Patch<std::vector<Media>> media;
  Patch<std::vector<Variant>> variants;  // the whole list
};
BOOST_DESCRIBE_STRUCT(ChangeProduct, (), (handle, state, texts, category_ids, options, media, variants))

struct ListProducts {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<State> filter_state;
  std::optional<Text<1, 200>> q;
};
BOOST_DESCRIBE_STRUCT(ListProducts, (), (limit, cursor, filter_state, q))

// Products with their options and variants. A product is one aggregate: whatever changes in it raises its version.
class Products {
 public:
  explicit Products(bus::Node& node) : node_(node), sellable_(node.db, 10'000) {}

  Product create(const Call& call, const CreateProduct& wanted);
  Product change(const Call& call, const ProductId& id, std::int64_t version, const ChangeProduct& change);
  void remove(const Call& call, const ProductId& id, std::int64_t version);
  Product get(const Call& call, const ProductId& id);
  http::Listed<Product> list(const Call& call, const ListProducts& wanted);
  std::vector<Product> export_page(const Call& call, const ExportProducts& wanted);
  std::vector<SellableVariant> find_variants(const Call& call, const FindVariants& wanted);
  std::vector<std::string> find_skus(const Call& call, const FindSkus& wanted);
  ImportResult import(const Call& call, const ImportProducts& rows);

 private:
  bus::Node& node_;
  db::Kept<SellableVariant> sellable_;  // by SKU
};

// Throws Problem 422 with a pointer for each rule of a product that is broken.
void check(const Product& product);
// "Tea & Cake, 2 cups" is "tea-cake-2-cups"; never empty.
std::string handle_of(std::string_view name);
void check_handle(const std::string& handle, const std::string& pointer);
void check_languages(const std::vector<std::string>& languages);

}  // namespace polyshop::catalog
