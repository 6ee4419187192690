#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/describe.hpp>

namespace polyshop::attack {

// One cart that somebody tries to buy, and what the shop has acknowledged about it.
struct Attempt {
  std::string cart;
  std::string cart_token;
  std::string key;    // the Idempotency-Key of its completion
  std::string token;  // the payment's, which says how it ends
  std::int64_t total = 0;
  std::int64_t units = 0;
  int round = 0;
  bool may_fail = false;  // whether it is placed depends on others, and not on the token alone
  int status = 0;     // 0: nobody knows
  std::string code;   // of the refusal
  std::string order;  // where it was placed
  std::int64_t order_total = 0;
  int cancel_status = -1;  // of its cancellation; -1: never asked for, 0: nobody knows, 201: the shop cancels it

  bool is_placed() const { return status == 200 || status == 201; }
};
BOOST_DESCRIBE_STRUCT(Attempt, (), (cart, cart_token, key, token, total, units, round, may_fail, status, code, order, order_total, cancel_status))

// What a client of the shop remembers by itself: a file of lines, each on the disk before the client goes on. For any thread.
class Ledger {
 public:
  explicit Ledger(const std::filesystem::path& file);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  void write(const Attempt& attempt);      // it replaces what is known of the cart
  std::vector<Attempt> attempts() const;   // as they stand, in no order
  std::int64_t placed() const;             // how many orders
  void wait_for_placed(std::int64_t count) const;  // at most a minute; throws Problem where they have not come by then

 private:
  int file_ = -1;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Attempt> attempts_;
};

}  // namespace polyshop::attack
