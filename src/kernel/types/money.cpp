#include "kernel/types/money.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop {
namespace {

// List one of ISO 4217 as of 2026, each code followed by its decimals. Precious metals, special drawing rights and test
// codes are left out: they have no minor unit, so no amount can be written in them.
constexpr std::string_view currencies =
    "AED2AFN2ALL2AMD2AOA2ARS2AUD2AWG2AZN2BAM2BBD2BDT2BHD3BIF0BMD2BND2BOB2BOV2BRL2BSD2BTN2BWP2BYN2BZD2"
    "CAD2CDF2CHE2CHF2CHW2CLF4CLP0CNY2COP2COU2CRC2CUP2CVE2CZK2DJF0DKK2DOP2DZD2EGP2ERN2ETB2EUR2FJD2FKP2"
    "GBP2GEL2GHS2GIP2GMD2GNF0GTQ2GYD2HKD2HNL2HTG2HUF2IDR2ILS2INR2IQD3IRR2ISK0JMD2JOD3JPY0KES2KGS2KHR2"
    "KMF0KPW2KRW0KWD3KYD2KZT2LAK2LBP2LKR2LRD2LSL2LYD3MAD2MDL2MGA2MKD2MMK2MNT2MOP2MRU2MUR2MVR2MWK2MXN2"
    "MXV2MYR2MZN2NAD2NGN2NIO2NOK2NPR2NZD2OMR3PAB2PEN2PGK2PHP2PKR2PLN2PYG0QAR2RON2RSD2RUB2RWF0SAR2SBD2"
    "SCR2SDG2SEK2SGD2SHP2SLE2SOS2SRD2SSP2STN2SVC2SYP2SZL2THB2TJS2TMT2TND3TOP2TRY2TTD2TWD2TZS2UAH2UGX0"
    "USD2USN2UYI0UYU2UYW4UZS2VED2VES2VND0VUV0WST2XAD2XAF0XCD2XCG2XOF0XPF0YER2ZAR2ZMW2ZWG2";
constexpr std::size_t entry_size = 4;
constexpr std::size_t currency_count = currencies.size() / entry_size;
constexpr std::string_view code_at(std::size_t i) { return currencies.substr(i * entry_size, 3); }
constexpr bool sorted_and_whole() {
  for (std::size_t i = 1; i < currency_count; ++i)
    if (!(code_at(i - 1) < code_at(i))) return false;
  return currencies.size() % entry_size == 0;
}
static_assert(sorted_and_whole(), "find_exponent searches by halves");

std::optional<int> find_exponent(std::string_view code) {
  std::size_t from = 0;
  std::size_t to = currency_count;
  while (from < to) {
    const auto middle = (from + to) / 2;
    if (code_at(middle) < code)
      from = middle + 1;
    else
      to = middle;
  }
  if (from == currency_count || code_at(from) != code) return {};
  return currencies[from * entry_size + 3] - '0';
}

[[noreturn]] void throw_out_of_range() {
  throw Problem::invalid("amount_out_of_range", "The amount is too large. Use a smaller price or quantity.");
}

void require_same_currency(Money a, Money b) {
  if (a.currency != b.currency)
    die(fmt::format("money in {} and in {} was mixed", a.currency ? a.currency.code() : "no currency",
                    b.currency ? b.currency.code() : "no currency"));
}

constexpr int scale_max = 9;
constexpr std::int64_t power_of_ten(int exponent) {
  std::int64_t power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

std::string with_point(std::int64_t digits, int scale) {
  // The smallest integer has no positive counterpart, so the sign is taken off in unsigned arithmetic.
  const auto magnitude = digits < 0 ? 0 - static_cast<std::uint64_t>(digits) : static_cast<std::uint64_t>(digits);
  const auto unit = static_cast<std::uint64_t>(power_of_ten(scale));
  const auto sign = digits < 0 ? "-" : "";
  if (scale == 0) return fmt::format("{}{}", sign, magnitude);
  return fmt::format("{}{}.{:0{}}", sign, magnitude / unit, magnitude % unit, scale);
}

}  // namespace

std::optional<Currency> Currency::parse(std::string_view code) {
  if (code.size() != 3 || !find_exponent(code)) return {};
  Currency currency;
  std::ranges::copy(code, currency.code_.begin());
  return currency;
}

int Currency::exponent() const {
  const auto exponent = find_exponent(code());
  if (!exponent) die("the decimals of no currency were asked for");
  return *exponent;
}

Money operator+(Money a, Money b) {
  require_same_currency(a, b);
  if (__builtin_add_overflow(a.amount, b.amount, &a.amount)) throw_out_of_range();
  return a;
}

Money operator-(Money a, Money b) {
  require_same_currency(a, b);
  if (__builtin_sub_overflow(a.amount, b.amount, &a.amount)) throw_out_of_range();
  return a;
}

Money operator*(Money price, std::int64_t quantity) {
  if (__builtin_mul_overflow(price.amount, quantity, &price.amount)) throw_out_of_range();
  return price;
}

std::strong_ordering Decimal::operator<=>(const Decimal& other) const {
  const auto left = static_cast<Int128>(digits) * power_of_ten(scale_max - scale);
  const auto right = static_cast<Int128>(other.digits) * power_of_ten(scale_max - other.scale);
  if (left == right) return std::strong_ordering::equal;
  return left < right ? std::strong_ordering::less : std::strong_ordering::greater;
}

std::optional<Decimal> Decimal::parse(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto point = text.find('.');
  const auto whole = text.substr(0, point);
  auto fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && fraction.empty())) return {};
  // Zeros at the end say nothing, and must not be what makes a number too long.
  while (fraction.ends_with('0')) fraction.remove_suffix(1);
  if (fraction.size() > scale_max) return {};

  Decimal decimal;
  decimal.scale = static_cast<int>(fraction.size());
  for (const auto part : {whole, fraction})
    for (const char c : part) {
      if (c < '0' || c > '9') return {};
      const std::int64_t digit = negative ? '0' - c : c - '0';
      if (__builtin_mul_overflow(decimal.digits, 10, &decimal.digits) ||
          __builtin_add_overflow(decimal.digits, digit, &decimal.digits))
        return {};
    }
  return decimal;
}

