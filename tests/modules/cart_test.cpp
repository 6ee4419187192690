#include <thread>

#include "cart_shop.hpp"

// Whose a cart is, where it is sent, what it costs and how it ends.
namespace polyshop::cart {
namespace {

std::int64_t stored(Shop& shop) {
  return shop.cart.node().db.read(shop.ground.as_system(), [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS carts FROM cart"_sql); });
}

// The job that removes abandoned carts runs on the module's own threads.
void await_stored(Shop& shop, std::int64_t left) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (stored(shop) > left && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  CHECK(stored(shop) == left);
}

constexpr Timestamp day_ms = 24 * 3600'000;

}  // namespace

TEST_CASE("a cart is opened in the shop's currency or another") {
  in_shop([](Shop& shop) {
    const auto cart = shop.send(Method::post, "/v1/store/carts", "{}", {});
    CHECK(cart.status == 201);
    CHECK(cart.member("currency") == "EUR");
    CHECK(cart.member("language") == "en");
    CHECK(cart.member("state") == "open");
    CHECK(cart.field("Location") == "/v1/store/carts/" + cart.member("id"));
    CHECK(cart.field("ETag") == "\"1\"");
    const auto other = shop.send(Method::post, "/v1/store/carts", R"({"currency":"USD","language":"de"})", {});
    CHECK(other.member("currency") == "USD");
    CHECK(other.member("language") == "de");
    CHECK(shop.send(Method::post, "/v1/store/carts", R"({"currency":"EURO"})", {}).status == 422);
    CHECK(stored(shop) == 2);
  });
}

TEST_CASE("a guest's cart opens with its token only, which is shown once") {
  in_shop([](Shop& shop) {
    const auto guest = shop.opened(), other = shop.opened();
    REQUIRE(guest.token.size() >= 32);
    for (const auto& reply : {shop.get(guest), shop.patch(guest, R"({"email":"ann@example.com"})"), shop.add(guest, two_lamps)}) {
      CHECK(reply.status == 200);
      CHECK(reply.field("Cart-Token") == "");
      CHECK(reply.text.find(guest.token) == std::string::npos);
    }
    const auto before = shop.get(guest).text;
    for (const auto& [token, customer] : std::vector<std::pair<std::string, std::string>>{{"", ""}, {"wrong", ""}, {other.token, ""}, {"", ann}}) {
      CAPTURE(token);
      const Shopper stranger{guest.cart, token, customer};
      CHECK(shop.get(stranger).status == 404);
      CHECK(shop.get(stranger, "/delivery-options").status == 404);
      CHECK(shop.patch(stranger, R"({"email":"eve@example.com"})").status == 404);
      CHECK(shop.add(stranger, two_lamps).status == 404);
      CHECK(shop.choose(stranger, shop.parcel).status == 404);
    }
    CHECK(shop.get(guest).text == before);
  });
}

TEST_CASE("a customer's cart is theirs alone") {
  in_shop([](Shop& shop) {
    const auto mine = shop.with(two_lamps, ann);
    CHECK(mine.token == "");
    CHECK(shop.get(mine).member("customer_id") == ann);
    CHECK(shop.get({mine.cart, "", bob}).status == 404);
    CHECK(shop.get({mine.cart, "", ""}).status == 404);
    CHECK(shop.get({mine.cart, shop.opened().token, ""}).status == 404);
    CHECK(shop.add({mine.cart, "", bob}, two_lamps).status == 404);
    CHECK(shop.ground.send(Method::get, mine.cart, "", shop.ground.as_staff({"order.read", "order.write"})).status == 404);
    CHECK(shop.get(mine).lines() == "2 LAMP");
  });
}

TEST_CASE("e-mail and addresses are checked where they enter") {
  struct Case {
    const char* body;
    const char* errors;
  };
  const std::vector<Case> cases{
      {R"({"email":"ann"})", "malformed_email /email"},
      {R"({"shipping_address":{"name":"Ann","line1":"Street 1","city":"Bonn","country":"XX"}})", "unknown_country /shipping_address/country"},
      {R"({"billing_address":{"name":"Ann","line1":"Street 1","city":"Bonn","country":"de"}})", "unknown_country /billing_address/country"},
      {R"({"billing_address":{"name":"Ann","line1":"Street 1","country":"DE"}})", "required /billing_address/city"},
  };
  in_shop([&](Shop& shop) {
    const auto shopper = shop.opened();
    for (const auto& one : cases) {
      CAPTURE(one.body);
      const auto reply = shop.patch(shopper, one.body);
      CHECK(reply.status == 422);
      CHECK(reply.listed("errors") == one.errors);
    }
    CHECK(shop.get(shopper).body.at("version").as_int64() == 1);
    CHECK(shop.patch(shopper, R"({"email":"ann@example.com"})").member("email") == "ann@example.com");
    CHECK(shop.send_to(shopper, "DE").body.at("shipping_address").at("country").as_string() == "DE");
    const auto removed = shop.patch(shopper, R"({"email":null,"shipping_address":null})");
    CHECK(removed.listed("requirements") == "lines_required /lines, email_required /email, shipping_address_required /shipping_address, delivery_required /delivery");
  });
}

TEST_CASE("totals and their reasons: no tax without a country, tax within prices, tax on top") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.with(two_lamps);
    const auto check = [](const Reply& cart, std::int64_t lines, std::int64_t delivery, std::int64_t tax, std::initializer_list<const char*> reasons) {
      CHECK(cart.total("lines") == lines);
      CHECK(cart.total("delivery") == delivery);
      CHECK(cart.total("tax") == tax);
      CHECK(cart.total("total") == lines + delivery + tax);
      for (const auto* reason : reasons) CHECK_MESSAGE(cart.text.find(reason) != std::string::npos, reason);
    };
    check(shop.get(shopper), 3998, 0, 0, {"No country is known yet"});
    CHECK(shop.send_to(shopper, "DE").status == 200);
    check(shop.get(shopper), 3360, 0, 638, {"VAT 19 % of DE is contained in 39.98: 6.38"});
    check(shop.choose(shopper, shop.parcel), 3360, 412, 716, {R"("/lines/0/amount/tax")", R"("/delivery/tax")", "VAT 19 % of DE is contained in 4.90: 0.78"});
    CHECK(shop.send_to(shopper, "US").status == 200);
    CHECK(shop.patch(shopper, R"({"currency":"USD"})").status == 200);
    check(shop.choose(shopper, shop.air), 4398, 990, 478, {"Sales tax of US is added to 43.98: 3.90", "Sales tax of US is added to 9.90: 0.88"});
  });
}

