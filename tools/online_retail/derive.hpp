#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

// Derives what `polyshop import` reads from a month of the UCI Online Retail data set. The rules:
//
// Cells are trimmed, stock codes are also upper-cased (many differ by case only). Columns are found by the names in the
// first record; only InvoiceNo, StockCode, Description, Quantity and UnitPrice are used, so that an empty CustomerID is
// no reason for anything.
//
// A stock code is of goods when it is at most four letters, then at least four digits, then at most four letters: 71053,
// 85123A, 15056BL, DCGS0003. Services, fees and vouchers have fewer digits (POST, M, C2, PADS, BANK CHARGES, TEST001) or
// other characters (gift_0001_40). A code without digits cannot be told from AMAZONFEE, so goods that are coded in words
// are left aside too.
//
// A line is left aside for the first of these reasons that holds:
//   malformed          the record is no CSV or has not as many cells as the header, or Quantity is no whole number up to
//                      a billion, or UnitPrice is no number
//   empty_cell         InvoiceNo, StockCode, Quantity or UnitPrice is empty
//   not_goods          the stock code is not of goods
//   cancellation       InvoiceNo starts with C
//   negative_quantity  Quantity is 0 or less
//   no_price           UnitPrice is 0 or less, or no line of this code has a price that is valid in GBP
//   empty_cell         no line of this code has a Description, so the product would have no name
// All others are kept. A line without Description is kept when other lines name its code. The reasons begin with what
// cannot be read and go on from what the code is, to what the invoice is, to what the line says.
//
// A product is made of every code of goods that has a price and a name. Both are taken from all of its lines that can be
// read, cancellations and write-offs too, since a return states the price of the sale and a rare code may have no other
// line. The price is the most frequent of the prices above 0, by value (2.5 is 2.50), the highest of equals. A price in
// fractions of a penny is nothing that a customer could be charged in GBP, and rounding would make up a price that nobody
// asked, so it does not count; the lines at such a price are kept when the code has another. The name is the most
// frequent description; of equals the longest, because the short ones are remarks such as "damages" or "?", then the
// first in byte order. The stock is what the kept lines sell, and 0 where only others name the code.
namespace polyshop::online_retail {

enum class Reason { malformed, empty_cell, not_goods, cancellation, negative_quantity, no_price };
inline constexpr std::array reasons{Reason::malformed,    Reason::empty_cell,        Reason::not_goods,
                                    Reason::cancellation, Reason::negative_quantity, Reason::no_price};
std::string_view code(Reason reason);

struct Product {
  std::string sku;
  std::string name;
  std::int64_t price = 0;  // pence
  std::int64_t units = 0;  // sold in the file
};

struct OrderLine {
  std::string invoice;
  std::size_t line = 0;  // of the source file, from 1
  std::string sku;
  std::int64_t quantity = 0;
};

struct LeftAside {
  std::size_t line = 0;
  Reason reason = Reason::malformed;
  std::string record;  // as it stood; bytes that are not UTF-8, and NUL, are written as \xNN, so that this stays text
};

struct Derivation {
  std::size_t lines = 0;  // records of the file, without the header
  std::vector<Product> products;      // by sku
  std::vector<OrderLine> orders;      // in the order of the file
  std::vector<LeftAside> left_aside;  // in the order of the file
  std::size_t invoices() const;       // with a kept line
  std::int64_t units() const;
  std::size_t count(Reason reason) const;
};

bool is_goods(std::string_view stock_code);  // upper-cased and trimmed

// Reads it all, in memory of about the file's size. `progress` is told the bytes read, now and then. Throws Problem where
// there is no header with the columns named above, or the reading fails.
Derivation derive(std::istream& in, const std::function<void(std::size_t bytes)>& progress = {});

}  // namespace polyshop::online_retail
