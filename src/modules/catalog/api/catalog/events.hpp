#pragma once

#include "catalog/types.hpp"

namespace polyshop::catalog {

// A product as it is now. Published after every change of it or of one of its variants.
struct ProductChanged {
  static constexpr std::string_view event_name = "catalog.product_changed.v1";
  Product product;
  std::int64_t version = 0;
  std::string aggregate() const { return product.id.str(); }
};
BOOST_DESCRIBE_STRUCT(ProductChanged, (), (product, version))

struct ProductRemoved {
  static constexpr std::string_view event_name = "catalog.product_removed.v1";
  ProductId id;
  std::vector<std::string> skus;
  std::int64_t version = 0;
  std::string aggregate() const { return id.str(); }
};
BOOST_DESCRIBE_STRUCT(ProductRemoved, (), (id, skus, version))

struct CategoryChanged {
  static constexpr std::string_view event_name = "catalog.category_changed.v1";
  Category category;
  std::int64_t version = 0;
  std::string aggregate() const { return category.id.str(); }
};
BOOST_DESCRIBE_STRUCT(CategoryChanged, (), (category, version))

struct CategoryRemoved {
  static constexpr std::string_view event_name = "catalog.category_removed.v1";
  CategoryId id;
  std::int64_t version = 0;
  std::string aggregate() const { return id.str(); }
};
BOOST_DESCRIBE_STRUCT(CategoryRemoved, (), (id, version))

}  // namespace polyshop::catalog