TEST_CASE("a way of delivery is chosen among those offered, and again in another country or currency") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.with(two_lamps);
    const auto without = shop.get(shopper, "/delivery-options");
    CHECK(without.status == 422);
    CHECK(without.listed("errors") == "shipping_address_required /shipping_address");
    CHECK(shop.choose(shopper, shop.parcel).status == 422);

    REQUIRE(shop.send_to(shopper, "DE").status == 200);
    const auto options = shop.get(shopper, "/delivery-options").body.at("data").as_array();
    REQUIRE(options.size() == 1);
    CHECK(options[0].at("method_id").as_string() == shop.parcel);
    CHECK(options[0].at("amount").as_int64() == 490);
    const auto refused = shop.choose(shopper, shop.air);
    CHECK(refused.status == 422);
    CHECK(refused.listed("errors") == "delivery_not_offered /method_id");

    const auto chosen = [](const Reply& cart) { return cart.listed("requirements").find("delivery_required") == std::string::npos; };
    CHECK(chosen(shop.choose(shopper, shop.parcel)));
    CHECK(chosen(shop.send_to(shopper, "DE")));
    CHECK(chosen(shop.patch(shopper, R"({"currency":"EUR","language":"de"})")));
    CHECK_FALSE(chosen(shop.send_to(shopper, "US")));
    CHECK_FALSE(chosen(shop.send_to(shopper, "DE")));
    CHECK(chosen(shop.choose(shopper, shop.parcel)));
    CHECK_FALSE(chosen(shop.patch(shopper, R"({"currency":"USD"})")));
    CHECK(shop.get(shopper, "/delivery-options").body.at("data").as_array().empty());
    CHECK_FALSE(chosen(shop.patch(shopper, R"({"currency":"EUR"})")));
  });
}

TEST_CASE("another language has other texts, another currency other prices, which nobody has seen change") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.with(two_lamps);
    REQUIRE(shop.send_to(shopper, "DE").status == 200);
    CHECK(shop.choose(shopper, shop.parcel).body.at("delivery").at("name").as_string() == "Parcel");
    const auto german = shop.patch(shopper, R"({"language":"de"})");
    CHECK(german.body.at("lines").at(0).at("name").as_string() == "Lampe");
    CHECK(german.body.at("delivery").at("name").as_string() == "Paket");
    const auto dollars = shop.patch(shopper, R"({"currency":"USD"})");
    CHECK(dollars.body.at("lines").at(0).at("unit_price").at("amount").as_int64() == 2199);
    CHECK(dollars.listed("warnings") == "");
  });
}

