#include "cart_shop.hpp"

// What a cart holds: lines, what they need and what is said of them, and how changes of one cart meet.
namespace polyshop::cart {
namespace {

// So many lines of one SKU, as the body of a request.
std::string separate_lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += std::string(i ? "," : "") + R"({"sku":"CUP","quantity":1})";
  return fmt::format(R"({{"separate":true,"lines":[{}]}})", lines);
}

}  // namespace

TEST_CASE("lines are added, raised, kept apart, changed and removed") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.opened();
    CHECK(shop.add(shopper, R"({"sku":"LAMP"})").lines() == "1 LAMP");
    CHECK(shop.add(shopper, R"({"lines":[{"sku":"LAMP","quantity":2},{"sku":"CUP","quantity":4},{"sku":"CUP","quantity":1}]})").lines() == "3 LAMP, 5 CUP");
    const auto cart = shop.add(shopper, R"({"sku":"LAMP","quantity":7,"separate":true})");
    CHECK(cart.lines() == "3 LAMP, 5 CUP, 7 LAMP");

    const auto line = [&](std::size_t i) { return shopper.cart + "/lines/" + cart.line_id(i); };
    CHECK(shop.send(Method::patch, line(1), R"({"quantity":9})", shopper).lines() == "3 LAMP, 9 CUP, 7 LAMP");
    CHECK(shop.send(Method::patch, line(0), R"({"quantity":0})", shopper).lines() == "9 CUP, 7 LAMP");
    CHECK(shop.send(Method::del, line(2), "", shopper).lines() == "9 CUP");
    CHECK(shop.send(Method::del, line(2), "", shopper).status == 404);
    const auto other = shop.opened();
    CHECK(shop.send(Method::patch, other.cart + "/lines/" + cart.line_id(1), R"({"quantity":1})", other).status == 404);
    CHECK(shop.get(shopper).lines() == "9 CUP");
  });
}

TEST_CASE("lines that cannot be added say where and change nothing") {
  struct Case {
    const char* body;
    int status;
    const char* code;
    const char* errors;
  };
  const auto none = R"({"lines":[]})", both = R"({"sku":"LAMP","lines":[{"sku":"CUP","quantity":1}]})";
  const auto many = separate_lines(501);
  const std::vector<Case> cases{
      {R"({"sku":"NONE","quantity":1})", 422, "unknown_sku", "unknown_sku /sku"},
      {R"({"sku":"DRAFT","quantity":1})", 422, "unknown_sku", "unknown_sku /sku"},
      {R"({"lines":[{"sku":"NONE","quantity":1},{"sku":"CUP","quantity":1},{"sku":"DRAFT","quantity":1}]})", 422, "unknown_sku", "unknown_sku /lines/0/sku, unknown_sku /lines/2/sku"},
      {R"({"sku":"LAMP","quantity":0})", 422, "validation_failed", "out_of_range /quantity"},
      {R"({"sku":"LAMP","quantity":1000001})", 422, "validation_failed", "out_of_range /quantity"},
      {R"({"lines":[{"sku":"CUP","quantity":1},{"sku":"LAMP","quantity":-1}]})", 422, "validation_failed", "out_of_range /lines/1/quantity"},
      {R"({"sku":"LAMP","quantity":999999})", 422, "out_of_range", "out_of_range /quantity"},
      {R"({"lines":[{"sku":"CUP","quantity":1},{"sku":"LAMP","quantity":999999}]})", 422, "out_of_range", "out_of_range /lines/1/quantity"},
      {"{}", 422, "lines_required", "lines_required /sku"},
      {both, 422, "lines_required", "lines_required /lines"},
      {none, 422, "too_many_lines", "too_many_lines /lines"},
      {many.c_str(), 422, "too_many_lines", "too_many_lines /lines"},
  };
  in_shop([&](Shop& shop) {
    const auto shopper = shop.with(two_lamps);
    const auto before = shop.get(shopper).text;
    for (const auto& one : cases) {
      CAPTURE(std::string_view(one.body).substr(0, 100));
      const auto reply = shop.add(shopper, one.body);
      CHECK(reply.status == one.status);
      CHECK(reply.member("code") == one.code);
      CHECK(reply.listed("errors") == one.errors);
    }
    CHECK(shop.get(shopper).text == before);
    CHECK(shop.add(shopper, R"({"sku":"LAMP","quantity":999998})").lines() == "1000000 LAMP");
  });
}

