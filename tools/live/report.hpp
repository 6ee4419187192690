#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace polyshop::live {

// What a run of a tool says, and what it found wrong. For any thread.
class Report {
 public:
  explicit Report(std::string tool) : tool_(std::move(tool)) {}
  ~Report();
  void step(std::string_view text);      // a line on standard output
  void mismatch(std::string_view text);  // a line on standard error, which makes the run fail
  void end_at_mismatch() { ends_at_mismatch_ = true; }  // then a mismatch is a wish to stop, as of live::take_signals()
  // How far the run is: one line that is drawn anew on a terminal, else a line now and then.
  void progress(std::string_view what, std::int64_t done, std::int64_t of);
  std::int64_t mismatches() const;

 private:
  void clear_progress();
  const std::string tool_;
  mutable std::mutex mutex_;
  std::int64_t mismatches_ = 0;
  bool ends_at_mismatch_ = false;
  std::string what_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point next_;
  bool is_drawn_ = false;
};

}  // namespace polyshop::live
