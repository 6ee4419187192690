#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace polyshop::replay {

// What a run says, and what it found wrong. For any thread.
class Report {
 public:
  ~Report();
  void step(std::string_view text);      // a line on standard output
  void mismatch(std::string_view text);  // a line on standard error, which makes the run fail
  // How far the run is: one line that is drawn anew on a terminal, else a line now and then.
  void progress(std::string_view what, std::int64_t done, std::int64_t of);
  std::int64_t mismatches() const;

 private:
  void clear_progress();
  mutable std::mutex mutex_;
  std::int64_t mismatches_ = 0;
  std::string what_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point next_;
  bool is_drawn_ = false;
};

std::string amount_text(std::int64_t pence);  // "728,123.45"

}  // namespace polyshop::replay