std::string Decimal::str() const {
  auto short_digits = digits;
  auto short_scale = scale;
  while (short_scale > 0 && short_digits % 10 == 0) {
    short_digits /= 10;
    --short_scale;
  }
  return with_point(short_digits, short_scale);
}

std::int64_t divide_half_even(Int128 numerator, Int128 denominator) {
  if (denominator <= 0) die("a division to be rounded has a denominator of 0 or less");
  auto quotient = numerator / denominator;
  auto remainder = numerator % denominator;
  if (remainder < 0) {  // from here on the quotient is rounded down, so that below and above zero are the same case
    --quotient;
    remainder += denominator;
  }
  // Compared with what is left of the denominator: twice the remainder may not fit.
  const auto rest = denominator - remainder;
  if (remainder > rest || (remainder == rest && quotient % 2 != 0)) ++quotient;
  if (quotient < std::numeric_limits<std::int64_t>::min() || quotient > std::numeric_limits<std::int64_t>::max())
    throw_out_of_range();
  return static_cast<std::int64_t>(quotient);
}

std::int64_t percent_of(std::int64_t amount, const Decimal& percent) {
  const auto denominator = static_cast<Int128>(100) * power_of_ten(percent.scale);
  return divide_half_even(static_cast<Int128>(amount) * percent.digits, denominator);
}

std::int64_t tax_within(std::int64_t gross, const Decimal& percent) {
  // gross - gross / (1 + p/100) is gross x p / (100 + p), which is rounded once.
  const auto denominator = static_cast<Int128>(100) * power_of_ten(percent.scale) + percent.digits;
  if (denominator <= 0) die("a tax rate of -100 percent or less leaves no net amount");
  return divide_half_even(static_cast<Int128>(gross) * percent.digits, denominator);
}

std::optional<std::int64_t> parse_amount(std::string_view text, Currency currency) {
  const auto decimal = Decimal::parse(text);
  const auto exponent = currency.exponent();
  if (!decimal || decimal->scale > exponent) return {};
  std::int64_t amount = 0;
  if (__builtin_mul_overflow(decimal->digits, power_of_ten(exponent - decimal->scale), &amount)) return {};
  return amount;
}

std::string format_amount(std::int64_t amount, Currency currency) { return with_point(amount, currency.exponent()); }

std::vector<std::int64_t> allocate(std::int64_t total, const std::vector<std::int64_t>& weights) {
  std::vector<std::int64_t> shares(weights.size());
  Int128 sum = 0;
  for (const auto weight : weights) {
    if (weight < 0) die("an amount was allocated by a negative weight");
    sum += weight;
  }
  if (sum == 0) {
    if (!weights.empty())
      shares.front() = total;
    else if (total != 0)
      die("an amount was allocated to nobody");
    return shares;
  }

  std::vector<Int128> remainders(weights.size());
  auto left = total;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto exact = static_cast<Int128>(total) * weights[i];
    shares[i] = static_cast<std::int64_t>(exact / sum);
    remainders[i] = exact % sum < 0 ? -(exact % sum) : exact % sum;
    left -= shares[i];
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>{}, [&](std::size_t i) { return remainders[i]; });
  // What is left is the sum of the remainders in whole units: fewer than there are remainders above zero.
  const std::int64_t unit = left < 0 ? -1 : 1;
  for (std::size_t i = 0; left != 0; ++i, left -= unit) shares[order[i]] += unit;
  return shares;
}

}  // namespace polyshop
