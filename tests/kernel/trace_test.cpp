#include "kernel/observe/trace.hpp"

#include <set>
#include <thread>

#include <doctest/doctest.h>

using namespace polyshop;

TEST_CASE("a traceparent of the specification is read") {
  const auto trace = Trace::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  REQUIRE(trace.has_value());
  CHECK(trace->id() == "0af7651916cd43dd8448eb211c80319c");
  CHECK(std::string_view(trace->span_id.data(), 16) == "b7ad6b7169203331");
  CHECK(trace->sampled);
  CHECK(trace->traceparent() == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
}

TEST_CASE("valid traceparents, W3C Trace Context section 3.2 and 4.3") {
  struct Case {
    std::string_view text;
    bool sampled;
  };
  for (const auto& [text, sampled] : {
           Case{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", false},
           {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02", false},  // other flags are ignored
           {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", true},
           {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
           {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-will-be-like", true},
           {"fe-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-", false},
       }) {
    CAPTURE(text);
    const auto trace = Trace::parse(text);
    REQUIRE(trace.has_value());
    CHECK(trace->sampled == sampled);
    CHECK(trace->traceparent().starts_with("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"));
  }
}

TEST_CASE("invalid traceparents") {
  for (const std::string_view text : {
           "",
           "00",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-00",
           "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "0A-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
           " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
       }) {
    CAPTURE(text);
    CHECK_FALSE(Trace::parse(text).has_value());
  }
}

TEST_CASE("made traces are valid and differ, on other threads too") {
  std::set<std::string> ids;
  const auto make = [&ids] {
    for (int i = 0; i < 1000; ++i) {
      const auto trace = Trace::make();
      REQUIRE(Trace::parse(trace.traceparent()).has_value());
      ids.emplace(trace.id());
    }
  };
  make();
  std::thread(make).join();
  CHECK(ids.size() == 2000);
}

TEST_CASE("a child keeps the trace and has a span of its own") {
  auto trace = Trace::make();
  for (const bool sampled : {false, true}) {
    trace.sampled = sampled;
    const auto child = trace.child();
    CHECK(child.id() == trace.id());
    CHECK(child.span_id != trace.span_id);
    CHECK(child.sampled == sampled);
    CHECK(Trace::parse(child.traceparent()).has_value());
  }
}
