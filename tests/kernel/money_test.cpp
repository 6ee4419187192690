#include <doctest/doctest.h>

#include <csignal>
#include <limits>
#include <numeric>

#include <sys/wait.h>
#include <unistd.h>

#include "kernel/types/money.hpp"
#include "kernel/types/problem.hpp"

using namespace polyshop;

namespace {

constexpr auto least = std::numeric_limits<std::int64_t>::min();
constexpr auto most = std::numeric_limits<std::int64_t>::max();

Currency currency(std::string_view code) { return Currency::parse(code).value(); }
Money eur(std::int64_t amount) { return {amount, currency("EUR")}; }
Decimal decimal(std::string_view text) { return Decimal::parse(text).value(); }

template <class Action>
std::string problem_of(Action action) {
  try {
    action();
    return "none";
  } catch (const Problem& problem) {
    CHECK(problem.status == 422);
    return problem.code;
  }
}

// In a process of its own, without doctest's handler and the message on standard error.
template <class Action>
bool ends_the_process(Action action) {
  const auto child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    close(STDERR_FILENO);
    action();
    _exit(0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace

TEST_CASE("a currency is three capitals of the list, with its decimals") {
  const struct {
    std::string_view code;
    int exponent;
  } listed[] = {{"AED", 2}, {"EUR", 2}, {"GBP", 2}, {"USD", 2}, {"ZWG", 2}, {"JPY", 0}, {"ISK", 0},
                {"KWD", 3}, {"TND", 3}, {"CLF", 4}, {"UYW", 4}, {"CLP", 0}, {"XOF", 0}, {"XCG", 2}};
  for (const auto& [code, exponent] : listed) {
    CAPTURE(code);
    REQUIRE(Currency::parse(code));
    CHECK(Currency::parse(code)->code() == code);
    CHECK(Currency::parse(code)->exponent() == exponent);
  }
  // Unknown, not capitals, not three, without a minor unit, no longer in use, the first and last of all texts.
  for (const std::string_view code : {"", "E", "EU", "EURO", "eur", "Eur", " EUR", "EUR2", "XYZ", "XAU", "XXX", "XTS", "DEM",
                                      "HRK", "AAA", "ZZZ", "UR2", "2AF"}) {
    CAPTURE(code);
    CHECK_FALSE(Currency::parse(code));
  }
  CHECK_FALSE(Currency{});
  CHECK(Currency{}.code() == "");
}

TEST_CASE("money is added, subtracted and multiplied, and what does not fit is refused") {
  CHECK(eur(199) + eur(1) == eur(200));
  CHECK(eur(1) - eur(200) == eur(-199));
  CHECK(eur(-333) * 3 == eur(-999));
  CHECK(eur(most) + eur(0) == eur(most));
  CHECK(eur(most) * -1 == eur(-most));
  CHECK(problem_of([] { return eur(most) + eur(1); }) == "amount_out_of_range");
  CHECK(problem_of([] { return eur(least) - eur(1); }) == "amount_out_of_range");
  CHECK(problem_of([] { return eur(0) - eur(least); }) == "amount_out_of_range");
  CHECK(problem_of([] { return eur(least) * -1; }) == "amount_out_of_range");
  CHECK(problem_of([] { return eur(5'000'000'000) * 5'000'000'000; }) == "amount_out_of_range");
}

TEST_CASE("what only a bug can ask for ends the process") {
  CHECK(ends_the_process([] { return eur(1) + Money{1, currency("USD")}; }));
  CHECK(ends_the_process([] { return eur(1) - Money{}; }));
  CHECK(ends_the_process([] { return Currency{}.exponent(); }));
  CHECK(ends_the_process([] { return divide_half_even(1, 0); }));
  CHECK(ends_the_process([] { return tax_within(100, {-100, 0}); }));
  CHECK(ends_the_process([] { return allocate(1, {2, -1}); }));
  CHECK(ends_the_process([] { return allocate(1, {}); }));
  CHECK_FALSE(ends_the_process([] { return eur(1) + eur(1); }));
}

TEST_CASE("decimals are read exactly and written as short as they are exact") {
  const struct {
    std::string_view text;
    std::int64_t digits;
    int scale;
    std::string_view shortest;
  } good[] = {{"0", 0, 0, "0"},
              {"-0", 0, 0, "0"},
              {"19", 19, 0, "19"},
              {"100", 100, 0, "100"},
              {"5.5", 55, 1, "5.5"},
              {"-12.50", -125, 1, "-12.5"},
              {"-0.05", -5, 2, "-0.05"},
              {"007", 7, 0, "7"},
              {"1.000000000000", 1, 0, "1"},
              {"0.000000001", 1, 9, "0.000000001"},
              {"9223372036854775807", most, 0, "9223372036854775807"},
              {"9223372036854775807.00", most, 0, "9223372036854775807"},
              {"-9223372036854775808", least, 0, "-9223372036854775808"},
              {"-9.223372036", -9'223'372'036, 9, "-9.223372036"}};
  for (const auto& [text, digits, scale, shortest] : good) {
    CAPTURE(text);
    const auto read = Decimal::parse(text);
    REQUIRE(read);
    CHECK(read->digits == digits);
    CHECK(read->scale == scale);
    CHECK(read->str() == shortest);
  }
  for (const std::string_view text :
       {"", "-", ".", ".5", "5.", "+5", "--5", "1e3", "1,5", "1,000.00", "1 000", " 1", "1 ", "1.2.3", "1-", "0x10", "nan", "inf",
        "0.0000000001", "9223372036854775808", "-9223372036854775809", "92233720368547758.08.", "922337203685477580.80001"}) {
    CAPTURE(text);
    CHECK_FALSE(Decimal::parse(text));
  }
  CHECK(Decimal{1250, 2}.str() == "12.5");
  CHECK(Decimal{-100, 2}.str() == "-1");
}

TEST_CASE("decimals compare by value") {
  CHECK(Decimal{1250, 2} == Decimal{125, 1});
  CHECK(decimal("1.25") < decimal("2"));
  CHECK(decimal("-1.25") > decimal("-2"));
  CHECK(decimal("9223372036854775807") > decimal("0.000000001"));
  CHECK(decimal("-9223372036854775808") < decimal("-9.3"));
}

TEST_CASE("division rounds half to even on both sides of zero") {
  const struct {
    std::int64_t numerator, denominator, quotient;
  } cases[] = {{0, 7, 0},  {5, 2, 2},   {7, 2, 4},   {-5, 2, -2}, {-7, 2, -4}, {1, 2, 0},  {-1, 2, 0}, {3, 2, 2},
               {-3, 2, -2}, {5, 3, 2},   {4, 3, 1},   {-5, 3, -2}, {-4, 3, -1}, {249, 100, 2}, {251, 100, 3}, {250, 100, 2},
               {350, 100, 4}, {most, 1, most}, {least, 1, least}, {most, most, 1}, {most, 2, 4611686018427387904}};
  for (const auto& [numerator, denominator, quotient] : cases) {
    CAPTURE(numerator);
    CAPTURE(denominator);
    CHECK(divide_half_even(numerator, denominator) == quotient);
  }
  const auto huge = static_cast<Int128>(most) * most;
  CHECK(divide_half_even(huge, most) == most);
  CHECK(problem_of([&] { return divide_half_even(huge, 2); }) == "amount_out_of_range");
  CHECK(problem_of([&] { return divide_half_even(-huge, 2); }) == "amount_out_of_range");
}

TEST_CASE("a percentage of an amount") {
  const struct {
    std::int64_t amount;
    std::string_view percent;
    std::int64_t part;
  } cases[] = {{1999, "19", 380}, {1999, "0", 0},      {1000, "5.5", 55},  {50, "1", 0},     {150, "1", 2},       {250, "1", 2},
               {-50, "1", 0},     {-150, "1", -2},     {-1999, "19", -380}, {100, "-20", -20}, {1, "50.000000001", 1},
               {1, "49.999999999", 0}, {most, "100", most}, {999, "0.05", 0},   {1000, "0.05", 0}, {1001, "0.05", 1}};
  for (const auto& [amount, percent, part] : cases) {
    CAPTURE(amount);
    CAPTURE(percent);
    CHECK(percent_of(amount, decimal(percent)) == part);
  }
  CHECK(problem_of([] { return percent_of(most, decimal("100.000001")); }) == "amount_out_of_range");
  CHECK(problem_of([] { return percent_of(most, {most, 0}); }) == "amount_out_of_range");
}

TEST_CASE("the tax within a gross amount") {
  const struct {
    std::int64_t gross;
    std::string_view percent;
    std::int64_t tax;
  } cases[] = {{11900, "19", 1900}, {1999, "19", 319},   {1999, "0", 0},       {-11900, "19", -1900}, {120, "20", 20},
               {100, "20", 17},     {1055, "5.5", 55},   {1, "100", 0},        {3, "100", 2},         {most, "100", 4611686018427387904},
               {0, "19", 0},        {-3, "100", -2}};
  for (const auto& [gross, percent, tax] : cases) {
    CAPTURE(gross);
    CAPTURE(percent);
    CHECK(tax_within(gross, decimal(percent)) == tax);
  }
}

TEST_CASE("amounts are read in the currency's decimals and written so") {
  const struct {
    std::string_view text;
    std::string_view code;
    std::int64_t amount;
    std::string_view written;
  } good[] = {{"19.99", "EUR", 1999, "19.99"},
              {"1.500", "EUR", 150, "1.50"},
              {"1.5", "EUR", 150, "1.50"},
              {"0.05", "EUR", 5, "0.05"},
              {"-0.05", "EUR", -5, "-0.05"},
              {"7", "EUR", 700, "7.00"},
              {"7", "JPY", 7, "7"},
              {"7.00", "JPY", 7, "7"},
              {"1.234", "KWD", 1234, "1.234"},
              {"1.0001", "CLF", 10001, "1.0001"},
              {"92233720368547758.07", "EUR", most, "92233720368547758.07"},
              {"-92233720368547758.08", "EUR", least, "-92233720368547758.08"}};
  for (const auto& [text, code, amount, written] : good) {
    CAPTURE(text);
    CHECK(parse_amount(text, currency(code)) == amount);
    CHECK(format_amount(amount, currency(code)) == written);
  }
  const struct {
    std::string_view text;
    std::string_view code;
  } bad[] = {{"1.234", "EUR"}, {"1.5", "JPY"}, {"92233720368547758.08", "EUR"}, {"92233720368547759", "EUR"},
             {"", "EUR"},      {"EUR 5", "EUR"}, {"1.2345", "KWD"},            {"5,00", "EUR"}};
  for (const auto& [text, code] : bad) {
    CAPTURE(text);
    CHECK_FALSE(parse_amount(text, currency(code)));
  }
}

TEST_CASE("shares follow the weights and add up exactly") {
  using Amounts = std::vector<std::int64_t>;
  const struct {
    std::int64_t total;
    Amounts weights;
    Amounts shares;
  } cases[] = {{100, {1, 1, 1}, {34, 33, 33}},
               {-100, {1, 1, 1}, {-34, -33, -33}},
               {101, {1, 1, 1}, {34, 34, 33}},
               {10, {0, 3, 7}, {0, 3, 7}},
               {1, {0, 1, 1}, {0, 1, 0}},
               {5, {1, 2, 3}, {1, 2, 2}},
               {7, {0, 0, 0}, {7, 0, 0}},
               {0, {1, 2}, {0, 0}},
               {0, {}, {}},
               {10, {5}, {10}},
               {most, {most, most, most}, {3074457345618258603, 3074457345618258602, 3074457345618258602}},
               {least, {1, 1}, {-4611686018427387904, -4611686018427387904}}};
  for (const auto& [total, weights, shares] : cases) {
    CAPTURE(total);
    CHECK(allocate(total, weights) == shares);
  }
  for (std::int64_t total = -50; total <= 50; ++total) {
    const auto shares = allocate(total, {3, 0, 5, 7, 11, 11});
    CAPTURE(total);
    CHECK(std::accumulate(shares.begin(), shares.end(), std::int64_t{0}) == total);
    CHECK(shares[1] == 0);
  }
}
