#include "kernel/runtime/rate_limit.hpp"

#include <algorithm>
#include <cmath>

namespace polyshop {

RateLimit::Verdict RateLimit::take(const std::string& who, Timestamp now) {
  constexpr std::size_t buckets_max = 100'000;  // a flood from many addresses must not fill the memory
  std::lock_guard lock(mutex_);
  if (buckets_.size() >= buckets_max) std::erase_if(buckets_, [&](const auto& entry) { return now - entry.second.at > 60'000; });
  if (buckets_.size() >= buckets_max) buckets_.clear();
  auto& bucket = buckets_.try_emplace(who, per_minute_, now).first->second;
  // A clock that is set back gives nothing and takes nothing.
  bucket.tokens = std::min(per_minute_, bucket.tokens + static_cast<double>(std::max<Timestamp>(0, now - bucket.at)) * per_minute_ / 60'000);
  bucket.at = now;
  const auto seconds_for = [&](double tokens) { return static_cast<int>(std::ceil(tokens * 60 / per_minute_)); };
  if (bucket.tokens < 1) return {false, 0, std::max(1, seconds_for(1 - bucket.tokens))};
  bucket.tokens -= 1;
  return {true, static_cast<std::int64_t>(bucket.tokens), seconds_for(per_minute_ - bucket.tokens)};
}

}  // namespace polyshop
