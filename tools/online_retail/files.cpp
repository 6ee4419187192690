#include "online_retail/files.hpp"

#include <fstream>
#include <map>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "kernel/types/csv.hpp"
#include "kernel/types/money.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::online_retail {
namespace {

using Fields = std::vector<std::string>;

template <class Row, class FieldsOf>
void write_file(const std::filesystem::path& path, const Fields& header, const std::vector<Row>& rows, FieldsOf fields_of) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << csv::format_record(header);
  for (const auto& row : rows) out << csv::format_record(fields_of(row));
  out.close();
  if (!out)
    throw Problem::unavailable("writing_failed", fmt::format("{} could not be written. Check that the disk has room and that "
                                                             "you may write there, or choose another folder with --out.",
                                                             path.string()));
}

template <class Use>
void read_file(const std::filesystem::path& path, std::size_t width, std::vector<std::string>& miscounts, Use use) {
  std::ifstream in(path, std::ios::binary);
  csv::Reader reader(in);
  csv::Record record;
  if (!reader.next(record)) miscounts.push_back(fmt::format("{} cannot be read back", path.string()));
  while (reader.next(record))
    if (record.fault.empty() && record.fields.size() == width)
      use(record.fields);
    else
      miscounts.push_back(fmt::format("{} line {} is not readable: {}", path.string(), record.line, record.fault));
}

std::int64_t whole_number(const std::string& text) {
  const auto number = Decimal::parse(text);
  return number && number->scale == 0 ? number->digits : -1;
}

}  // namespace

Derivation derive_file(const std::filesystem::path& file, const std::function<void(std::size_t bytes, std::uintmax_t size)>& progress) {
  std::error_code failure;
  if (!std::filesystem::exists(file, failure)) throw Problem{404, "not_found", "There is no such file. Check its path."};
  if (std::filesystem::is_directory(file, failure))
    throw Problem::malformed("not_a_file", "This is a folder. Give one file of it.");
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Problem::forbidden("not_readable", "The file cannot be opened. Check that you may read it.");
  const auto known_size = std::filesystem::file_size(file, failure);
  const auto size = failure ? 0 : known_size;
  return derive(in, [&](std::size_t bytes) {
    if (progress) progress(bytes, size);
  });
}

void write_files(const Derivation& derivation, const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure)
    throw Problem::unavailable("writing_failed", fmt::format("The folder {} could not be made: {}. Choose another with --out.",
                                                             folder.string(), failure.message()));
  const auto gbp = Currency::parse("GBP").value();
  write_file(folder / "products.csv", {"sku", "name", "price", "currency"}, derivation.products,
             [&](const Product& product) {
               return Fields{product.sku, product.name, format_amount(product.price, gbp), "GBP"};
             });
  write_file(folder / "stock.csv", {"sku", "quantity"}, derivation.products,
             [](const Product& product) { return Fields{product.sku, std::to_string(product.units)}; });
  write_file(folder / "orders.csv", {"invoice", "line", "sku", "quantity"}, derivation.orders, [](const OrderLine& order) {
    return Fields{order.invoice, std::to_string(order.line), order.sku, std::to_string(order.quantity)};
  });
  write_file(folder / "left_aside.csv", {"line", "reason", "record"}, derivation.left_aside, [](const LeftAside& left) {
    return Fields{std::to_string(left.line), std::string(code(left.reason)), left.record};
  });
}

std::vector<std::string> find_miscounts(const Derivation& derivation, const std::filesystem::path& folder) {
  std::vector<std::string> miscounts;
  std::set<std::string> products;
  std::set<std::string> lines;
  std::map<std::string, std::int64_t> not_sold;
  std::size_t kept = 0;
  std::size_t left_aside = 0;
  const auto once = [&](const std::string& line) {
    if (!lines.insert(line).second) miscounts.push_back(fmt::format("line {} of the source is there twice", line));
  };
  read_file(folder / "products.csv", 4, miscounts, [&](const Fields& fields) {
    if (!products.insert(fields[0]).second) miscounts.push_back(fmt::format("product {} is there twice", fields[0]));
  });
  read_file(folder / "stock.csv", 2, miscounts, [&](const Fields& fields) {
    if (!products.contains(fields[0])) miscounts.push_back(fmt::format("{} has stock and is no product", fields[0]));
    not_sold[fields[0]] += whole_number(fields[1]);
  });
  read_file(folder / "orders.csv", 4, miscounts, [&](const Fields& fields) {
    ++kept;
    once(fields[1]);
    if (!products.contains(fields[2]))
      miscounts.push_back(fmt::format("line {} orders {}, which is no product", fields[1], fields[2]));
    not_sold[fields[2]] -= whole_number(fields[3]);
  });
  read_file(folder / "left_aside.csv", 3, miscounts, [&](const Fields& fields) {
    ++left_aside;
    once(fields[0]);
  });
  for (const auto& [sku, units] : not_sold)
    if (units != 0) miscounts.push_back(fmt::format("the stock of {} differs from what is ordered by {}", sku, units));
  if (not_sold.size() != products.size())
    miscounts.push_back(fmt::format("there are {} products and stock of {}", products.size(), not_sold.size()));
  if (kept + left_aside != derivation.lines)
    miscounts.push_back(fmt::format("{} lines kept and {} left aside are not the {} lines of the file", kept, left_aside,
                                    derivation.lines));
  return miscounts;
}

}  // namespace polyshop::online_retail
