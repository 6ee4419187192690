#pragma once

#include <optional>

#include "kernel/types/id.hpp"
#include "live/shop.hpp"
#include "live/staff.hpp"

namespace polyshop::db {
class ControlledSession;
}

namespace polyshop::attack {

// How long a shop may take to come to rest before that is a failure.
inline std::chrono::seconds patience(120);

// What stands in the databases of a shop, read beside it and not through it.
struct Standing {
  std::int64_t sagas_open = 0;
  std::int64_t sagas_stuck = 0;
  std::int64_t effects_due = 0;
  std::int64_t events_parked = 0;
  std::int64_t events_untaken = 0;
  std::int64_t reserved = 0;        // units
  std::int64_t orders = 0;          // that were ever placed
  std::int64_t orders_total = 0;    // minor units
  std::int64_t carts_with_two = 0;  // living orders
  std::int64_t payments = 0;        // that were captured
  std::int64_t captured = 0;        // minor units
  std::int64_t units_sold = 0;      // and not taken back
  std::int64_t mails_placed = 0;    // that tell of an order
  std::int64_t mails_cancelled = 0;
};

// A shop to be attacked: the real program, with goods that cost something, delivery for nothing and a member of staff. It is
// started with failpoints allowed. Used by the main thread, which starts its process.
class Target {
 public:
  struct Options {
    std::filesystem::path program;
    std::string engine = "sqlite";  // postgresql: on the server that POLYSHOP_TEST_POSTGRESQL names
    std::filesystem::path data;     // its folder; made here
    live::Variables settings{};
    std::int64_t units = 1'000'000;  // of each SKU
  };
  static constexpr int skus = 12;
  static std::string sku(int number) { return "A-" + std::to_string(number); }
  static Currency currency() { return *Currency::parse("EUR"); }
  static constexpr const char* country = "DE";

  explicit Target(Options options);

  // Serves, with failpoints armed from the start.
  void start(const std::string& failpoints = {});
  void crash();                                      // kill -9
  void stop();                                       // it runs no further, and is not gone: SIGSTOP
  bool has_ended(std::chrono::milliseconds within);  // by itself
  std::optional<int> status() { return shop_.wait(std::chrono::milliseconds(0)); }
  live::Shop& shop() { return shop_; }
  int port() const { return shop_.port(); }
  std::string url() const { return database_->url(); }  // of PostgreSQL
  const std::string& engine() const { return options_.engine; }
  const std::filesystem::path& data() const { return options_.data; }
  live::Staff staff() const { return staff_of(port()); }
  live::Staff staff_of(int port) const { return {port, staff_email, password_}; }  // of another shop with the same staff

  // Arms failpoints of the serving process, in place of what was armed; answers how often each had acted until now.
  std::map<std::string, std::int64_t> arm(const std::string& failpoints);
  std::map<std::string, std::int64_t> acted();
  // Moves the shop's clock, for good, and arms failpoints.
  void jump(Timestamp ms, const std::string& failpoints = {});
  // To be called while something is waited for: moves the clock a little now and then, and past a lease every few times, so that
  // back-offs and the leases of those that crashed are soon over.
  void hasten();

  Standing standing() const;
  // Whether events that the subscription has not taken are in the archive of its source alone, such as those of webhook of order.
  bool must_read_archive(std::string_view consumer, std::string_view source) const;
  // Waits until every saga has ended and nothing is left to be done, moving the clock past the leases of those that crashed.
  // Answers what is left when patience is over; nothing where all is well.
  std::string settle();

 private:
  static constexpr const char* staff_email = "attack@example.com";
  std::unique_ptr<db::ControlledSession> session_of(std::string_view module) const;
  std::string with_clock(const std::string& failpoints) const;
  std::map<std::string, std::int64_t> ask_failpoints(const std::string& body);
  const Options options_;
  const std::string password_;
  std::optional<live::PostgresqlDatabase> database_;
  live::Shop shop_;
  Timestamp clock_offset_ms_ = 0;
  int hastened_ = 0;
  std::chrono::steady_clock::time_point next_hasten_{};
};

}  // namespace polyshop::attack
