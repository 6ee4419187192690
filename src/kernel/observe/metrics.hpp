#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace polyshop {

// Counters, gauges and histograms as Prometheus reads them. A handle is cheap to copy, safe from any thread, and lives no
// longer than its Metrics. Asking again for the same name and labels answers the same instrument.
class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  class Counter {
   public:
    Counter() = default;
    void add(double by = 1) const;
    double value() const;

   private:
    friend class Metrics;
    prometheus::Counter* counter_ = nullptr;  // a default one counts nothing
  };
  class Gauge {
   public:
    Gauge() = default;
    void set(double to) const;
    void add(double by) const;

   private:
    friend class Metrics;
    prometheus::Gauge* gauge_ = nullptr;
  };
  class Histogram {
   public:
    Histogram() = default;
    void observe(double seconds) const;

   private:
    friend class Metrics;
    prometheus::Histogram* histogram_ = nullptr;
  };

  Metrics();
  ~Metrics();
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // Buckets from 100 us to 10 s in steps of about 2.5.
  Histogram histogram(const std::string& name, const std::string& help, const Labels& labels = {});
  std::string text() const;  // the exposition format, version 0.0.4

 private:
  std::shared_ptr<prometheus::Registry> registry_;
};

}  // namespace polyshop