TEST_CASE("a cart holds 2,000 lines and no more") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.opened();
    const auto batch = separate_lines(500);
    for (std::size_t count = 500; count <= 2000; count += 500) {
      const auto cart = shop.add(shopper, batch);
      REQUIRE(cart.status == 200);
      CHECK(cart.body.at("lines").as_array().size() == count);
      CHECK(cart.total("total") == static_cast<std::int64_t>(count) * 500);
    }
    const auto full = shop.add(shopper, two_lamps);
    CHECK(full.status == 409);
    CHECK(full.member("code") == "cart_full");
    CHECK(shop.add(shopper, R"({"sku":"CUP","quantity":1})").total("total") == 2001 * 500);
  });
}

TEST_CASE("If-Match guards every change of a cart") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.with(two_lamps);
    REQUIRE(shop.send_to(shopper, "DE").status == 200);
    const auto line = shopper.cart + "/lines/" + shop.get(shopper).line_id(0);
    const std::vector<std::function<Reply(Fields)>> changes{
        [&](Fields match) { return shop.patch(shopper, R"({"email":"ann@example.com"})", match); },
        [&](Fields match) { return shop.add(shopper, two_lamps, match); },
        [&](Fields match) { return shop.send(Method::patch, line, R"({"quantity":1})", shopper, match); },
        [&](Fields match) { return shop.choose(shopper, shop.parcel, match); },
        [&](Fields match) { return shop.send(Method::del, line, "", shopper, match); },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
      CAPTURE(i);
      const auto before = shop.get(shopper);
      CHECK(changes[i]({{"If-Match", "\"1\""}}).status == 412);
      CHECK(shop.get(shopper).text == before.text);
      const auto changed = changes[i]({{"If-Match", before.field("ETag")}});
      CHECK(changed.status == 200);
      CHECK(changed.body.at("version").as_int64() == before.body.at("version").as_int64() + 1);
      CHECK(changed.field("ETag") == fmt::format("\"{}\"", changed.member("version")));
    }
  });
}

TEST_CASE("a cart requires what is missing until it is there") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.opened();
    CHECK(shop.get(shopper).listed("requirements") == "lines_required /lines, email_required /email, shipping_address_required /shipping_address, delivery_required /delivery");
    CHECK(shop.add(shopper, two_lamps).listed("requirements") == "email_required /email, shipping_address_required /shipping_address, delivery_required /delivery");
    CHECK(shop.patch(shopper, R"({"email":"ann@example.com"})").listed("requirements") == "shipping_address_required /shipping_address, delivery_required /delivery");
    CHECK(shop.send_to(shopper, "US").listed("requirements") == "delivery_required /delivery");
    CHECK(shop.choose(shopper, shop.air).listed("requirements") == "");

    CHECK(shop.add(shopper, R"({"sku":"CUP","quantity":1})").listed("requirements") == "");
    REQUIRE(shop.patch(shopper, R"({"currency":"USD"})").status == 200);
    CHECK(shop.choose(shopper, shop.air).listed("requirements") == "price_missing /lines/1");
    shop.price("CUP", {{600, Shop::currency("USD")}});
    CHECK(shop.get(shopper).listed("requirements") == "");

    const auto withdraw = [&](const char* state, const char* version) { return shop.ground.send(Method::patch, "/v1/admin/products/" + shop.lamp.str(), fmt::format(R"({{"state":"{}"}})", state), shop.ground.as_staff({"catalog.read", "catalog.write"}), {{"If-Match", version}}).status; };
    REQUIRE(withdraw("draft", "\"1\"") == 200);
    CHECK(shop.get(shopper).listed("requirements") == "not_for_sale /lines/0");
    REQUIRE(withdraw("published", "\"2\"") == 200);
    CHECK(shop.get(shopper).listed("requirements") == "");
  });
}

