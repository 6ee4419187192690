#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <vector>

#include "kernel/runtime/workers.hpp"

namespace polyshop::http {

// Who may begin when the shop is late. A shopper's way to an order takes several requests, and what was done for one who is refused on the
// way is lost; so those who begin are refused first, and before anything was done for them. The shop is late where jobs wait for a worker
// of one of the modules on that way: from `late` on ever fewer may begin, and from twice that on nobody. Where jobs wait because those before
// them are held up, by another module's database say, refusing others would help nobody. Any thread.
class Admission {
 public:
  static constexpr std::chrono::milliseconds late{100};
  static constexpr std::chrono::seconds catching_up{1};

  // `workers` outlive this.
  void watch(const Workers& workers) { watched_.push_back(&workers); }

  bool admits() {
    std::chrono::nanoseconds longest{0};
    for (const auto* workers : watched_) longest = std::max(longest, lateness(workers->pace()));
    if (longest <= late) return true;
    // Evenly spread over those who come.
    constexpr std::array<int, parts> order{0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
    return order[turn_.fetch_add(1, std::memory_order_relaxed) % order.size()] < admitted(longest);
  }

  // How late a pool is for having much to do: one where jobs are done one after the other, and that is not just catching up with what
  // came while it was held up.
  static constexpr std::chrono::nanoseconds lateness(const Workers::Pace& pace) { return pace.since_done < late && pace.since_stalled > catching_up ? pace.waited : std::chrono::nanoseconds(0); }

  // How many of sixteen may begin where jobs wait for so long.
  static constexpr int parts = 16;
  static constexpr int admitted(std::chrono::nanoseconds waited) { return static_cast<int>(std::clamp<std::int64_t>(parts * (2 * late - waited) / late, 0, parts)); }

 private:
  std::vector<const Workers*> watched_;
  std::atomic<unsigned> turn_ = 0;
};

}  // namespace polyshop::http
