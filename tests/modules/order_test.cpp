#include <thread>

#include <doctest/doctest.h>

#include "../../src/modules/cart/module.hpp"
#include "../../src/modules/catalog/module.hpp"
#include "../../src/modules/inventory/module.hpp"
#include "../../src/modules/order/module.hpp"
#include "../../src/modules/payment/module.hpp"
#include "../../src/modules/pricing/module.hpp"
#include "../../src/modules/shipping/module.hpp"
#include "ground.hpp"
#include "kernel/security/token.hpp"
#include "order/events.hpp"

// From a cart to an order, with every module as it is.
namespace polyshop::order {
namespace {

using http::Method;
using tests::Ground;
using tests::on_each_engine;

constexpr auto secret = "hook-secret";

struct Shop {
  explicit Shop(Ground& ground)
      : ground(ground),
        catalog(ground.platform()),
        pricing(ground.platform(), catalog.node(), catalog.facade()),
        inventory(ground.platform(), catalog.facade()),
        shipping(ground.platform()),
        cart(ground.platform(), catalog.facade(), pricing.facade(), inventory.facade(), shipping.facade()),
        payment(ground.platform(), cart.facade()),
        order(ground.platform(), payment.node(), cart.facade(), inventory.facade(), payment.facade()) {
    ground.open();
    const auto system = ground.as_system();
    catalog::CreateProduct lamp;
    lamp.texts = {{"en", {Text<1, 300>("Lamp"), {}}}};
    lamp.state = catalog::State::published;
    lamp.variants = {{catalog::Sku("LAMP"), {}, 1000}};
    catalog.facade().create_product(system, lamp);
    pricing.facade().set_prices(system, {false, {{1, "LAMP", {{1999, eur()}}}}});
    pricing.facade().set_tax(system, {"DE", {}, "VAT 19 %", *Decimal::parse("19"), true});
    inventory.facade().import_stock(system, {false, {{1, "LAMP", 5, {}}}});
    const auto zone = shipping.facade().create_zone(system, {Text<1, 100>("everywhere"), {}});
    method = shipping.facade().create_method(system, {zone.id, {{"en", Text<1, 200>("Parcel")}}, shipping::RateKind::flat, {{eur(), {{{}, 490}}}}, {}}).id;
    ground.deliver_events();
  }
  static Currency eur() { return *Currency::parse("EUR"); }

  struct Shopper {
    std::string cart;
    std::string token;
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;

  http::Response send(Method method, const std::string& target, const std::string& body = {}, Fields fields = {}) {
    Call call = ground.call();
    call.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    return ground.send(method, target, body, call, std::move(fields));
  }
  static std::string member(const http::Response& response, std::string_view name) {
    const auto value = json::parse(response.body);
    const auto* found = value.as_object().if_contains(name);
    return !found ? "" : found->is_string() ? std::string(found->get_string()) : boost::json::serialize(*found);
  }

  // A cart that only lacks the payment and its completion.
  Shopper fill(int quantity) {
    const auto created = send(Method::post, "/v1/store/carts", R"({"currency":"EUR"})");
    REQUIRE(created.status == 201);
    Shopper shopper{"/v1/store/carts/" + member(created, "id"), ""};
    for (const auto& [name, value] : created.fields)
      if (name == "Cart-Token") shopper.token = value;
    const Fields key{{"Cart-Token", shopper.token}};
    REQUIRE(send(Method::post, shopper.cart + "/lines", fmt::format(R"({{"sku":"LAMP","quantity":{}}})", quantity), key).status == 200);
    REQUIRE(send(Method::patch, shopper.cart, R"({"email":"ann@example.com","shipping_address":{"name":"Ann","line1":"Street 1","city":"Bonn","country":"DE"}})", key).status == 200);
    REQUIRE(send(Method::put, shopper.cart + "/delivery", R"({"method_id":")" + method.str() + "\"}", key).status == 200);
    return shopper;
  }
  void pay_with(const Shopper& shopper, const std::string& token) {
    const auto session = send(Method::post, shopper.cart + "/payment-sessions", R"({"provider":"sandbox","token":")" + token + "\"}", {{"Cart-Token", shopper.token}, {"Idempotency-Key", unique()}});
    REQUIRE(session.status == 201);
  }
  static std::string unique() {
    static std::atomic<int> next = 0;
    return "key-" + std::to_string(next++);
  }
  // Background work runs on the modules' own threads here: the request waits for the provider as it does in the program.
  http::Response complete(const Shopper& shopper, const std::string& key) { return send(Method::post, shopper.cart + "/complete", {}, {{"Cart-Token", shopper.token}, {"Idempotency-Key", key}}); }

