#include <doctest/doctest.h>

#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "kernel/types/id.hpp"

using namespace polyshop;

namespace {

using ProductId = Id<"prod">;
using OrderId = Id<"ord">;
constexpr Timestamp now = 1'767'225'600'000;

}  // namespace

TEST_CASE("an id is its prefix and 26 characters, and is read back as it was written") {
  const auto id = ProductId::make(now);
  CHECK(id);
  CHECK(id.str().size() == ProductId::size);
  CHECK(id.view().starts_with("prod_"));
  CHECK(ProductId::parse(id.view()) == id);
  CHECK(std::hash<ProductId>{}(id) == std::hash<ProductId>{}(*ProductId::parse(id.view())));
  CHECK_FALSE(ProductId{});
  CHECK(ProductId{}.view() == "");
}

TEST_CASE("ids carry the time of RFC 9562's version 7") {
  const auto text = ProductId::make(now).str().substr(5);
  const std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  // The bits of the text, first one first: 26 characters of 5 bits are 130, of which the first 2 are zero.
  std::string bits;
  for (const char c : text)
    for (int bit = 4; bit >= 0; --bit) bits += (alphabet.find(c) >> bit) & 1 ? '1' : '0';
  CHECK(bits.substr(0, 2) == "00");
  CHECK(static_cast<Timestamp>(std::stoull(bits.substr(2, 48), nullptr, 2)) == now);
  CHECK(bits.substr(50, 4) == "0111");  // version 7
  CHECK(bits.substr(66, 2) == "10");    // variant
}

TEST_CASE("ids sort by the time they were made at, and within a millisecond by order") {
  std::vector<std::string> made;
  for (const Timestamp at : {Timestamp{0}, Timestamp{1}, Timestamp{31}, Timestamp{32}, Timestamp{1} << 32, now - 1}) {
    made.push_back(ProductId::make(at).str());
  }
  for (int i = 0; i < 2000; ++i) made.push_back(ProductId::make(now).str());
  made.push_back(ProductId::make(now + 1).str());
  made.push_back(ProductId::make((Timestamp{1} << 48) - 1).str());
  for (std::size_t i = 1; i < made.size(); ++i) {
    CAPTURE(i);
    REQUIRE(made[i - 1] < made[i]);
  }
}

TEST_CASE("ids do not repeat") {
  std::unordered_set<ProductId> seen;
  for (int i = 0; i < 20'000; ++i) REQUIRE(seen.insert(ProductId::make(now)).second);
}

TEST_CASE("what is no id is refused") {
  const auto good = ProductId::make(now).str();
  const auto text = good.substr(5);
  REQUIRE(ProductId::parse(good));
  const std::string bad[] = {"",
                             "prod",
                             "prod_",
                             text,
                             "ord_" + text,
                             "produ" + text,
                             "prod-" + text,
                             "PROD_" + text,
                             "_prod" + text,
                             good + "0",
                             " " + good,
                             good.substr(0, good.size() - 1),
                             good.substr(0, good.size() - 1) + "i",   // not in Crockford's alphabet: i, l, o, u
                             good.substr(0, good.size() - 1) + "l",
                             good.substr(0, good.size() - 1) + "o",
                             good.substr(0, good.size() - 1) + "u",
                             good.substr(0, good.size() - 1) + "A",
                             good.substr(0, good.size() - 1) + std::string(1, '\0'),
                             good.substr(0, good.size() - 1) + "\xE9",
                             "prod_8" + text.substr(1),                // over 128 bits
                             "prod_z" + text.substr(1),
                             "prod_-" + text.substr(1)};
  for (const auto& wrong : bad) {
    CAPTURE(wrong);
    CHECK_FALSE(ProductId::parse(wrong));
  }
  CHECK_FALSE(OrderId::parse(good));
}

TEST_CASE("another spelling of the same id") {
  const auto order = OrderId::make(now);
  const auto payment = Id<"pay">::same_as(order);
  CHECK(payment.str() == "pay_" + order.str().substr(4));
  CHECK(Id<"pay">::parse(payment.view()) == payment);
}
