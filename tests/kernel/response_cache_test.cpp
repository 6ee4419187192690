#include <doctest/doctest.h>

#include "kernel/http/cache.hpp"

namespace polyshop::http {
namespace {

CachedAnswer answer(std::string body) { return {nullptr, {}, {}, "\"1\"", std::move(body)}; }

}  // namespace

TEST_CASE("an answer is kept until what it depends on changes") {
  ResponseCache cache(100'000);
  cache.store("a", {"one"}, answer("A"), cache.generation());
  cache.store("b", {"one"}, answer("B"), cache.generation());
  cache.store("c", {"two"}, answer("C"), cache.generation());
  REQUIRE(cache.find("a"));
  CHECK(cache.find("a")->body == "A");
  cache.invalidate("one");
  CHECK_FALSE(cache.find("a"));
  CHECK_FALSE(cache.find("b"));
  CHECK(cache.find("c"));
  cache.invalidate("nobody");
  CHECK(cache.find("c"));
}

TEST_CASE("an answer that depends on several things is dropped by each of them") {
  ResponseCache cache(100'000);
  for (const auto* changed : {"one", "two"}) {
    cache.store("a", {"one", "two", "two"}, answer("A"), cache.generation());
    cache.store("b", {"three"}, answer("B"), cache.generation());
    cache.invalidate(changed);
    CHECK_FALSE(cache.find("a"));
    CHECK(cache.find("b"));
    cache.invalidate("three");
    CHECK(cache.size() == 0);
  }
}

TEST_CASE("an answer that was made while something changed is not kept") {
  ResponseCache cache(100'000);
  const auto before = cache.generation();
  cache.invalidate("one");
  cache.store("a", {"one"}, answer("of before"), before);
  CHECK_FALSE(cache.find("a"));
  cache.store("a", {"one"}, answer("of after"), cache.generation());
  CHECK(cache.find("a"));
}

TEST_CASE("an answer that is replaced leaves nothing of the old one") {
  ResponseCache cache(100'000);
  cache.store("a", {"one"}, answer("A"), cache.generation());
  cache.store("a", {"two"}, answer("AA"), cache.generation());
  cache.invalidate("one");
  REQUIRE(cache.find("a"));
  CHECK(cache.find("a")->body == "AA");
  cache.invalidate("two");
  CHECK(cache.size() == 0);
}

TEST_CASE("the least recently used go first, and one answer never takes it all") {
  ResponseCache cache(10'000);
  for (const auto* key : {"a", "b", "c", "d", "e", "f"}) cache.store(key, {key}, answer(std::string(800, 'x')), cache.generation());
  CHECK(cache.size() <= 10'000);
  CHECK(cache.find("a"));
  for (const auto* key : {"g", "h", "i"}) cache.store(key, {key}, answer(std::string(800, 'x')), cache.generation());
  CHECK(cache.size() <= 10'000);
  CHECK(cache.find("a"));
  CHECK_FALSE(cache.find("b"));
  cache.store("huge", {"huge"}, answer(std::string(5'000, 'x')), cache.generation());
  CHECK_FALSE(cache.find("huge"));
  CHECK(cache.find("a"));
}

TEST_CASE("where others may change things an answer has an age") {
  ResponseCache cache(100'000, std::chrono::nanoseconds(1));
  cache.store("a", {"one"}, answer("A"), cache.generation());
  const auto stored = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() <= stored + std::chrono::nanoseconds(1)) {}
  CHECK_FALSE(cache.find("a"));
}

}  // namespace polyshop::http
