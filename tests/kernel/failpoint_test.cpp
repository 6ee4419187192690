#include "kernel/runtime/failpoint.hpp"

#include <doctest/doctest.h>

#include "kernel/runtime/clock.hpp"
#include "kernel/types/problem.hpp"

using namespace polyshop;

namespace {

// Nothing stays armed for the tests that follow.
struct Armed {
  explicit Armed(std::string_view text) { failpoint::arm(text); }
  ~Armed() { failpoint::arm(""); }
};

std::string code_of(std::string_view text) {
  try {
    Armed armed(text);
  } catch (const Problem& problem) {
    return problem.code;
  }
  return "";
}

}  // namespace

TEST_CASE("a failpoint that is not armed does nothing and is not counted") {
  failpoint::reach("saga.leased", "checkout");
  CHECK(failpoint::counts().empty());
}

TEST_CASE("a failpoint acts after so many, so many times") {
  Armed armed("saga.leased=error,after=2,times=2; lane.before_commit=unavailable");
  failpoint::reach("saga.leased", "checkout");
  failpoint::reach("saga.leased", "checkout");
  CHECK_THROWS_AS(failpoint::reach("saga.leased", "checkout"), std::runtime_error);
  CHECK_THROWS_AS(failpoint::reach("saga.leased", "checkout"), std::runtime_error);
  failpoint::reach("saga.leased", "checkout");
  try {
    failpoint::reach("lane.before_commit", "order");
    FAIL("it was armed");
  } catch (const Problem& problem) {
    CHECK(problem.status == 503);
  }
  const auto counts = failpoint::counts();
  REQUIRE(counts.size() == 2);
  CHECK(counts[0].name == "lane.before_commit");
  CHECK(counts[1].reached == 5);
  CHECK(counts[1].acted == 2);
}

TEST_CASE("a scope narrows a failpoint") {
  Armed armed("lane.after_commit/order=error");
  failpoint::reach("lane.after_commit", "cart");
  CHECK_THROWS_AS(failpoint::reach("lane.after_commit", "order"), std::runtime_error);
}

TEST_CASE("the clock jumps, and comes back when nothing is armed") {
  const SystemClock clock;
  const auto before = clock.now();
  {
    Armed armed("clock.now=jump,ms=3600000");
    CHECK(clock.now() >= before + 3'600'000);
  }
  CHECK(clock.now() < before + 3'600'000);
}

TEST_CASE("a switch is on while it is armed") {
  CHECK(!failpoint::is_on("sqlite.synchronous_normal"));
  Armed armed("sqlite.synchronous_normal=on");
  CHECK(failpoint::is_on("sqlite.synchronous_normal"));
}

TEST_CASE("what is not understood is refused") {
  CHECK(code_of("saga.leased=crash,after=3;;") == "");
  for (const auto* text : {"saga.lease=crash", "saga.leased", "saga.leased=explode", "saga.leased=error,after=x", "saga.leased=error,after=1x", "saga.leased=error,often=1", "=crash"}) {
    CAPTURE(text);
    CHECK(code_of(text) == "bad_failpoint");
  }
}
