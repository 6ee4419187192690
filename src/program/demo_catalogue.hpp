#pragma once

#include "catalog/facade.hpp"
#include "inventory/facade.hpp"
#include "pricing/facade.hpp"

// The demo shop's catalogue, the same every time.
namespace polyshop::demo {

struct Category {
  std::string handle;
  std::optional<std::string> parent;  // by handle; stands before it
  catalog::CategoryTexts texts;
};

struct Product {
  std::string category;              // by handle
  catalog::CreateProduct wanted;     // without its category
  std::vector<pricing::PriceRow> prices;          // of each variant, in EUR and GBP
  std::vector<inventory::ImportedStock> stock;    // of each variant: mostly enough, of some little, of a few none
};

struct Catalogue {
  std::vector<Category> categories;
  std::vector<Product> products;
};

Catalogue catalogue();

}  // namespace polyshop::demo
