#pragma once

#include "catalog/types.hpp"
#include "kernel/facade/operation.hpp"
#include "kernel/types/import_result.hpp"

namespace polyshop::catalog {

struct CreateProduct {
  std::optional<Handle> handle;  // made from the name where absent
  std::optional<State> state;    // draft where absent
  ProductTexts texts;            // at least one language
  std::optional<std::vector<CategoryId>> category_ids;
  std::optional<std::vector<Option>> options;
  std::optional<std::vector<Media>> media;
  std::vector<Variant> variants;  // 1 to 100
};
BOOST_DESCRIBE_STRUCT(CreateProduct, (), (handle, state, texts, category_ids, options, media, variants))

struct CreateCategory {
  std::optional<CategoryId> parent_id;
  std::optional<Handle> handle;
  CategoryTexts texts;
  std::optional<Range<0, 1'000'000>> position;
};
BOOST_DESCRIBE_STRUCT(CreateCategory, (), (parent_id, handle, texts, position))

struct GetProduct {
  ProductId id;
};
BOOST_DESCRIBE_STRUCT(GetProduct, (), (id))

struct FindVariants {
  std::vector<std::string> skus;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(FindVariants, (), (skus))

struct FindSkus {
  std::vector<std::string> skus;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(FindSkus, (), (skus))

// A variant with what others need to know of its product.
struct SellableVariant {
  std::string sku;
  ProductId product_id;
  State state = State::draft;
  ProductTexts texts;
  std::map<std::string, std::string> option_values;
  std::int64_t weight_g = 0;
  std::vector<CategoryId> category_ids;  // its product's, main one first, each followed by its ancestors
};
BOOST_DESCRIBE_STRUCT(SellableVariant, (), (sku, product_id, state, texts, option_values, weight_g, category_ids))

// A row of an import: a variant, and the product it belongs to. Rows with the same product handle make one product.
struct ImportedProduct {
  std::int64_t line = 0;               // of the file, for the answer
  std::string sku;
  std::string name;
  std::optional<std::string> product;      // the product's handle; a product of its own where absent
  std::optional<std::string> description;
  std::optional<std::string> category;     // names from the root: "Garden / Tools"; made where missing
  std::optional<std::int64_t> weight_g;
  std::optional<std::string> state;        // "published" where absent
  std::map<std::string, std::string> option_values;
};
BOOST_DESCRIBE_STRUCT(ImportedProduct, (), (line, sku, name, product, description, category, weight_g, state, option_values))

struct ImportProducts {
  std::string language = "en";
  bool dry_run = false;  // say what would happen and change nothing
  std::vector<ImportedProduct> rows;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(ImportProducts, (), (language, dry_run, rows))

struct ExportProducts {
  std::optional<ProductId> after;
  std::int64_t limit = 100;  // at most 500
};
BOOST_DESCRIBE_STRUCT(ExportProducts, (), (after, limit))

struct Facade {
  Command<CreateProduct, Product> create_product;
  Command<CreateCategory, Category> create_category;
  Query<GetProduct, Product> get_product;
  Query<FindVariants, std::vector<SellableVariant>> find_variants;  // those that exist, in no order
  Query<FindSkus, std::vector<std::string>> find_skus;              // those that exist, in order
  Command<ImportProducts, ImportResult> import_products;
  Query<ExportProducts, std::vector<Product>> export_products;      // in the order of ids
  Query<Nothing, std::vector<Category>> list_categories;            // parents before children
};
BOOST_DESCRIBE_STRUCT(Facade, (), (create_product, create_category, get_product, find_variants, find_skus, import_products, export_products, list_categories))

}  // namespace polyshop::catalog
