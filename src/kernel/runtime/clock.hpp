#pragma once

#include <atomic>

#include "kernel/types/id.hpp"

namespace polyshop {

// The time that business rules see. The machine's, or one that a test or a simulation sets.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
  // Milliseconds since some moment, which never go back: for waiting, which must not follow from what a clock is set to.
  virtual Timestamp steady_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
  Timestamp steady_ms() const override;
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = 1'767'225'600'000) : now_(start) {}  // 2026-01-01
  Timestamp now() const override { return now_; }
  Timestamp steady_ms() const override { return now_; }
  void advance(Timestamp ms) { now_ += ms; }

 private:
  std::atomic<Timestamp> now_;
};

// "2026-01-31T12:34:56.789Z", RFC 3339, and back; parse also takes a date alone and an offset.
std::string format_time(Timestamp time);
std::optional<Timestamp> parse_time(std::string_view text);

}  // namespace polyshop
