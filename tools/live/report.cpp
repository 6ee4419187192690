#include "live/report.hpp"

#include <csignal>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace polyshop::live {
namespace {

const bool is_terminal = isatty(STDERR_FILENO) != 0;

}  // namespace

Report::~Report() { clear_progress(); }

void Report::clear_progress() {
  if (is_drawn_) fmt::print(stderr, "\r\033[K");
  is_drawn_ = false;
}

void Report::step(std::string_view text) {
  const std::lock_guard lock(mutex_);
  clear_progress();
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void Report::mismatch(std::string_view text) {
  const std::lock_guard lock(mutex_);
  clear_progress();
  ++mismatches_;
  fmt::print(stderr, "{}: {}\n", tool_, text);
  if (ends_at_mismatch_ && mismatches_ == 1) ::kill(::getpid(), SIGINT);
}

void Report::progress(std::string_view what, std::int64_t done, std::int64_t of) {
  const auto now = std::chrono::steady_clock::now();
  const auto pause = is_terminal ? std::chrono::milliseconds(200) : std::chrono::milliseconds(5000);
  const std::lock_guard lock(mutex_);
  if (what != what_) {
    what_ = what;
    start_ = now;
    next_ = now + pause;
  }
  if (now < next_) return;
  next_ = now + pause;
  const auto rate = static_cast<double>(done) / std::chrono::duration<double>(now - start_).count();
  fmt::print(stderr, "{}{}: {} of {}, {:.0f} a second{}", is_terminal ? "\r" : "", what, done, of, rate, is_terminal ? "\033[K" : "\n");
  is_drawn_ = is_terminal;
}

std::int64_t Report::mismatches() const {
  const std::lock_guard lock(mutex_);
  return mismatches_;
}

}  // namespace polyshop::live
