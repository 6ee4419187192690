#include "kernel/runtime/rate_limit.hpp"

#include <doctest/doctest.h>

namespace polyshop {

TEST_CASE("a bucket empties at once, fills evenly and never overflows") {
  RateLimit limit(60);
  Timestamp now = 1'000'000;
  for (int i = 0; i < 60; ++i) {
    const auto verdict = limit.take("ann", now);
    CHECK(verdict.allowed);
    CHECK(verdict.remaining == 59 - i);
    CHECK(verdict.reset_s == i + 1);
  }
  auto refused = limit.take("ann", now);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.remaining == 0);
  CHECK(refused.reset_s == 1);
  CHECK(limit.take("bob", now).allowed);  // each has a bucket of their own

  now += 999;
  CHECK_FALSE(limit.take("ann", now).allowed);
  now += 1;
  CHECK(limit.take("ann", now).allowed);
  CHECK_FALSE(limit.take("ann", now).allowed);

  now += 3'600'000;
  int allowed = 0;
  while (limit.take("ann", now).allowed) ++allowed;
  CHECK(allowed == 60);
  CHECK_FALSE(limit.take("ann", now - 50'000).allowed);  // a clock that is set back gives nothing
}

}  // namespace polyshop
