#pragma once

#include "live/report.hpp"
#include "live/shop.hpp"
#include "live/staff.hpp"
#include "online_retail/derive.hpp"

namespace polyshop::replay {

using live::Report;

std::string amount_text(std::int64_t pence);  // "728,123.45"

// An invoice as the source file has it: its kept lines, at the prices of the derived products.
struct Invoice {
  std::string number;
  std::vector<live::WantedLine> lines;
  std::int64_t total = 0;  // pence
};
std::vector<Invoice> invoices_of(const online_retail::Derivation& derivation);  // in the order of the file

struct Placed {
  std::int64_t orders = 0;
  std::int64_t total = 0;  // pence, as the shop says
  double seconds = 0;
};
// Places every invoice as a live checkout, so many shoppers at a time, and compares each order's total with the invoice's.
Placed place(const std::vector<Invoice>& invoices, int port, int shoppers, Report& report);

// What must hold once everything was sold: no stock is left or reserved, no reservation is open, and nothing more can be bought.
void check_stock(live::Staff& staff, const std::vector<online_retail::Product>& products, Report& report);
void check_reservations(live::Staff& staff, Report& report);
void check_sold_out(const std::vector<online_retail::Product>& products, int port, int shoppers, Report& report);
void check_audit(live::Shop& shop, std::string_view when, Report& report);

}  // namespace polyshop::replay
