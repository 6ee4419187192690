#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "kernel/types/id.hpp"

namespace polyshop {

// How often each of many may do something: a bucket of `per_minute` tokens for each, filled evenly. In the memory of one
// process: several instances allow as many times as much. Any thread.
class RateLimit {
 public:
  struct Verdict {
    bool allowed = true;
    std::int64_t remaining = 0;  // how many more are allowed at once
    int reset_s = 0;             // until the bucket is full; where it is not allowed, until one more is
  };

  explicit RateLimit(std::int64_t per_minute) : per_minute_(static_cast<double>(per_minute)) {}
  std::int64_t per_minute() const { return static_cast<std::int64_t>(per_minute_); }
  Verdict take(const std::string& who, Timestamp now);

 private:
  struct Bucket {
    double tokens;
    Timestamp at;
  };
  const double per_minute_;
  std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace polyshop
