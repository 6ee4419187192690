#include "quote.hpp"

#include <fmt/format.h>

namespace polyshop::pricing {
namespace {

// A tax, with the words of its reasons that are the same for every line.
struct Rule {
  const TaxRule* tax = nullptr;
  std::string before;
  std::string after;
};

class Rules {
 public:
  Rules(const std::vector<TaxRule>& taxes, const std::string& country) {
    for (const auto& tax : taxes) {
      Rule rule{&tax, fmt::format("{} of {} is {} ", tax.name, country, tax.inclusive ? "contained in" : "added to"), {}};
      if (tax.category_id) {
        rule.after = fmt::format(". Category {} is the nearest that has a tax.", tax.category_id->view());
        by_category_.emplace(*tax.category_id, std::move(rule));
      } else {
        rule.after = ". It is the country's general tax.";
        general_ = std::move(rule);
      }
    }
  }

  const Rule* general() const { return general_.tax ? &general_ : nullptr; }
  const Rule* nearest(const std::vector<catalog::CategoryId>& categories) const {
    if (!by_category_.empty())
      for (const auto& category : categories)
        if (const auto found = by_category_.find(category); found != by_category_.end()) return &found->second;
    return general();
  }

 private:
  std::unordered_map<catalog::CategoryId, Rule> by_category_;
  Rule general_;
};

// In one piece and without parsing a format: reasons are most of what a quote costs.
std::string joined(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const auto part : parts) size += part.size();
  std::string text;
  text.reserve(size);
  for (const auto part : parts) text += part;
  return text;
}

void add_to(std::int64_t& sum, std::int64_t amount, std::string_view pointer) {
  if (__builtin_add_overflow(sum, amount, &sum)) throw Problem::invalid("amount_out_of_range", "The amount is too large. Use a smaller price or quantity.", std::string(pointer));
}

bool is_rounded(std::int64_t charged, const QuotedAmount& amount) {
  Int128 denominator = 100;
  for (int i = 0; i < amount.tax_percent.scale; ++i) denominator *= 10;
  if (amount.tax_inclusive) denominator += amount.tax_percent.digits;
  return static_cast<Int128>(charged) * amount.tax_percent.digits != amount.tax * denominator;
}

class Quoting {
 public:
  Quoting(const QuoteCart& cart, const PriceList& prices, const std::vector<TaxRule>& taxes) : cart_(cart), prices_(prices), rules_(taxes, cart.country.value_or("")), code_(cart.currency.code()) {
    quote_.currency = cart.currency;
    quote_.lines.reserve(cart.lines.size());
    quote_.trace.reserve(2 * cart.lines.size() + 1);
  }

  Quote run() {
    auto& totals = quote_.totals;
    for (std::size_t i = 0; i < cart_.lines.size(); ++i) {
      const auto& amount = add_line(cart_.lines[i], joined({"/lines/", fmt::format_int(i).c_str()})).amount;
      add_to(totals.lines, amount.net, "/totals/lines");
      add_to(totals.tax, amount.tax, "/totals/tax");
    }
    if (cart_.delivery) {
      if (*cart_.delivery < 0) throw Problem::invalid("negative_amount", "A delivery costs 0 or more.", "/delivery");
      quote_.delivery = taxed(*cart_.delivery, format_amount(*cart_.delivery, cart_.currency), rules_.general(), "/delivery");
      totals.delivery = quote_.delivery->net;
      add_to(totals.tax, quote_.delivery->tax, "/totals/tax");
    }
    if (!cart_.country) quote_.trace.push_back({"/totals/tax", "No country is known yet, so no tax is charged."});
    totals.total = totals.lines;
    add_to(totals.total, totals.delivery, "/totals/total");
    add_to(totals.total, -totals.discounts, "/totals/total");
    add_to(totals.total, totals.tax, "/totals/total");
    return std::move(quote_);
  }

 private:
  QuotedLine& add_line(const LineToQuote& wanted, const std::string& pointer) {
    if (wanted.quantity < 0) throw Problem::invalid("negative_quantity", "A quantity is 0 or more.", pointer + "/quantity");
    auto& line = quote_.lines.emplace_back(QuotedLine{wanted.id, wanted.sku, wanted.quantity, {}, {}});
    const auto price = prices_.find(wanted.sku);
    if (price == prices_.end()) {
      quote_.trace.push_back({pointer + "/unit_price", fmt::format("The price list has no price of {} in {}, so the line counts nothing.", wanted.sku, code_)});
      return line;
    }
    line.unit_price = price->second;
    std::int64_t charged = 0;
    if (__builtin_mul_overflow(price->second, wanted.quantity, &charged)) throw Problem::invalid("amount_out_of_range", "The amount is too large. Use a smaller quantity.", pointer + "/quantity");
    const auto charged_text = format_amount(charged, cart_.currency);
    quote_.trace.push_back({pointer + "/unit_price", joined({wanted.sku, " costs ", format_amount(price->second, cart_.currency), " ", code_, " in the price list; ",
                                                              fmt::format_int(wanted.quantity).c_str(), " of it are ", charged_text, "."})});
    line.amount = taxed(charged, charged_text, rules_.nearest(wanted.category_ids), pointer + "/amount");
    return line;
  }

  // What is charged by the price list, taken apart into net and tax, or with the tax added to it.
  QuotedAmount taxed(std::int64_t charged, const std::string& charged_text, const Rule* rule, const std::string& pointer) {
    QuotedAmount amount{charged, 0, charged, {}, {}, false};
    if (!cart_.country) return amount;
    if (!rule) {
      quote_.trace.push_back({pointer + "/tax", fmt::format("{} has no tax that fits, so none is charged.", *cart_.country)});
      return amount;
    }
    amount.tax_name = rule->tax->name;
    amount.tax_percent = rule->tax->percent;
    amount.tax_inclusive = rule->tax->inclusive;
    if (amount.tax_inclusive) {
      amount.tax = tax_within(charged, amount.tax_percent);
      amount.net -= amount.tax;
    } else {
      amount.tax = percent_of(charged, amount.tax_percent);
      add_to(amount.total, amount.tax, pointer);
    }
    quote_.trace.push_back({pointer + "/tax", joined({rule->before, charged_text, ": ", format_amount(amount.tax, cart_.currency), is_rounded(charged, amount) ? ", rounded half to even" : "", rule->after})});
    return amount;
  }

  const QuoteCart& cart_;
  const PriceList& prices_;
  const Rules rules_;
  const std::string_view code_;
  Quote quote_;
};

}  // namespace

Quote quote(const QuoteCart& cart, const PriceList& prices, const std::vector<TaxRule>& taxes) { return Quoting(cart, prices, taxes).run(); }

}  // namespace polyshop::pricing
