#pragma once

#include "attack/ledger.hpp"
#include "attack/target.hpp"
#include "live/receiver.hpp"
#include "live/report.hpp"

namespace polyshop::attack {

// Somebody outside whom a shop tells of its orders by webhook, and who takes every seventh message only when it comes again. Outlives
// the shop.
class Listener {
 public:
  // What the shop needs so that it may tell somebody on this machine.
  static live::Variables settings() { return {{"POLYSHOP_WEBHOOK_ALLOW_PRIVATE", "true"}}; }

  Listener();
  void listen_to(Target& target);
  // Once the shop has settled: every order was told of, by one event however often it came, signed. Each violation is a mismatch.
  void check(const Ledger& ledger, live::Report& report) const;

 private:
  int count_ = 0;  // of messages; of the receiver's thread alone
  mutable std::mutex mutex_;
  std::vector<live::Receiver::Message> taken_;
  std::string secret_;
  live::Receiver receiver_;
};

}  // namespace polyshop::attack
