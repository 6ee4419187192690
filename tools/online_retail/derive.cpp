#include "online_retail/derive.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "kernel/types/csv.hpp"
#include "kernel/types/money.hpp"
#include "kernel/types/problem.hpp"
#include "kernel/types/text.hpp"

namespace polyshop::online_retail {
namespace {

constexpr std::int64_t quantity_max = 1'000'000'000;  // so that the units of any file add up without overflow
constexpr std::size_t lines_per_progress = 4096;

// Not std::isupper and its kin, which depend on the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

void require_good(const std::istream& in) {
  if (in.bad())
    throw Problem::unavailable("reading_failed", "The file could not be read to its end. Check the disk, then try again.");
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const auto from = text.find_first_not_of(space);
  if (from == std::string_view::npos) return {};
  return std::string(text.substr(from, text.find_last_not_of(space) - from + 1));
}

std::string upper_cased(std::string text) {
  for (auto& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::string as_text(const std::string& raw) {
  const bool utf8 = is_utf8(raw);
  std::string text;
  for (const char c : raw)
    if (c == '\0' || (!utf8 && static_cast<unsigned char>(c) >= 0x80))
      text += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    else
      text += c;
  return text;
}

struct Columns {
  std::size_t invoice, stock_code, description, quantity, unit_price;
  std::size_t count;
};

Columns find_columns(const csv::Record& header) {
  const auto find = [&](std::string_view name) {
    const auto at = std::ranges::find(header.fields, name, trimmed);
    if (at == header.fields.end())
      throw Problem::malformed("wrong_header",
                               fmt::format("The first record has no column {}. Give a file of the Online Retail data set, "
                                           "whose header is InvoiceNo,StockCode,Description,Quantity,InvoiceDate,"
                                           "UnitPrice,CustomerID,Country.",
                                           name));
    return static_cast<std::size_t>(at - header.fields.begin());
  };
  return {find("InvoiceNo"), find("StockCode"), find("Description"),
          find("Quantity"),  find("UnitPrice"), header.fields.size()};
}

// A record whose cells could be read.
struct Line {
  std::string invoice;
  std::string sku;
  std::string description;
  std::int64_t quantity = 0;
  Decimal price;
};

// What the lines of a code say about it.
struct Goods {
  std::map<std::int64_t, std::size_t> prices;    // pence
  std::map<std::string, std::size_t> descriptions;
  std::int64_t units = 0;

  std::optional<std::int64_t> price() const {
    if (prices.empty()) return {};
    return std::ranges::max_element(prices, {}, [](const auto& price) {
             return std::pair(price.second, price.first);
           })->first;
  }
  std::optional<std::string> name() const {
    if (descriptions.empty()) return {};
    // Of equals this finds the first, which in a map is the first in byte order.
    return std::ranges::max_element(descriptions, {}, [](const auto& description) {
             return std::pair(description.second, code_points(description.first));
           })->first;
  }
};

// Either the line, or why its cells cannot be read.
std::optional<Reason> read_cells(const csv::Record& record, const Columns& columns, Line& line) {
  if (!record.fault.empty() || record.fields.size() != columns.count) return Reason::malformed;
  const auto cell = [&](std::size_t column) { return trimmed(record.fields[column]); };
  line.invoice = upper_cased(cell(columns.invoice));
  line.sku = upper_cased(cell(columns.stock_code));
  line.description = cell(columns.description);
  const auto quantity_text = cell(columns.quantity);
  const auto price_text = cell(columns.unit_price);
  const auto quantity = Decimal::parse(quantity_text);
  const auto price = Decimal::parse(price_text);
  if (!quantity_text.empty() &&
      (!quantity || quantity->scale != 0 || quantity->digits > quantity_max || quantity->digits < -quantity_max))
    return Reason::malformed;
  if (!price_text.empty() && !price) return Reason::malformed;
  if (line.invoice.empty() || line.sku.empty() || !quantity || !price) return Reason::empty_cell;
  line.quantity = quantity->digits;
  line.price = *price;
  return {};
}

std::optional<Reason> reason_against(const Line& line) {
  if (!is_goods(line.sku)) return Reason::not_goods;
  if (line.invoice.starts_with('C')) return Reason::cancellation;
  if (line.quantity <= 0) return Reason::negative_quantity;
  if (line.price.digits <= 0) return Reason::no_price;
  return {};
}

std::optional<Reason> reason_against(const Goods& goods) {
  if (goods.prices.empty()) return Reason::no_price;
  if (goods.descriptions.empty()) return Reason::empty_cell;
  return {};
}

}  // namespace

std::string_view code(Reason reason) {
  switch (reason) {
    case Reason::malformed: return "malformed";
    case Reason::empty_cell: return "empty_cell";
    case Reason::not_goods: return "not_goods";
    case Reason::cancellation: return "cancellation";
    case Reason::negative_quantity: return "negative_quantity";
    case Reason::no_price: return "no_price";
  }
  die("a reason without a code");
}

std::size_t Derivation::invoices() const {
  std::unordered_set<std::string_view> seen;
  for (const auto& order : orders) seen.insert(order.invoice);
  return seen.size();
}

std::int64_t Derivation::units() const {
  std::int64_t sum = 0;
  for (const auto& product : products) sum += product.units;
  return sum;
}

std::size_t Derivation::count(Reason reason) const {
  return static_cast<std::size_t>(std::ranges::count(left_aside, reason, &LeftAside::reason));
}

bool is_goods(std::string_view stock_code) {
  constexpr std::ptrdiff_t letters_max = 4;
  constexpr std::ptrdiff_t digits_min = 4;
  const auto digits = std::ranges::find_if_not(stock_code, is_capital);
  const auto suffix = std::find_if_not(digits, stock_code.end(), is_digit);
  const auto rest = std::find_if_not(suffix, stock_code.end(), is_capital);
  return rest == stock_code.end() && digits - stock_code.begin() <= letters_max && suffix - digits >= digits_min &&
         rest - suffix <= letters_max;
}

Derivation derive(std::istream& in, const std::function<void(std::size_t bytes)>& progress) {
  csv::Reader reader(in);
  csv::Record record;
  const bool has_header = reader.next(record);
  require_good(in);
  if (!has_header)
    throw Problem::malformed("wrong_header", "The file is empty. Give a file of the Online Retail data set.");
  if (!record.fault.empty())
    throw Problem::malformed("wrong_header", fmt::format("The first record, the header, cannot be read: {}", record.fault));

  struct Candidate {
    OrderLine order;
    std::string raw;
  };
  Derivation result;
  std::map<std::string, Goods> goods;
  std::vector<Candidate> candidates;
  const auto gbp = Currency::parse("GBP").value();
  const auto columns = find_columns(record);
  Line line;
  while (reader.next(record)) {
    if (++result.lines % lines_per_progress == 0 && progress) progress(reader.bytes_read());
    auto reason = read_cells(record, columns, line);
    if (!reason) {
      reason = reason_against(line);
      if (reason != Reason::not_goods) {
        auto& of_code = goods[line.sku];
        if (const auto pence = parse_amount(line.price.str(), gbp); pence && *pence > 0) ++of_code.prices[*pence];
        if (!line.description.empty()) ++of_code.descriptions[line.description];
      }
    }
    if (reason)
      result.left_aside.push_back({record.line, *reason, as_text(record.raw)});
    else
      candidates.push_back({{line.invoice, record.line, line.sku, line.quantity}, record.raw});
  }
  require_good(in);

  for (auto& [order, raw] : candidates) {
    auto& of_code = goods.at(order.sku);
    if (const auto reason = reason_against(of_code)) {
      result.left_aside.push_back({order.line, *reason, as_text(raw)});
      continue;
    }
    of_code.units += order.quantity;
    result.orders.push_back(std::move(order));
  }
  std::ranges::sort(result.left_aside, {}, &LeftAside::line);
  for (const auto& [sku, of_code] : goods)
    if (!reason_against(of_code)) result.products.push_back({sku, *of_code.name(), *of_code.price(), of_code.units});
  return result;
}

}  // namespace polyshop::online_retail