TEST_CASE("a guest's cart becomes the customer's at sign-in: of what is in both, the larger quantity counts") {
  in_shop([](Shop& shop) {
    struct Case {
      const char *guest, *customer, *merged;
    };
    for (const auto& one : {Case{two_lamps, R"({"sku":"LAMP","quantity":5},{"sku":"CUP","quantity":1})", "5 LAMP, 1 CUP"},
                            Case{R"({"sku":"CUP","quantity":4},{"sku":"LAMP","quantity":3})", two_lamps, "4 CUP, 3 LAMP"}}) {
      const auto customer = auth::UserId::make(3).str();
      const auto guest = shop.with(one.guest), earlier = shop.with(one.customer, customer);
      const auto claimed = shop.claim({guest.cart, guest.token, customer});
      CHECK(claimed.status == 200);
      CHECK(claimed.lines() == one.merged);
      CHECK(claimed.member("customer_id") == customer);
      CHECK(shop.get(guest).status == 404);
      CHECK(shop.get(earlier).status == 404);
      CHECK(shop.claim({guest.cart, "", customer}).text == claimed.text);
    }
    const auto guest = shop.with(two_lamps), dollars = shop.with(R"({"sku":"CUP","quantity":1})", ann, R"({"currency":"USD"})"), others = shop.opened(bob);
    shop.price("CUP", {{600, Shop::currency("USD")}});
    REQUIRE(shop.add(dollars, R"({"sku":"CUP","quantity":1})").status == 200);
    const auto claimed = shop.claim({guest.cart, guest.token, ann});
    CHECK(claimed.lines() == "2 LAMP, 2 CUP");
    CHECK(claimed.listed("warnings") == "");
    CHECK(shop.get(others).status == 200);
  });
}

TEST_CASE("carts that cannot be claimed") {
  in_shop([](Shop& shop) {
    const auto guest = shop.with(two_lamps), theirs = shop.opened(bob), done = shop.opened();
    CHECK(shop.claim(guest).status == 401);
    CHECK(shop.claim({guest.cart, "", ann}).status == 404);
    CHECK(shop.claim({guest.cart, done.token, ann}).status == 404);
    CHECK(shop.claim({theirs.cart, guest.token, ann}).status == 404);
    shop.complete(done, "ord_1");
    CHECK(shop.claim({done.cart, done.token, ann}).member("code") == "cart_completed");
    CHECK(shop.get(guest).lines() == "2 LAMP");
    CHECK(shop.get(done).status == 200);
    shop.ground.clock().advance(31 * day_ms);
    CHECK(shop.claim({guest.cart, guest.token, ann}).status == 404);
  });
}

TEST_CASE("a completed cart is read and never changed, and belongs to one order") {
  in_shop([](Shop& shop) {
    const auto shopper = shop.with(two_lamps);
    REQUIRE(shop.send_to(shopper, "DE").status == 200);
    const auto line = shopper.cart + "/lines/" + shop.get(shopper).line_id(0);
    shop.complete(shopper, "ord_1");
    shop.complete(shopper, "ord_1");
    CHECK_THROWS_WITH_AS(shop.complete(shopper, "ord_2"), doctest::Contains("completed by another order"), Problem);

    const auto before = shop.get(shopper);
    CHECK(before.member("state") == "completed");
    CHECK(before.listed("requirements") == "");
    for (const auto& refused : {shop.patch(shopper, R"({"email":"ann@example.com"})"), shop.add(shopper, two_lamps), shop.send(Method::patch, line, R"({"quantity":1})", shopper),
                                shop.send(Method::del, line, "", shopper), shop.choose(shopper, shop.parcel)}) {
      CHECK(refused.status == 409);
      CHECK(refused.member("code") == "cart_completed");
    }
    CHECK(shop.get(shopper).text == before.text);
  });
}

TEST_CASE("an abandoned cart is gone, a completed one is kept as long as its order is read by it") {
  in_shop([](Shop& shop) {
    const auto abandoned = shop.opened(), touched = shop.opened(), completed = shop.opened(), earlier = shop.with(R"({"sku":"CUP","quantity":1})", ann);
    shop.complete(completed, "ord_1");
    shop.ground.clock().advance(29 * day_ms);
    CHECK(shop.add(touched, two_lamps).status == 200);
    CHECK(shop.get(abandoned).status == 200);
    shop.ground.clock().advance(2 * day_ms);
    // Before the job has come by, too: nothing brings it back.
    CHECK(shop.patch(abandoned, R"({"email":"ann@example.com"})").status == 404);
    CHECK(shop.add(abandoned, two_lamps).status == 404);
    CHECK(shop.get(abandoned).status == 404);
    CHECK(shop.claim({touched.cart, touched.token, ann}).lines() == "2 LAMP");
    CHECK(shop.get(completed).status == 200);
    shop.cart.node().start();
    await_stored(shop, 2);

    shop.ground.clock().advance(333 * day_ms);
    CHECK(shop.get(completed).status == 200);
    await_stored(shop, 1);
    shop.ground.clock().advance(2 * day_ms);
    CHECK(shop.get(completed).status == 404);
    await_stored(shop, 0);
    shop.cart.node().stop();
  });
}

}  // namespace polyshop::cart
