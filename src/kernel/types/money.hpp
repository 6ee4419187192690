#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe.hpp>

namespace polyshop {

// An ISO 4217 currency that is in use. A default one is empty and stands for none.
class Currency {
 public:
  constexpr Currency() = default;
  static std::optional<Currency> parse(std::string_view code);  // exactly three capitals of a listed currency
  std::string_view code() const { return {code_.data(), code_[0] ? 3u : 0u}; }
  // Decimals of the minor unit: 2 for EUR, 0 for JPY, 3 for KWD. An empty one has none: asking ends the process.
  int exponent() const;
  explicit operator bool() const { return code_[0] != 0; }
  auto operator<=>(const Currency&) const = default;

 private:
  std::array<char, 3> code_{};
};

// An amount in minor units (cents, pence). Arithmetic that overflows, or mixes currencies, throws Problem 422
// `amount_out_of_range` or ends the process (mixing is a bug, not an input).
struct Money {
  std::int64_t amount = 0;
  Currency currency;
  auto operator<=>(const Money&) const = default;
};
BOOST_DESCRIBE_STRUCT(Money, (), (amount, currency))

Money operator+(Money a, Money b);
Money operator-(Money a, Money b);
Money operator*(Money price, std::int64_t quantity);

// A decimal number, exact: `digits` x 10^-`scale`. What rates are ("0.2", "19", "5.5"), and prices typed by people.
// They compare by value: 12.5 and 12.50 are equal.
struct Decimal {
  std::int64_t digits = 0;
  int scale = 0;  // 0 to 9
  std::strong_ordering operator<=>(const Decimal& other) const;
  bool operator==(const Decimal& other) const { return (*this <=> other) == 0; }
  static std::optional<Decimal> parse(std::string_view text);  // "-12.50"; no exponent, no thousands separators
  std::string str() const;                                     // as short as it is exact: "12.5"
};

__extension__ using Int128 = __int128;  // so that -Wpedantic lets it pass

// What follows throws amount_out_of_range too where the result does not fit.
// amount x rate percent, rounded half to even: percent_of(1999, 19) is 380 (379.81).
std::int64_t percent_of(std::int64_t amount, const Decimal& percent);
// The part of a gross amount that is tax at a rate of percent: gross - gross / (1 + percent/100), half to even.
// percent > -100.
std::int64_t tax_within(std::int64_t gross, const Decimal& percent);
// numerator / denominator rounded half to even; denominator > 0.
std::int64_t divide_half_even(Int128 numerator, Int128 denominator);

// "19.99" in EUR is 1999; nothing where the text is no number, has more decimals than the currency (trailing zeros are
// allowed: "1.500" EUR is 150), or does not fit.
std::optional<std::int64_t> parse_amount(std::string_view text, Currency currency);
std::string format_amount(std::int64_t amount, Currency currency);  // 1999 EUR is "19.99"

// Shares of total in the proportion of the weights, by largest remainder, so that they add up to total exactly.
// Weights are >= 0; when all are 0 the first takes everything. Of equal remainders the earlier one is served first. A
// negative total is shared as its opposite is.
std::vector<std::int64_t> allocate(std::int64_t total, const std::vector<std::int64_t>& weights);

}  // namespace polyshop
