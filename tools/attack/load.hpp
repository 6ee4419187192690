#pragma once

#include <atomic>
#include <random>
#include <thread>

#include "attack/ledger.hpp"
#include "live/shopper.hpp"
#include "live/staff.hpp"

namespace polyshop::attack {

using Random = std::mt19937_64;
std::int64_t pick(Random& random, std::int64_t from, std::int64_t to);  // both included

// A cart with these lines that is ready to be completed.
Attempt fill(live::Shopper& shopper, const std::vector<live::WantedLine>& lines, int round, const std::string& token);
// One with one to three lines, now and then two of the same SKU.
Attempt fill(live::Shopper& shopper, Random& random, int round, const std::string& token);
// Completes it, once, and writes down what became of it; the status stays 0 where the answer leaves that open.
void complete(http::Client& client, Ledger& ledger, Attempt& attempt);
// The same until it is known, at most for a minute.
void complete_at_last(http::Client& client, Ledger& ledger, Attempt& attempt);
// Cancels its order, likewise.
void cancel(live::Staff& staff, Ledger& ledger, Attempt& attempt);

// Shoppers who buy until they are stopped or the shop is gone. Most payments are approved, some declined, some time out first, and some
// orders are cancelled. Made once the shop serves.
class Load {
 public:
  Load(int port, const std::function<live::Staff()>& staff, Ledger& ledger, int clients, std::uint64_t seed, int round);
  ~Load() { stop(); }
  void stop();
  std::int64_t concluded() const { return concluded_; }  // carts that somebody knows the end of

 private:
  std::atomic<bool> is_over_ = false;
  std::atomic<std::int64_t> concluded_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace polyshop::attack
