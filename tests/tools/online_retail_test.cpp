#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "online_retail/derive.hpp"
#include "online_retail/files.hpp"

using namespace polyshop;
using namespace polyshop::online_retail;

namespace {

constexpr std::string_view header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

Derivation derive_text(const std::string& text) {
  std::istringstream in(text);
  return derive(in);
}

// The lines are those of the file after its header; the first of them is line 2.
Derivation derive_lines(const std::string& lines) { return derive_text(std::string(header) + lines); }

// A line of the file by the cells that matter.
std::string line(std::string_view invoice, std::string_view sku, std::string_view description, std::string_view quantity,
                 std::string_view price) {
  return fmt::format("{},{},{},{},2010-12-01 08:26:00,{},,United Kingdom\n", invoice, sku, description, quantity, price);
}

// "2 kept, 3 no_price": what became of each line.
std::string verdicts(const Derivation& derivation) {
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const auto& order : derivation.orders) found.emplace_back(order.line, "kept");
  for (const auto& left : derivation.left_aside) found.emplace_back(left.line, code(left.reason));
  std::ranges::sort(found);
  std::string text;
  for (const auto& [number, verdict] : found) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", number, verdict);
  CHECK(found.size() == derivation.lines);
  return text;
}

std::string products(const Derivation& derivation) {
  std::string text;
  for (const auto& product : derivation.products)
    text += fmt::format("{}|{}|{}|{};", product.sku, product.name, product.price, product.units);
  return text;
}

struct TemporaryFolder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("online_retail_test_{}", std::random_device{}());
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("goods are told by the shape of their code") {
  for (const std::string_view goods : {"71053", "85123A", "15056BL", "79323GR", "DCGS0003", "DCGS0058", "SP1002", "7105"}) {
    CAPTURE(goods);
    CHECK(is_goods(goods));
  }
  for (const std::string_view other :
       {"", "POST", "DOT", "M", "D", "S", "B", "C2", "C3", "CRUK", "PADS", "AMAZONFEE", "BANK CHARGES", "GIFT_0001_40", "TEST001",
        "ADJUST2", "71053-A", "710", "71053ABCDE", "ABCDE71053", "71053A1", "gift_0001_40", "85123a"}) {
    CAPTURE(other);
    CHECK_FALSE(is_goods(other));
  }
}

TEST_CASE("each line is kept or left aside for the first reason that holds") {
  const auto good = line("536365", "71053", "LANTERN", "1", "3.39");
  const struct {
    std::string_view what;
    std::string lines;
    std::string_view verdicts;
  } cases[] = {
      {"nothing", "", ""},
      {"a sale", line("536365", "85123A", "HEART", "6", "2.55"), "2 kept"},
      {"postage", line("536365", "POST", "POSTAGE", "1", "18.0"), "2 not_goods"},
      {"a voucher", line("536365", "gift_0001_40", "Voucher £40.00", "1", "34.04"), "2 not_goods"},
      {"a cancellation", line("C536365", "85123A", "HEART", "-6", "2.55"), "2 cancellation"},
      {"a cancellation in small letters", line("c536365", "85123A", "HEART", "6", "2.55"), "2 cancellation"},
      {"a cancellation of postage is first of all no goods", line("C536365", "POST", "POSTAGE", "-1", "18.0"), "2 not_goods"},
      {"a write-off", line("536365", "85123A", "damages", "-6", "0.0"), "2 negative_quantity"},
      {"none of it", line("536365", "85123A", "HEART", "0", "2.55"), "2 negative_quantity"},
      {"free", line("536365", "85123A", "HEART", "6", "0.0"), "2 no_price"},
      {"free, while others were paid", good + line("536365", "71053", "LANTERN", "6", "0.0"), "2 kept, 3 no_price"},
      {"below zero", line("536365", "85123A", "HEART", "6", "-1.5"), "2 no_price"},
      {"only at a fraction of a penny", line("536365", "85123A", "HEART", "6", "0.001"), "2 no_price"},
      {"at a fraction of a penny, with a price", good + line("536365", "71053", "LANTERN", "9", "3.125"), "2 kept, 3 kept"},
      {"no customer", "536365,71053,LANTERN,1,2010-12-01 08:26:00,3.39,,\n", "2 kept"},
      {"no invoice", line("", "71053", "LANTERN", "1", "3.39"), "2 empty_cell"},
      {"no code", line("536365", " ", "LANTERN", "1", "3.39"), "2 empty_cell"},
      {"no quantity", line("536365", "71053", "LANTERN", "", "3.39"), "2 empty_cell"},
      {"no price cell", line("536365", "71053", "LANTERN", "1", ""), "2 empty_cell"},
      {"no name in any line", line("536365", "71053", "", "1", "3.39"), "2 empty_cell"},
      {"no name in this line", good + line("536365", "71053", "", "1", "3.39"), "2 kept, 3 kept"},
      {"no name and no price", line("536365", "71053", "", "1", "0.0"), "2 no_price"},
      {"too few cells", "536365,71053,LANTERN\n" + good, "2 malformed, 3 kept"},
      {"too many cells", "536365,71053,LANTERN, RED,1,2010-12-01 08:26:00,3.39,,\n", "2 malformed"},
      {"a quantity in words", line("536365", "71053", "LANTERN", "six", "3.39"), "2 malformed"},
      {"half a lantern", line("536365", "71053", "LANTERN", "0.5", "3.39"), "2 malformed"},
      {"a whole number with a point", line("536365", "71053", "LANTERN", "6.0", "3.39"), "2 kept"},
      {"a quantity of a billion", line("536365", "71053", "LANTERN", "1000000000", "3.39"), "2 kept"},
      {"a quantity over a billion", line("536365", "71053", "LANTERN", "1000000001", "3.39"), "2 malformed"},
      {"a price in words", line("536365", "71053", "LANTERN", "1", "3,39"), "2 malformed"},
      {"a stray quote", line("536365", "71053", "LAN\"TERN", "1", "3.39") + good, "2 malformed, 3 kept"},
      {"not UTF-8", line("536365", "71053", "LANT\xC9RN", "1", "3.39") + good, "2 malformed, 3 kept"},
      {"a description of two lines", line("536365", "71053", "\"LANTERN\nRED\"", "1", "3.39") + good, "2 kept, 4 kept"}};
  for (const auto& [what, lines, expected] : cases) {
    CAPTURE(what);
    CHECK(verdicts(derive_lines(lines)) == expected);
  }
}