  // What the provider says on its own about the authorization of the latest payment.
  http::Response notice(const std::string& result) {
    const auto body = fmt::format(R"({{"key":"{}.authorize","result":"{}"}})", payment.facade().export_payments(ground.as_system(), {}).back().id.view(), result);
    return send(Method::post, "/v1/hooks/sandbox", body, {{"Sandbox-Signature", to_base64(hmac_sha256(secret, body))}});
  }

  // Of the latest reservation.
  std::string state_of_goods() { return inventory.node().db.read(ground.as_system(), [](Tx& tx) { return tx.get<std::string>("SELECT state FROM reservation ORDER BY id DESC LIMIT 1"_sql); }); }
  std::int64_t available() { return inventory.facade().get_availability(ground.as_system(), {{"LAMP"}})[0].available; }
  void audit() {
    for (const auto& finding : inventory.facade().audit(ground.as_system(), {})) CHECK_MESSAGE(finding.violations == 0, finding.check);
    for (const auto& finding : payment.facade().audit(ground.as_system(), {})) CHECK_MESSAGE(finding.violations == 0, finding.check);
    for (const auto& finding : order.facade().audit(ground.as_system(), {})) CHECK_MESSAGE(finding.violations == 0, finding.check);
  }
  void start() {
    for (auto* node : ground.platform().nodes) node->start();
  }
  void stop() {
    for (auto* node : ground.platform().nodes) node->stop();
  }

  Ground& ground;
  catalog::Module catalog;
  pricing::Module pricing;
  inventory::Module inventory;
  shipping::Module shipping;
  cart::Module cart;
  payment::Module payment;
  Module order;
  shipping::MethodId method;
};

void running(const std::function<void(Shop&)>& body, std::map<std::string, std::string> settings = {}) {
  settings.emplace("payment.sandbox_webhook_secret", secret);
  on_each_engine([&](Ground& ground) {
    ground.platform().config = Config::load({}, {}, settings);
    Shop shop(ground);
    shop.start();
    body(shop);
    shop.stop();
    shop.audit();
  });
}

// Within the time that the modules' own threads may take.
bool becomes(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  return condition();
}

}  // namespace

TEST_CASE("a cart becomes an order, once") {
  running([](Shop& shop) {
    const auto shopper = shop.fill(2);
    CHECK(Shop::member(shop.complete(shopper, "first"), "code") == "cart_incomplete");
    shop.pay_with(shopper, "tok_approve");
    const auto placed = shop.complete(shopper, "k");
    REQUIRE_MESSAGE(placed.status == 201, placed.body);
    CHECK(Shop::member(placed, "state") == "placed");
    CHECK(Shop::member(placed, "number") == "1000001");
    CHECK(json::parse(placed.body).at("totals").at("total").as_int64() == 2 * 1999 + 490);
    CHECK(shop.available() == 3);

    const auto again = shop.complete(shopper, "k");
    CHECK(again.status == 201);
    CHECK(again.body == placed.body);
    CHECK(std::ranges::any_of(again.fields, [](const auto& f) { return f.first == "Idempotency-Replayed"; }));
    const auto other_key = shop.complete(shopper, "another");
    CHECK(other_key.status == 200);
    CHECK(other_key.body == placed.body);

    const auto id = Shop::member(placed, "id");
    CHECK(shop.send(Method::get, "/v1/store/orders/" + id, "", {{"Cart-Token", shopper.token}}).body == placed.body);
    CHECK(shop.send(Method::get, "/v1/store/orders/" + id).status == 404);
    CHECK(shop.ground.send(Method::get, "/v1/store/orders/" + id, "", shop.ground.as_customer("usr_somebody")).status == 404);
    CHECK(shop.send(Method::post, shopper.cart + "/lines", R"({"sku":"LAMP","quantity":1})", {{"Cart-Token", shopper.token}}).status == 409);
  });
}

