#pragma once

#include <cstdint>
#include <vector>

namespace polyshop::load {

// Durations, counted the way HdrHistogram does: in buckets no wider than 1/128 of what is in them, so that a percentile is
// right to 0.8 % whatever its size. Nanoseconds, up to eighteen minutes; what is longer counts as that.
class Histogram {
 public:
  void record(std::int64_t ns);
  void add(const Histogram& other);

  std::int64_t count() const { return count_; }
  std::int64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  // The value that the fraction of all is not above, such as 0.99; 0 where nothing was recorded.
  std::int64_t at(double fraction) const;

 private:
  std::vector<std::int64_t> counts_;  // by bucket; as many as were needed
  std::int64_t count_ = 0;
  std::int64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace polyshop::load
