#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/types/csv.hpp"
#include "kernel/types/money.hpp"

namespace polyshop {

enum class ImportKind { products, stock, customers };
BOOST_DESCRIBE_ENUM(ImportKind, products, stock, customers)

// Which column of a file is which field. A column named like a field, in capitals or not, is that field; others are mapped
// by hand. The columns error_line and error, which the file of faulty rows has, are left out.
class ImportColumns {
 public:
  // `mapping` are texts "column=field"; "column=" leaves a column out. Throws Problem 422 that names every column at fault,
  // the fields there are and the closest one, before anything is read.
  ImportColumns(ImportKind kind, const csv::Record& header, const std::vector<std::string>& mapping);

  std::size_t size() const { return size_; }
  bool has(std::string_view field) const { return find(field).has_value(); }
  // The cell of a field without blanks around it; empty where the file has no such column.
  std::string_view cell(const csv::Record& record, std::string_view field) const;

  struct Priced {
    Currency currency;
    std::string field;  // "price_EUR"
  };
  const std::vector<Priced>& prices() const { return prices_; }            // from columns price_EUR and the like
  const std::vector<std::string>& options() const { return options_; }     // "size" for a column option.size

  // The record as it stood, without the columns that an earlier import added.
  std::string raw_without_errors(const csv::Record& record) const;

 private:
  std::optional<std::size_t> find(std::string_view field) const;
  void add(const std::string& field);

  std::size_t size_ = 0;
  std::vector<std::string> fields_;  // of each column; empty for one that is left out
  std::vector<Priced> prices_;
  std::vector<std::string> options_;
  std::vector<std::size_t> error_columns_;
};

}  // namespace polyshop
