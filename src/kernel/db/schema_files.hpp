#pragma once

#include <span>
#include <string_view>

namespace polyshop::db {

// A file below schemas/, compiled in: "catalog/0001_products.sql" and its text.
struct SchemaFile {
  std::string_view path;
  std::string_view text;
};
std::span<const SchemaFile> schema_files();

}  // namespace polyshop::db
