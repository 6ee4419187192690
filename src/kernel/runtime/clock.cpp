#include "kernel/runtime/clock.hpp"

#include <chrono>

#include <fmt/format.h>

#include "kernel/runtime/failpoint.hpp"

namespace polyshop {
namespace {

// RFC 3339 has four digits for the year.
constexpr Timestamp first_ms = -62'167'219'200'000;  // 0000-01-01T00:00:00.000Z
constexpr Timestamp last_ms = 253'402'300'799'999;   // 9999-12-31T23:59:59.999Z

// Reads a text from the left; after a failure everything fails.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  int digits(std::size_t count) {
    if (rest_.size() < count) return fail();
    int number = 0;
    for (const char c : rest_.substr(0, count)) {
      if (c < '0' || c > '9') return fail();
      number = number * 10 + (c - '0');
    }
    rest_.remove_prefix(count);
    return number;
  }
  void expect(char c) {
    if (!skip(c)) fail();
  }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // The milliseconds of a fraction of one to nine digits; what is finer is cut off.
  int fraction_ms() {
    int ms = digits(1) * 100;
    int weight_ms = 10;
    for (int more = 0; more < 8 && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; ++more, weight_ms /= 10)
      ms += digits(1) * weight_ms;
    return ms;
  }
  bool at_end() const { return rest_.empty(); }
  bool good() const { return good_; }

 private:
  int fail() {
    good_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

Timestamp SystemClock::now() const {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count() + failpoint::clock_offset_ms.load(std::memory_order_relaxed);
}

Timestamp SystemClock::steady_ms() const {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string format_time(Timestamp time) {
  using namespace std::chrono;
  const sys_time<milliseconds> point{milliseconds{std::clamp(time, first_ms, last_ms)}};
  const auto day = floor<days>(point);
  const year_month_day date{day};
  const hh_mm_ss clock{point - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::optional<Timestamp> parse_time(std::string_view text) {
  using namespace std::chrono;
  Reader reader{text};
  const year year{reader.digits(4)};
  reader.expect('-');
  const month month{static_cast<unsigned>(reader.digits(2))};
  reader.expect('-');
  const day day{static_cast<unsigned>(reader.digits(2))};
  const year_month_day date{year, month, day};
  if (!reader.good() || !date.ok()) return {};
  milliseconds since_epoch = sys_days{date}.time_since_epoch();
  if (!reader.at_end()) {
    reader.expect('T');
    const int hour = reader.digits(2);
    reader.expect(':');
    const int minute = reader.digits(2);
    reader.expect(':');
    const int second = reader.digits(2);
    const int ms = reader.skip('.') ? reader.fraction_ms() : 0;
    // No leap second: a Timestamp cannot hold one.
    if (hour > 23 || minute > 59 || second > 59) return {};
    since_epoch += hours{hour} + minutes{minute} + seconds{second} + milliseconds{ms};
    if (!reader.skip('Z')) {
      const bool west = reader.skip('-');
      if (!west) reader.expect('+');
      const int offset_hour = reader.digits(2);
      reader.expect(':');
      const int offset_minute = reader.digits(2);
      if (offset_hour > 23 || offset_minute > 59) return {};
      const auto offset = hours{offset_hour} + minutes{offset_minute};
      since_epoch += west ? offset : -offset;
    }
  }
  const Timestamp time = since_epoch.count();
  if (!reader.good() || !reader.at_end() || time < first_ms || time > last_ms) return {};
  return time;
}

}  // namespace polyshop