TEST_CASE("declined: nothing is kept, and another attempt may succeed") {
  running([](Shop& shop) {
    const auto shopper = shop.fill(5);
    shop.pay_with(shopper, "tok_decline");
    const auto declined = shop.complete(shopper, "one");
    CHECK(declined.status == 402);
    CHECK(Shop::member(declined, "code") == "payment_declined");
    CHECK(shop.complete(shopper, "one").status == 402);
    CHECK(shop.available() == 5);
    shop.pay_with(shopper, "tok_approve");
    CHECK(shop.complete(shopper, "two").status == 201);
    CHECK(shop.complete(shopper, "one").status == 402);
    CHECK(shop.available() == 0);
  });
}

TEST_CASE("sold out: 409 with the lines, nothing charged") {
  running([](Shop& shop) {
    const auto first = shop.fill(4), second = shop.fill(2);
    shop.pay_with(first, "tok_approve");
    shop.pay_with(second, "tok_approve");
    CHECK(shop.complete(first, "a").status == 201);
    const auto sold_out = shop.complete(second, "b");
    CHECK(sold_out.status == 409);
    CHECK(Shop::member(sold_out, "code") == "sold_out");
    CHECK(sold_out.body.find("/lines/0") != std::string::npos);
    CHECK(shop.available() == 1);
  });
}

TEST_CASE("of what is gone no order is begun, and no payment; who bought it is answered as before") {
  running([](Shop& shop) {
    const auto first = shop.fill(5), late = shop.fill(1);
    shop.pay_with(first, "tok_approve");
    shop.pay_with(late, "tok_approve");
    CHECK(shop.complete(first, "a").status == 201);
    const auto sagas = [&] { return shop.order.node().sagas.list(shop.ground.as_system(), {}).size(); };
    CHECK(sagas() == 1);
    const auto sold_out = shop.complete(late, "b");
    CHECK(sold_out.status == 409);
    CHECK(Shop::member(sold_out, "code") == "sold_out");
    CHECK(sold_out.body.find(R"("pointer":"/lines/0")") != std::string::npos);
    const auto session = shop.send(Method::post, late.cart + "/payment-sessions", R"({"provider":"sandbox","token":"tok_approve"})", {{"Cart-Token", late.token}, {"Idempotency-Key", Shop::unique()}});
    CHECK(session.status == 409);
    CHECK(Shop::member(session, "code") == "sold_out");
    CHECK(sagas() == 1);
    CHECK(shop.complete(first, "a").status == 201);
    CHECK(shop.complete(first, "c").status == 200);
  });
}

TEST_CASE("a total that has changed since the payment was opened is not charged") {
  running([](Shop& shop) {
    const auto shopper = shop.fill(1);
    shop.pay_with(shopper, "tok_approve");
    shop.pricing.facade().set_prices(shop.ground.as_system(), {false, {{1, "LAMP", {{2999, Shop::eur()}}}}});
    const auto changed = shop.complete(shopper, "a");
    CHECK(changed.status == 409);
    CHECK(Shop::member(changed, "code") == "total_changed");
    const auto cart = shop.send(Method::get, shopper.cart, "", {{"Cart-Token", shopper.token}});
    CHECK(cart.body.find("price_changed") != std::string::npos);
    CHECK(shop.available() == 5);
  });
}

TEST_CASE("an unknown outcome is asked for and comes to one end") {
  running([](Shop& shop) {
    const auto after = shop.fill(1);
    shop.pay_with(after, "tok_timeout_after");
    // The provider is asked again after a while, which passes quickly here.
    std::jthread time([&](std::stop_token stop) {
      const auto start = std::chrono::steady_clock::now();
      for (Timestamp passed = 0; !stop.stop_requested(); std::this_thread::yield()) {
        const Timestamp now = 20 * std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
        shop.ground.clock().advance(now - std::exchange(passed, now));
      }
    });
    const auto answer = shop.complete(after, "after");
    time.request_stop();
    CHECK(answer.status == 201);
    CHECK(shop.available() == 4);
  });
}

