#include "kernel/db/first_values.hpp"

#include <fstream>
#include <random>
#include <string>
#include <unordered_map>

#include <doctest/doctest.h>

namespace polyshop::db {
namespace {

std::int64_t anonymous_memory_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "RssAnon:") {
      std::int64_t kib = 0;
      status >> kib;
      return kib;
    }
  return 0;
}

}  // namespace

TEST_CASE("the first value of a key stands") {
  FirstValues values;
  CHECK_FALSE(values.find_or_put(0, 7));
  CHECK_FALSE(values.find_or_put(~std::uint64_t{0}, 8));
  CHECK(values.find_or_put(0, 9) == 7);
  CHECK(values.find_or_put(~std::uint64_t{0}, 9) == 8);

  std::mt19937_64 random(1);
  std::unordered_map<std::uint64_t, std::int64_t> expected;
  bool is_right = true;
  for (std::int64_t i = 0; i < 20'000; ++i) {
    const auto key = random() % 10'000 * 0x9e3779b97f4a7c15;
    const auto [at, is_new] = expected.try_emplace(key, i);
    const auto found = values.find_or_put(key, i);
    if (key != 0) is_right &= is_new ? !found : found == at->second;
  }
  CHECK(is_right);
}

TEST_CASE("a million keys take a few MiB of memory") {
  FirstValues values;
  std::mt19937_64 random(2);
  const auto before = anonymous_memory_kib();
  for (std::int64_t i = 0; i < 1'000'000; ++i) values.find_or_put(random(), i);
  CHECK(anonymous_memory_kib() - before < 12 * 1024);
}

}  // namespace polyshop::db