TEST_CASE("a cart warns of what has changed, and of stock that its lines want together") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.with(R"({"sku":"CUP","quantity":1},{"sku":"LAMP","quantity":3})");
    CHECK(shop.get(shopper).listed("warnings") == "");

    shop.price("LAMP", {{2500, Shop::currency("EUR")}});
    const auto dearer = shop.get(shopper);
    CHECK(dearer.listed("warnings") == "price_changed /lines/1/unit_price");
    CHECK(dearer.text.find("The price was 19.99 and is 25.00 now.") != std::string::npos);
    CHECK(shop.add(shopper, R"({"sku":"LAMP","quantity":1})").listed("warnings") == "");

    CHECK(shop.add(shopper, R"({"sku":"LAMP","quantity":1,"separate":true})").listed("warnings") == "");
    const auto together = shop.add(shopper, R"({"sku":"LAMP","quantity":1,"separate":true})");
    CHECK(together.listed("warnings") == "stock_lowered /lines/3/quantity");
    CHECK(together.text.find("5 are left of LAMP.") != std::string::npos);
    shop.stock("LAMP", 0);
    CHECK(shop.get(shopper).listed("warnings") == "sold_out /lines/1/quantity, sold_out /lines/2/quantity, sold_out /lines/3/quantity");
    shop.stock("LAMP", 6);
    CHECK(shop.get(shopper).listed("warnings") == "");
  });
}

TEST_CASE("what is sold out is not added; what was added before is kept, and a repetition answers as it did") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.opened();
    const Fields key{{"Idempotency-Key", "k"}};
    REQUIRE(shop.add(shopper, R"({"sku":"LAMP","quantity":2})", key).status == 200);
    shop.stock("LAMP", 0);
    const auto refused = shop.add(shopper, R"({"lines":[{"sku":"CUP","quantity":1},{"sku":"LAMP","quantity":1}]})");
    CHECK(refused.status == 409);
    CHECK(refused.member("code") == "sold_out");
    CHECK(refused.listed("errors") == "sold_out /lines/1/sku");
    CHECK(shop.add(shopper, R"({"sku":"LAMP","quantity":2})", key).lines() == "2 LAMP");
    CHECK(shop.get(shopper).lines() == "2 LAMP");
    shop.stock("LAMP", 1);
    CHECK(shop.add(shopper, R"({"sku":"LAMP","quantity":1})").listed("warnings") == "stock_lowered /lines/0/quantity");
  });
}

TEST_CASE("a repeated key changes a cart once") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.opened(), other = shop.opened();
    const Fields key{{"Idempotency-Key", "k"}};
    const auto first = shop.add(shopper, two_lamps, key), again = shop.add(shopper, two_lamps, key);
    CHECK(first.field("Idempotency-Replayed") == "");
    CHECK(again.status == 200);
    CHECK(again.field("Idempotency-Replayed") == "true");
    CHECK(again.text == first.text);
    CHECK(shop.get(shopper).lines() == "2 LAMP");

    const auto reused = shop.add(shopper, R"({"sku":"LAMP","quantity":3})", key);
    CHECK(reused.status == 422);
    CHECK(reused.member("code") == "key_reused");
    const auto others = shop.add(other, R"({"sku":"CUP","quantity":1})", key);
    CHECK(others.lines() == "1 CUP");
    CHECK(others.field("Idempotency-Replayed") == "");

    const auto line = shopper.cart + "/lines/" + first.line_id(0);
    for (const auto* replayed : {"", "true"}) {
      const auto removed = shop.send(Method::patch, line, R"({"quantity":0})", shopper, key);
      CHECK(removed.status == 200);
      CHECK(removed.lines() == "");
      CHECK(removed.field("Idempotency-Replayed") == replayed);
    }
  });
}

}  // namespace polyshop::cart
