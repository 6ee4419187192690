#include "kernel/observe/metrics.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "kernel/types/problem.hpp"

namespace polyshop {
namespace {

// The 1, 2.5, 5 of Prometheus's own standard buckets, from what a cached answer takes to what a client waits for.
const prometheus::Histogram::BucketBoundaries buckets_s = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                           0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

// The library throws where a name or label is malformed, or where the name belongs to an instrument of another kind.
// Both are written in the source.
template <class Make>
auto* made(const std::string& name, Make&& make) {
  try {
    return &make();
  } catch (const std::invalid_argument& thrown) {
    die(fmt::format("the metric {} cannot be made: {}", name, thrown.what()));
  }
}

}  // namespace

void Metrics::Counter::add(double by) const {
  if (counter_) counter_->Increment(by);
}
double Metrics::Counter::value() const { return counter_ ? counter_->Value() : 0; }

void Metrics::Gauge::set(double to) const {
  if (gauge_) gauge_->Set(to);
}
void Metrics::Gauge::add(double by) const {
  if (gauge_) gauge_->Increment(by);
}

void Metrics::Histogram::observe(double seconds) const {
  if (histogram_) histogram_->Observe(seconds);
}

Metrics::Metrics() : registry_(std::make_shared<prometheus::Registry>()) {}
Metrics::~Metrics() = default;

Metrics::Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  Counter counter;
  counter.counter_ = made(name, [&]() -> auto& {
    return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(labels);
  });
  return counter;
}

Metrics::Gauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  Gauge gauge;
  gauge.gauge_ = made(name, [&]() -> auto& {
    return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add(labels);
  });
  return gauge;
}

Metrics::Histogram Metrics::histogram(const std::string& name, const std::string& help, const Labels& labels) {
  Histogram histogram;
  histogram.histogram_ = made(name, [&]() -> auto& {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(*registry_).Add(labels, buckets_s);
  });
  return histogram;
}

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(registry_->Collect()); }

}  // namespace polyshop