TEST_CASE("a product has the most frequent price and name of its code, and the stock that was sold") {
  const struct {
    std::string_view what;
    std::string lines;
    std::string_view products;
  } cases[] = {
      {"codes that differ by case or spaces are one",
       line("1", "85123a", "HEART", "6", "2.55") + line("2", "85123A", "HEART", "2", "2.55") + line("3", " 85123A ", "HEART ", "1", "2.55"),
       "85123A|HEART|255|9;"},
      {"the most frequent price, by value",
       line("1", "71053", "L", "1", "2.5") + line("2", "71053", "L", "1", "9.99") + line("3", "71053", "L", "1", "2.50"), "71053|L|250|3;"},
      {"the highest of equals",
       line("1", "71053", "L", "1", "9.99") + line("2", "71053", "L", "1", "10.5") + line("3", "71053", "L", "1", "3.39"),
       "71053|L|1050|3;"},
      {"zero is no price, however frequent",
       line("1", "71053", "L", "1", "0.0") + line("2", "71053", "L", "1", "0.0") + line("3", "71053", "L", "1", "3.39"), "71053|L|339|1;"},
      {"fractions of a penny are no price, however frequent",
       line("1", "71053", "L", "1", "3.125") + line("2", "71053", "L", "1", "3.125") + line("3", "71053", "L", "1", "3.390"),
       "71053|L|339|3;"},
      {"the most frequent name",
       line("1", "71053", "LANTERN RED", "1", "1") + line("2", "71053", "LANTERN", "1", "1") + line("3", "71053", "LANTERN ", "1", "1"),
       "71053|LANTERN|100|3;"},
      {"of equals the longest, then the first",
       line("1", "71053", "?", "1", "1") + line("2", "71053", "LANTERN B", "1", "1") + line("3", "71053", "LANTERN A", "1", "1"),
       "71053|LANTERN A|100|3;"},
      {"no empty name", line("1", "71053", "", "1", "1") + line("2", "71053", "", "1", "1") + line("3", "71053", "L", "1", "1"),
       "71053|L|100|3;"},
      {"only cancelled: a product without stock", line("C1", "71053", "L", "-1", "3.39"), "71053|L|339|0;"},
      {"what is left aside is not sold",
       line("1", "71053", "L", "4", "1") + line("C2", "71053", "L", "-4", "1") + line("3", "71053", "L", "8", "0.0") +
           line("4", "71053", "L", "-2", "1"),
       "71053|L|100|4;"},
      {"no goods, no product", line("1", "POST", "POSTAGE", "1", "18"), ""},
      {"sorted by code", line("1", "85123A", "HEART", "1", "1") + line("1", "71053", "L", "1", "1"), "71053|L|100|1;85123A|HEART|100|1;"}};
  for (const auto& [what, lines, expected] : cases) {
    CAPTURE(what);
    CHECK(products(derive_lines(lines)) == expected);
  }
}

