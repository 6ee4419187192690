#pragma once

#include "program/facades.hpp"
#include "program/import_columns.hpp"

// What a kind of file is made of: how a record is read, and what happens to the rows of a batch.
namespace polyshop {

struct ImportCounts {
  std::int64_t rows = 0;  // = created + changed + unchanged + left_aside
  std::int64_t created = 0;
  std::int64_t changed = 0;
  std::int64_t unchanged = 0;
  std::int64_t left_aside = 0;
};

struct ImportOptions {
  std::vector<std::string> mapping;      // "column=field"
  std::optional<Currency> currency;      // of prices without one
  std::string language = "en";           // of names and descriptions
  bool dry_run = false;
};

// Each of the three reads a record into a row, throwing Problem for a bad one, knows what a row is told apart by, and sends a
// batch of rows: what took effect is added to the counts, what did not is answered as faults.

class ProductRows {
 public:
  struct Row {
    catalog::ImportedProduct product;
    std::vector<Money> prices;
  };
  static constexpr std::string_view duplicate_code = "duplicate_sku";

  // Throws Problem where an option is not usable with this file.
  ProductRows(const Facades& shop, const ImportColumns& columns, const ImportOptions& options);
  Row read(const csv::Record& record) const;
  std::string key(const Row& row) const { return row.product.sku; }
  std::string name(const Row& row) const;
  // Rows that follow each other and belong together stay in one batch: a dry run forgets a batch when it is through.
  bool belong_together(const Row& a, const Row& b) const { return a.product.product && a.product.product == b.product.product; }
  std::vector<ImportFault> send(const Call& call, const std::vector<Row>& rows, ImportCounts& counts) const;

 private:
  std::vector<Money> prices_of(const csv::Record& record) const;
  Money price_of(std::string_view text, Currency currency) const;
  std::vector<bool> with_other_prices(const Call& call, const std::vector<Row>& rows, const std::vector<bool>& known) const;

  const Facades& shop_;
  const ImportColumns& columns_;
  const ImportOptions& options_;
};

class StockRows {
 public:
  using Row = inventory::ImportedStock;
  static constexpr std::string_view duplicate_code = "duplicate_sku";

  StockRows(const Facades& shop, const ImportColumns& columns, const ImportOptions& options) : shop_(shop), columns_(columns), options_(options) {}
  Row read(const csv::Record& record) const;
  std::string key(const Row& row) const { return row.location.value_or("") + '\n' + row.sku; }
  std::string name(const Row& row) const;
  bool belong_together(const Row&, const Row&) const { return false; }
  std::vector<ImportFault> send(const Call& call, const std::vector<Row>& rows, ImportCounts& counts) const;

 private:
  const Facades& shop_;
  const ImportColumns& columns_;
  const ImportOptions& options_;
};

class CustomerRows {
 public:
  using Row = customer::ImportedCustomer;
  static constexpr std::string_view duplicate_code = "duplicate_email";

  CustomerRows(const Facades& shop, const ImportColumns& columns, const ImportOptions& options) : shop_(shop), columns_(columns), options_(options) {}
  Row read(const csv::Record& record) const;
  std::string key(const Row& row) const;
  std::string name(const Row&) const { return "e-mail address"; }
  bool belong_together(const Row&, const Row&) const { return false; }
  std::vector<ImportFault> send(const Call& call, const std::vector<Row>& rows, ImportCounts& counts) const;

 private:
  const Facades& shop_;
  const ImportColumns& columns_;
  const ImportOptions& options_;
};

}  // namespace polyshop
