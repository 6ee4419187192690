#include "kernel/runtime/clock.hpp"

#include <limits>
#include <random>

#include <doctest/doctest.h>

using namespace polyshop;

TEST_CASE("a time is written as RFC 3339") {
  struct Case {
    Timestamp time;
    std::string_view text;
  };
  for (const auto& [time, text] : {
           Case{0, "1970-01-01T00:00:00.000Z"},
           {1'767'225'600'000, "2026-01-01T00:00:00.000Z"},
           {-1, "1969-12-31T23:59:59.999Z"},
           {951'782'399'999, "2000-02-28T23:59:59.999Z"},
           {951'782'400'000, "2000-02-29T00:00:00.000Z"},   // a leap year, though divisible by 100
           {4'107'542'400'000, "2100-03-01T00:00:00.000Z"},
           {4'107'542'399'999, "2100-02-28T23:59:59.999Z"},  // no leap year
           {253'402'300'799'999, "9999-12-31T23:59:59.999Z"},
           {-62'167'219'200'000, "0000-01-01T00:00:00.000Z"},
       }) {
    CAPTURE(text);
    CHECK(format_time(time) == text);
    CHECK(parse_time(text) == time);
  }
  CHECK(format_time(std::numeric_limits<Timestamp>::max()) == "9999-12-31T23:59:59.999Z");
  CHECK(format_time(std::numeric_limits<Timestamp>::min()) == "0000-01-01T00:00:00.000Z");
}

TEST_CASE("a time is read from a date, with an offset, with or without a fraction") {
  struct Case {
    std::string_view text;
    std::string_view same_as;
  };
  for (const auto& [text, same_as] : {
           Case{"2026-01-31", "2026-01-31T00:00:00.000Z"},
           {"2026-01-31T12:34:56Z", "2026-01-31T12:34:56.000Z"},
           {"2026-01-31T12:34:56.7Z", "2026-01-31T12:34:56.700Z"},
           {"2026-01-31T12:34:56.789999999Z", "2026-01-31T12:34:56.789Z"},
           {"2026-01-31T12:34:56+05:30", "2026-01-31T07:04:56.000Z"},
           {"2026-01-31T23:34:56.5-01:00", "2026-02-01T00:34:56.500Z"},
           {"2026-01-31T12:34:56-00:00", "2026-01-31T12:34:56.000Z"},
           {"2024-02-29", "2024-02-29T00:00:00.000Z"},
       }) {
    CAPTURE(text);
    const auto time = parse_time(text);
    REQUIRE(time.has_value());
    CHECK(format_time(*time) == same_as);
  }
}

TEST_CASE("what is no time is refused") {
  for (const std::string_view text : {
           "", "2026", "2026-01", "2026-1-31", "26-01-31", "2026-13-01", "2026-00-01", "2026-02-29", "2100-02-29", "2026-01-00",
           "2026-01-32", "2026-04-31", "2026/01/31", "2026-01-31 ", " 2026-01-31", "2026-01-31T", "2026-01-31Z", "2026-01-31T12:34Z",
           "2026-01-31T12:34:56", "2026-01-31 12:34:56Z", "2026-01-31t12:34:56Z", "2026-01-31T12:34:56z", "2026-01-31T24:00:00Z",
           "2026-01-31T12:60:00Z", "2026-06-30T23:59:60Z", "2026-01-31T12:34:56.Z", "2026-01-31T12:34:56.1234567890Z",
           "2026-01-31T12:34:56,5Z", "2026-01-31T12:34:56+0100", "2026-01-31T12:34:56+1:00", "2026-01-31T12:34:56+24:00",
           "2026-01-31T12:34:56+01:60", "2026-01-31T12:34:56+01:00Z", "2026-01-31T12:34:56ZZ", "-026-01-31", "+026-01-31",
           "2026-01-31T-1:00:00Z", "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-01-3\xd9\xa1",
       }) {
    CAPTURE(text);
    CHECK_FALSE(parse_time(text).has_value());
  }
}

TEST_CASE("every time survives being written and read") {
  std::mt19937_64 random(20260131);
  std::uniform_int_distribution<Timestamp> times(-62'167'219'200'000, 253'402'300'799'999);
  for (int i = 0; i < 20'000; ++i) {
    const auto time = times(random);
    REQUIRE(parse_time(format_time(time)) == time);
  }
}

TEST_CASE("a manual clock stands still until it is advanced") {
  ManualClock clock;
  CHECK(format_time(clock.now()) == "2026-01-01T00:00:00.000Z");
  clock.advance(1500);
  CHECK(format_time(clock.now()) == "2026-01-01T00:00:01.500Z");
}

TEST_CASE("the system clock is in milliseconds of this century") {
  const auto now = SystemClock().now();
  CHECK(now > 1'767'225'600'000);
  CHECK(now < 4'102'444'800'000);
}
