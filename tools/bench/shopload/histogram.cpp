#include "shopload/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace polyshop::load {
namespace {

// Up to 256 a bucket holds one value; from there on each power of two is cut into 128.
constexpr int precision_bits = 7;
constexpr std::uint64_t value_max = (std::uint64_t{1} << 40) - 1;

std::size_t bucket_of(std::uint64_t value) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - precision_bits - 1);
  return (static_cast<std::size_t>(shift) << precision_bits) + static_cast<std::size_t>(value >> shift);
}

// The largest value of a bucket.
std::uint64_t edge_of(std::size_t bucket) {
  if (bucket < (std::size_t{2} << precision_bits)) return bucket;
  const auto shift = (bucket >> precision_bits) - 1;
  const auto first = (bucket - (shift << precision_bits)) << shift;
  return first + (std::uint64_t{1} << shift) - 1;
}

}  // namespace

void Histogram::record(std::int64_t ns) {
  const auto value = std::min(value_max, static_cast<std::uint64_t>(std::max<std::int64_t>(0, ns)));
  const auto bucket = bucket_of(value);
  if (bucket >= counts_.size()) counts_.resize(bucket + 1);
  ++counts_[bucket];
  ++count_;
  max_ = std::max(max_, static_cast<std::int64_t>(value));
  sum_ += static_cast<double>(value);
}

void Histogram::add(const Histogram& other) {
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

std::int64_t Histogram::at(double fraction) const {
  const auto wanted = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(fraction * static_cast<double>(count_))));
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) return std::min(max_, static_cast<std::int64_t>(edge_of(i)));
  }
  return max_;
}

}  // namespace polyshop::load
