#include "kernel/observe/metrics.hpp"

#include <string_view>
#include <thread>

#include <doctest/doctest.h>

using namespace polyshop;

namespace {

bool has_line(const std::string& text, std::string_view line) {
  return ("\n" + text).find("\n" + std::string(line) + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("instruments appear in the exposition format") {
  Metrics metrics;
  metrics.counter("orders_total", "Orders placed.", {{"channel", "web"}}).add();
  metrics.counter("orders_total", "Orders placed.", {{"channel", "web"}}).add(2);
  metrics.counter("orders_total", "Orders placed.", {{"channel", "a\"b\\c\nd"}}).add();
  const auto depth = metrics.gauge("queue_depth", "Jobs that wait.");
  depth.set(5);
  depth.add(-2);
  const auto text = metrics.text();
  CAPTURE(text);
  CHECK(has_line(text, "# HELP orders_total Orders placed."));
  CHECK(has_line(text, "# TYPE orders_total counter"));
  CHECK(has_line(text, "orders_total{channel=\"web\"} 3"));
  CHECK(has_line(text, "orders_total{channel=\"a\\\"b\\\\c\\nd\"} 1"));
  CHECK(has_line(text, "# TYPE queue_depth gauge"));
  CHECK(has_line(text, "queue_depth 3"));
}

TEST_CASE("a histogram counts into buckets from 100 us to 10 s") {
  Metrics metrics;
  const auto seconds = metrics.histogram("request_seconds", "How long requests take.");
  for (const double value : {0.00005, 0.0001, 0.002, 0.3, 60.0}) seconds.observe(value);
  const auto text = metrics.text();
  CAPTURE(text);
  CHECK(has_line(text, "# TYPE request_seconds histogram"));
  CHECK(has_line(text, "request_seconds_bucket{le=\"0.0001\"} 2"));
  CHECK(has_line(text, "request_seconds_bucket{le=\"0.0025\"} 3"));
  CHECK(has_line(text, "request_seconds_bucket{le=\"10\"} 4"));
  CHECK(has_line(text, "request_seconds_bucket{le=\"+Inf\"} 5"));
  CHECK(has_line(text, "request_seconds_count 5"));
}

TEST_CASE("the same name and labels are the same instrument") {
  Metrics metrics;
  const auto first = metrics.counter("logins_total", "Logins.");
  const auto again = metrics.counter("logins_total", "Logins.");
  const auto other = metrics.counter("logins_total", "Logins.", {{"outcome", "refused"}});
  first.add(4);
  CHECK(again.value() == 4);
  CHECK(other.value() == 0);
}

TEST_CASE("a default handle counts nothing") {
  Metrics::Counter counter;
  counter.add();
  CHECK(counter.value() == 0);
  Metrics::Gauge().set(1);
  Metrics::Gauge().add(1);
  Metrics::Histogram().observe(1);
}

TEST_CASE("handles count from several threads") {
  Metrics metrics;
  const auto counter = metrics.counter("hits_total", "Hits.");
  {
    std::jthread other([counter] {
      for (int i = 0; i < 10'000; ++i) counter.add();
    });
    for (int i = 0; i < 10'000; ++i) counter.add();
  }
  CHECK(counter.value() == 20'000);
}