TEST_CASE("columns are found by name, after a byte-order mark too") {
  const auto derivation =
      derive_text("\xEF\xBB\xBF" "UnitPrice,Quantity,Description,StockCode,InvoiceNo\r\n3.39,2,LANTERN,71053,536365\r\n");
  CHECK(products(derivation) == "71053|LANTERN|339|2;");
  CHECK(derivation.orders.at(0).invoice == "536365");
}

TEST_CASE("a file of something else is refused with what is missing") {
  const struct {
    std::string text;
    std::string_view detail;
  } cases[] = {{"", "The file is empty."},
               {"a,b\n1,2\n", "The first record has no column InvoiceNo."},
               {"InvoiceNo,StockCode,Description,Quantity,Price\n", "The first record has no column UnitPrice."},
               {"Invoice\"No,StockCode\n", "The first record, the header, cannot be read"}};
  for (const auto& [text, detail] : cases) {
    CAPTURE(text);
    std::string found;
    try {
      derive_text(text);
    } catch (const Problem& problem) {
      found = problem.detail;
    }
    CHECK(found.starts_with(detail));
  }
}

TEST_CASE("the files hold every line once, and say so") {
  const auto derivation = derive_lines(line("536365", "85123a", "\"HEART, \"\"WHITE\"\"\"", "6", "2.5") + line("536365", "POST", "P", "1", "18") +
                                       line("536366", "71053", "LANT\xC9RN", "1", "3.39") + line("536367", "71053", "LANTERN", "2", "3.39"));
  const TemporaryFolder folder;
  const auto out = folder.path / "2010" / "12";
  write_files(derivation, out);
  CHECK(text_of(out / "products.csv") ==
        "sku,name,price,currency\n71053,LANTERN,3.39,GBP\n85123A,\"HEART, \"\"WHITE\"\"\",2.50,GBP\n");
  CHECK(text_of(out / "stock.csv") == "sku,quantity\n71053,2\n85123A,6\n");
  CHECK(text_of(out / "orders.csv") == "invoice,line,sku,quantity\n536365,2,85123A,6\n536367,5,71053,2\n");
  CHECK(text_of(out / "left_aside.csv") ==
        "line,reason,record\n"
        "3,not_goods,\"536365,POST,P,1,2010-12-01 08:26:00,18,,United Kingdom\"\n"
        "4,malformed,\"536366,71053,LANT\\xC9RN,1,2010-12-01 08:26:00,3.39,,United Kingdom\"\n");
  CHECK(find_miscounts(derivation, out).empty());
  CHECK(derivation.invoices() == 2);
  CHECK(derivation.units() == 8);

  const struct {
    std::string_view what, file, text;
  } damages[] = {{"a line lost", "left_aside.csv", "line,reason,record\n3,not_goods,x\n"},
                 {"a line twice", "left_aside.csv", "line,reason,record\n3,not_goods,x\n3,not_goods,x\n"},
                 {"a line in both", "left_aside.csv", "line,reason,record\n3,not_goods,x\n2,not_goods,x\n"},
                 {"other stock", "stock.csv", "sku,quantity\n71053,2\n85123A,5\n"},
                 {"stock missing", "stock.csv", "sku,quantity\n85123A,6\n"},
                 {"no product", "products.csv", "sku,name,price,currency\n71053,LANTERN,3.39,GBP\n"},
                 {"a file cut short", "orders.csv", "invoice,line,sku,quantity\n536365,2,85123A,6\n536367,5\n"},
                 {"an empty file", "orders.csv", ""}};
  for (const auto& [what, file, text] : damages) {
    CAPTURE(what);
    const auto whole = text_of(out / file);
    std::ofstream(out / file, std::ios::binary) << text;
    CHECK_FALSE(find_miscounts(derivation, out).empty());
    std::ofstream(out / file, std::ios::binary) << whole;
    CHECK(find_miscounts(derivation, out).empty());
  }
}

TEST_CASE("a folder that cannot be made is a problem, not a crash") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path);
  std::ofstream(folder.path / "file") << "x";
  CHECK_THROWS_AS(write_files(derive_lines(""), folder.path / "file" / "out"), Problem);
}