TEST_CASE("what is being paid is held, however long the provider takes") {
  running([](Shop& shop) {
    const auto shopper = shop.fill(5);
    shop.pay_with(shopper, "tok_capture_timeout_after");
    http::Response answer;
    std::jthread client([&] { answer = shop.complete(shopper, "k"); });
    REQUIRE(becomes([&] { return shop.payment.facade().export_payments(shop.ground.as_system(), {}).at(0).state == payment::PaymentState::unknown; }));
    CHECK(shop.inventory.node().db.read(shop.ground.as_system(), [](Tx& tx) { return tx.get<std::string>("SELECT state FROM reservation"_sql); }) == "held");
    shop.ground.clock().advance(3600'000);
    client.join();
    CHECK(answer.status == 201);
    CHECK(shop.available() == 0);
  });
}

TEST_CASE("the goods of an order leave by its event, also where it is cancelled before") {
  running([](Shop& shop) {
    const auto system = shop.ground.as_system();
    const auto on_hand = [&] { return shop.inventory.node().db.read(system, [](Tx& tx) { return tx.get<std::int64_t>("SELECT on_hand FROM stock_level"_sql); }); };
    const auto place = [&](const std::string& key) {
      const auto shopper = shop.fill(1);
      shop.pay_with(shopper, "tok_approve");
      const auto placed = shop.complete(shopper, key);
      REQUIRE(placed.status == 201);
      return Shop::member(placed, "id");
    };
    place("k1");
    CHECK(shop.available() == 4);
    CHECK(becomes([&] { return shop.state_of_goods() == "consumed"; }));
    CHECK(on_hand() == 4);
    auto& leaving = *shop.order.node().find_subscription("order.order");
    leaving.pause(system, "so that the cancellation comes first");
    const auto hasty = place("k2");
    CHECK(shop.state_of_goods() == "held");
    CHECK(on_hand() == 4);
    CHECK(shop.available() == 3);
    auto staff = shop.ground.as_staff({"order.write"});
    staff.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto cancelled = shop.ground.send(Method::post, "/v1/admin/orders/" + hasty + "/cancellations", R"({"reason":"too many"})", staff, {{"Idempotency-Key", "c"}});
    REQUIRE_MESSAGE(cancelled.status == 201, cancelled.body);
    CHECK(shop.state_of_goods() == "released");
    leaving.resume(system);
    CHECK(becomes([&] { return leaving.row().lag == 0; }));
    CHECK(leaving.row().parked + leaving.row().dead == 0);
    CHECK(shop.state_of_goods() == "released");
    CHECK(on_hand() == 4);
    CHECK(shop.available() == 4);
  });
}

TEST_CASE("goods are held for half of their time while a payment is waited for, and given to others at its end") {
  running([](Shop& shop) {
    const auto shopper = shop.fill(5);
    shop.pay_with(shopper, "tok_require_action");
    CHECK(shop.complete(shopper, "k").status == 202);
    const auto saga = [&] { return shop.order.node().sagas.list(shop.ground.as_system(), {}).at(0); };
    const auto before = saga().version;
    shop.ground.clock().advance(49'000);
    CHECK(becomes([&] { return saga().version > before && saga().lease_until_ms == 0; }));  // it was looked at again meanwhile
    CHECK(shop.state_of_goods() == "held");
    shop.ground.clock().advance(8'000);
    CHECK(becomes([&] { return shop.state_of_goods() == "open"; }));
    shop.ground.clock().advance(44'000);
    CHECK(becomes([&] { return shop.available() == 5; }));
    CHECK(shop.state_of_goods() == "expired");
  }, {{"inventory.reservation_ttl_s", "100"}});
}

TEST_CASE("the provider's notice and the clients' calls join one saga, whichever comes first") {
  running([](Shop& shop) {
    for (const bool approved : {true, false, true, true}) {
      const auto shopper = shop.fill(1);
      shop.pay_with(shopper, "tok_require_action");
      const auto before = shop.available();
      const auto pending = shop.complete(shopper, "k");
      CHECK(pending.status == 202);
      CHECK(pending.body.find("payment_action") != std::string::npos);
      CHECK(shop.available() == before - 1);
      {
        std::vector<std::jthread> threads;
        for (const auto* key : {"k", "other"}) threads.emplace_back([&, key] { shop.complete(shopper, key); });
        for (int i = 0; i < 2; ++i) threads.emplace_back([&] { CHECK(shop.notice(approved ? "approved" : "declined").status == 204); });
      }
      auto answer = shop.complete(shopper, "k");
      const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while ((answer.status == 202 || Shop::member(answer, "code") == "in_flight") && std::chrono::steady_clock::now() < give_up) {
        std::this_thread::yield();
        answer = shop.complete(shopper, "k");
      }
      CHECK(answer.status == (approved ? 201 : 402));
      CHECK(shop.available() == before - (approved ? 1 : 0));
      const auto again = shop.complete(shopper, "k");
      CHECK(again.status == answer.status);
      CHECK(again.body == answer.body);
    }
    const auto orders = shop.order.facade().export_orders(shop.ground.as_system(), {});
    CHECK(std::ranges::count(orders, OrderState::placed, &OrderMoney::state) == 3);
    std::int64_t captured = 0;
    for (const auto& payment : shop.payment.facade().export_payments(shop.ground.as_system(), {})) captured += payment.captured;
    CHECK(captured == 3 * (1999 + 490));
  });
}

TEST_CASE("a cart whose checkout was forgotten long ago still answers its order") {
  running([](Shop& shop) {
    const auto shopper = shop.fill(1);
    shop.pay_with(shopper, "tok_approve");
    const auto placed = shop.complete(shopper, "k");
    REQUIRE(placed.status == 201);
    shop.ground.clock().advance(1000);
    shop.order.node().sagas.forget_ended(0);
    const auto again = shop.complete(shopper, "another");
    CHECK(again.status == 200);
    CHECK(again.body == placed.body);
  });
}

TEST_CASE("ten completions of one cart make one order and one charge") {
  running([](Shop& shop) {
    const auto shopper = shop.fill(1);
    shop.pay_with(shopper, "tok_approve");
    std::vector<int> statuses(10);
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < statuses.size(); ++i) threads.emplace_back([&, i] { statuses[i] = shop.complete(shopper, i % 2 ? "same" : "key-" + std::to_string(i)).status; });
    }
    CHECK(std::ranges::all_of(statuses, [](int status) { return status == 201 || status == 200 || status == 409; }));
    CHECK(std::ranges::count(statuses, 201) >= 1);
    CHECK(shop.available() == 4);
    CHECK(shop.order.facade().export_orders(shop.ground.as_system(), {}).size() == 1);
    std::int64_t captured = 0;
    for (const auto& payment : shop.payment.facade().export_payments(shop.ground.as_system(), {})) captured += payment.captured;
    CHECK(captured == 1999 + 490);
  });
}

TEST_CASE("the last five are wanted by twenty") {
  running([](Shop& shop) {
    std::vector<Shop::Shopper> shoppers;
    for (int i = 0; i < 20; ++i) {
      shoppers.push_back(shop.fill(1));
      shop.pay_with(shoppers.back(), "tok_approve");
    }
    std::atomic<int> placed = 0, sold_out = 0;
    {
      std::vector<std::jthread> threads;
      for (const auto& shopper : shoppers)
        threads.emplace_back([&] {
          const auto answer = shop.complete(shopper, Shop::unique());
          placed += answer.status == 201;
          sold_out += answer.status == 409 && Shop::member(answer, "code") == "sold_out";
        });
    }
    CHECK(placed == 5);
    CHECK(sold_out == 15);
    CHECK(shop.available() == 0);
  });
}

TEST_CASE("cancelling refunds and restocks, once") {
  running([](Shop& shop) {
    const auto shopper = shop.fill(3);
    shop.pay_with(shopper, "tok_approve");
    const auto placed = shop.complete(shopper, "k");
    REQUIRE(placed.status == 201);
    // A step that meets the goods while they leave is tried again after a time, which does not pass here.
    REQUIRE(becomes([&] { return shop.state_of_goods() == "consumed"; }));
    const auto target = "/v1/admin/orders/" + Shop::member(placed, "id");
    auto staff = shop.ground.as_staff({"order.read", "order.write"});
    staff.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto cancelled = shop.ground.send(Method::post, target + "/cancellations", R"({"reason":"changed their mind"})", staff, {{"Idempotency-Key", "c"}});
    REQUIRE_MESSAGE(cancelled.status == 201, cancelled.body, json::to_text(shop.order.node().sagas.list(shop.ground.as_system(), {})));
    CHECK(shop.available() == 5);
    CHECK(Shop::member(shop.ground.send(Method::get, target, "", staff), "state") == "cancelled");
    CHECK(shop.ground.send(Method::post, target + "/cancellations", R"({"reason":"again"})", staff, {{"Idempotency-Key", "d"}}).status == 409);
    const auto payments = shop.payment.facade().export_payments(shop.ground.as_system(), {});
    CHECK(payments[0].refunded == payments[0].captured);
    CHECK(shop.ground.send(Method::get, target + "/history", "", staff).body.find("changed their mind") != std::string::npos);
  });
}

TEST_CASE("orders are found by their customer, number, address and state, the latest first") {
  running([](Shop& shop) {
    const auto in_time = [](Call call) {
      call.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      return call;
    };
    const auto customer = [&] { return in_time(shop.ground.as_customer(auth::UserId::make(shop.ground.clock().now()).str())); };
    const auto ann = customer(), bob = customer();
    const auto place = [&](Call who) {
      shop.ground.clock().advance(1);  // ids of one moment are in no order
      who.now = shop.ground.clock().now();
      const auto shopper = shop.fill(1);
      const bool is_guest = who.actor.kind == Actor::Kind::anonymous;
      if (!is_guest) REQUIRE(shop.ground.send(Method::post, shopper.cart + "/claims", "", who, {{"Cart-Token", shopper.token}}).status == 200);
      const auto send = [&](const std::string& what, const std::string& body) {
        return shop.ground.send(Method::post, shopper.cart + what, body, who, {{"Cart-Token", is_guest ? shopper.token : ""}, {"Idempotency-Key", Shop::unique()}});
      };
      REQUIRE(send("/payment-sessions", R"({"provider":"sandbox","token":"tok_approve"})").status == 201);
      const auto placed = send("/complete", "");
      REQUIRE_MESSAGE(placed.status == 201, placed.body);
      return json::from_text<Order>(placed.body, json::Mode::lenient);
    };
    const auto first = place(in_time(shop.ground.call())), of_ann = place(ann), last = place(in_time(shop.ground.call()));
    const auto staff = in_time(shop.ground.as_staff({"order.read"}));
    const auto listed = [&](const std::string& query, const Call& who) {
      const auto page = json::parse(shop.ground.send(Method::get, query, "", who).body);
      std::vector<std::string> ids;
      for (const auto& order : page.at("data").as_array()) ids.emplace_back(order.at("id").as_string());
      return ids;
    };
    const auto ids_of = [](std::initializer_list<Order> orders) {
      std::vector<std::string> ids;
      for (const auto& order : orders) ids.push_back(order.id.str());
      return ids;
    };
    const std::string all = "/v1/admin/orders";
    CHECK(listed(all, staff) == ids_of({last, of_ann, first}));
    const auto page = json::parse(shop.ground.send(Method::get, all + "?limit=2", "", staff).body);
    CHECK(page.at("data").as_array().size() == 2);
    CHECK(listed(all + "?limit=2&cursor=" + std::string(page.at("page").at("next_cursor").as_string()), staff) == ids_of({first}));
    CHECK(listed(all + "?filter[number]=" + of_ann.number, staff) == ids_of({of_ann}));
    CHECK(listed(all + "?filter[number]=" + of_ann.number + "&filter[state]=cancelled", staff).empty());
    CHECK(listed(all + "?filter[email]=ann@example.com", staff) == ids_of({last, of_ann, first}));
    CHECK(listed(all + "?filter[email]=bob@example.com", staff).empty());
    CHECK(listed(all + "?filter[state]=placed&limit=1", staff) == ids_of({last}));
    CHECK(listed(all + "?filter[state]=cancelled", staff).empty());
    CHECK(listed("/v1/store/orders", ann) == ids_of({of_ann}));
    CHECK(listed("/v1/store/orders", bob).empty());
    CHECK(listed(all + "/" + first.id.str() + "/cancellations", staff).empty());
  });
}

TEST_CASE("a cancellation that comes to nothing leaves the order as it was, also for who completes the cart again") {
  running([](Shop& shop) {
    const auto shopper = shop.fill(3);
    shop.pay_with(shopper, "tok_refund_decline");
    const auto placed = shop.complete(shopper, "k");
    REQUIRE(placed.status == 201);
    const auto target = "/v1/admin/orders/" + Shop::member(placed, "id");
    auto staff = shop.ground.as_staff({"order.read", "order.write"});
    staff.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    CHECK(shop.ground.send(Method::post, target + "/cancellations", R"({"reason":"changed their mind"})", staff, {{"Idempotency-Key", "c"}}).status == 409);
    CHECK(Shop::member(shop.ground.send(Method::get, target, "", staff), "state") == "placed");
    const auto again = shop.complete(shopper, "another key");
    CHECK_MESSAGE(again.status == 200, again.body);
    CHECK(Shop::member(again, "id") == Shop::member(placed, "id"));
    CHECK(shop.available() == 2);
  });
}

}  // namespace polyshop::order
