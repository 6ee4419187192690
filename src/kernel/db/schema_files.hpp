#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace polyshop::db {

// A file below schemas/, compiled in: "catalog/0001_products.sql" and its text.
struct SchemaFile {
  std::string_view path;
  std::string_view text;
};
std::span<const SchemaFile> schema_files();

// The tables that an owner's files leave on any engine, by name.
std::vector<std::string> tables_of(std::string_view owner);
// The same of files in the order in which they are applied.
std::vector<std::string> tables_left_by(std::span<const SchemaFile> files);

}  // namespace polyshop::db
