#include <doctest/doctest.h>

#include <set>

#include <fmt/format.h>

#include "../../src/modules/payment/module.hpp"
#include "../../src/modules/payment/rules.hpp"
#include "../../src/modules/payment/sandbox.hpp"
#include "ground.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/security/token.hpp"
#include "payment/events.hpp"

namespace polyshop::payment {
namespace {

using http::Method;
using tests::Ground;
using tests::on_each_engine;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr auto secret = "hook-secret";

// Carts as the cart module would show them: one of a guest, opened by "guest-token", with whatever total a test sets.
struct Carts {
  cart::Cart cart;

  Carts() {
    cart.id = cart::CartId::make(1);
    cart.currency = *Currency::parse("EUR");
    cart.lines.resize(1);
    cart.totals.total = 10'000;
  }
  cart::Facade facade() {
    cart::Facade facade;
    facade.get_cart = [this](const Call& call, const cart::GetCart& wanted) {
      if (wanted.id != cart.id || (wanted.token != "guest-token" && call.actor.kind != Actor::Kind::customer)) throw Problem::not_found("cart", wanted.id.view());
      return cart;
    };
    facade.complete = [](const Call&, const cart::CompleteCart&) {};
    return facade;
  }
};

void configure(Ground& ground) { ground.platform().config = Config::load({}, {}, {{"payment.sandbox_webhook_secret", secret}}); }

// What a process that starts anew has: nothing but the databases.
void forget_process(Ground& ground) {
  configure(ground);
  ground.platform().routes = http::Routes();
}

// A provider whose answers a test gives itself, when it wants to.
class Puppet final : public Provider {
 public:
  struct Held {
    std::string what;
    std::string key;
    Done done;
  };
  void authorize(const ProviderCall& call, Done done) override { hold("authorize", call.key, std::move(done)); }
  void capture(const ProviderCall& call, Done done) override { hold("capture", call.key, std::move(done)); }
  void cancel(const ProviderCall& call, Done done) override { hold("cancel", call.key, std::move(done)); }
  void refund(const ProviderCall& call, Done done) override { hold("refund", call.key, std::move(done)); }
  void ask(const std::string& key, Done done) override { hold("ask", key, std::move(done)); }
  Notice read_notice(const Call&, const http::Request& request) override { return {std::string(request.field("Key")), json::from_text<Answer>(request.body, json::Mode::lenient)}; }

  Held next() {
    std::unique_lock lock(mutex_);
    REQUIRE(called_.wait_for(lock, std::chrono::seconds(60), [this] { return !held_.empty(); }));
    auto held = std::move(held_.front());
    held_.pop_front();
    return held;
  }
  bool is_quiet() {
    std::lock_guard lock(mutex_);
    return held_.empty();
  }

 private:
  void hold(std::string what, std::string key, Done done) {
    std::lock_guard lock(mutex_);
    held_.push_back({std::move(what), std::move(key), std::move(done)});
    called_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable called_;
  std::deque<Held> held_;
};

struct Shop {
  Ground& ground;
  Carts carts;
  std::unique_ptr<Module> module;
  Puppet* puppet = nullptr;

  explicit Shop(Ground& ground) : ground(ground) {
    configure(ground);
    start();
  }
  void start(const std::function<void(Module&)>& before_open = nullptr) {
    module = std::make_unique<Module>(ground.platform(), carts.facade());
    auto made = std::make_unique<Puppet>();
    puppet = made.get();
    module->add_provider("puppet", std::move(made));
    if (before_open) before_open(*module);
    ground.open();
  }
  // kill -9 as far as the module can tell; the leases it held are over.
  void restart(const std::function<void(Module&)>& before_open = nullptr) {
    module.reset();
    forget_process(ground);
    ground.clock().advance(61'000);
    start(before_open);
  }

  std::string sessions() const { return "/v1/store/carts/" + carts.cart.id.str() + "/payment-sessions"; }
  http::Response try_to_open(const std::string& body, const std::string& key = "k") {
    return ground.send(Method::post, sessions(), body, ground.call(), {{"Cart-Token", "guest-token"}, {"Idempotency-Key", key}});
  }
  PaymentId open(const std::string& token, const std::string& provider = "sandbox") {
    const auto response = try_to_open(fmt::format(R"({{"provider":"{}","token":"{}"}})", provider, token), make_token());
    REQUIRE_MESSAGE(response.status == 201, response.body);
    return json::from_text<Payment>(response.body, json::Mode::lenient).id;
  }
  Facade facade() { return module->node().use(module->facade(), "payment"); }
  Payment get(const PaymentId& id) { return facade().get_payment(ground.as_system(), {id}); }
  PaymentState state(const PaymentId& id) { return get(id).state; }
  Payment authorize(const PaymentId& id, const std::string& order = "ord_1") { return facade().authorize(ground.as_system(), {id, order, get(id).amount}); }
  PaymentId authorized(const std::string& token, const std::string& order = "ord_1") {
    const auto id = open(token);
    authorize(id, order);
    settle();
    return id;
  }
  PaymentId captured(const std::string& token, const std::string& order = "ord_1") {
    const auto id = authorized(token, order);
    facade().capture(ground.as_system(), {id});
    settle();
    return id;
  }
  Refund refund(const PaymentId& id, std::int64_t amount, const std::string& key = "") { return facade().refund(ground.as_system().keyed(key), {id, amount, "returned"}); }
  std::vector<AdminRefund> refunds(const PaymentId& id) {
    const auto response = ground.send(Method::get, "/v1/admin/payments/" + id.str(), "", ground.as_staff({"payment.read"}));
    REQUIRE(response.status == 200);
    return json::from_text<PaymentDetail>(response.body, json::Mode::lenient).refunds;
  }

  // Until nothing is due: effects run on the module's workers, so some of it happens elsewhere.
  void settle() {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (true) {
      ground.deliver_events();
      const auto due = module->node().db.read(ground.as_system(), [&](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM effect WHERE state = 'due' AND due_ms <= :now"_sql, ground.clock().now()); });
      if (due == 0) return;
      REQUIRE(std::chrono::steady_clock::now() < give_up);
      std::this_thread::yield();
    }
  }
  void settle_after(Timestamp ms) {
    settle();
    ground.clock().advance(ms);
    settle();
  }
  http::Response hook(const std::string& body, const std::string& key = secret, const std::string& provider = "sandbox") {
    return ground.send(Method::post, "/v1/hooks/" + provider, body, ground.call(), {{"Sandbox-Signature", to_base64(hmac_sha256(key, body))}});
  }
  http::Response tell(const std::string& key, const Answer& answer) { return ground.send(Method::post, "/v1/hooks/puppet", json::to_text(answer), ground.call(), {{"Key", key}}); }
  http::Response notice(const PaymentId& id, const std::string& result) { return hook(fmt::format(R"({{"key":"{}.authorize","result":"{}"}})", id.view(), result)); }

  // How often the sandbox really did something.
  std::int64_t effects(const std::string& kind) {
    return module->node().db.read(ground.as_system(), [&](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM sandbox_operation WHERE kind = :kind AND verdict = 'approved'"_sql, kind); });
  }
  std::vector<PaymentChanged> events() {
    while (module->node().log.sequence()) {}
    std::vector<PaymentChanged> changes;
    for (const auto& event : module->node().log.read_after(0, 1000)) changes.push_back(json::from_text<PaymentChanged>(event.data, json::Mode::lenient));
    return changes;
  }
  void check_audit() {
    for (const auto& finding : facade().audit(ground.as_system(), {})) CHECK_MESSAGE(finding.violations == 0, finding.check << " " << finding.example);
  }
};

void in_shops(const std::function<void(Shop&)>& body) {
  on_each_engine([&](Ground& ground) {
    Shop shop(ground);
    body(shop);
    shop.check_audit();
  });
}

template <class F>
std::string code_of(F&& run) {
  try {
    run();
  } catch (const Problem& problem) {
    return problem.code;
  }
  return "";
}

const Answer approved{Verdict::approved, "", ""};
const Answer declined{Verdict::declined, "no_funds", ""};
const Answer unknown{Verdict::unknown, "", ""};
const Answer nothing{Verdict::nothing, "", ""};

}  // namespace

TEST_CASE("a session is opened for the cart's total, once per key, and never shows its token") {
  in_shops([](Shop& shop) {
    const std::string body = R"({"provider":"sandbox","token":"tok_approve","return_url":"https://shop.example/back"})";
    const auto first = shop.try_to_open(body);
    REQUIRE(first.status == 201);
    CHECK(first.body.find("tok_approve") == std::string::npos);
    CHECK(first.body.find(R"("amount":{"amount":10000,"currency":"EUR"})") != std::string::npos);
    shop.carts.cart.state = cart::CartState::completed;
    const auto again = shop.try_to_open(body);
    CHECK(again.status == 201);
    CHECK(again.body == first.body);
    CHECK(shop.try_to_open(body, "other").status == 409);
    shop.carts.cart.state = cart::CartState::open;
    CHECK(shop.try_to_open(R"({"provider":"sandbox","token":"tok_decline"})").status == 422);

    CHECK(shop.ground.send(Method::post, shop.sessions(), body, shop.ground.call(), {{"Cart-Token", "guest-token"}}).status == 400);
    CHECK(shop.ground.send(Method::post, shop.sessions(), body, shop.ground.call(), {{"Idempotency-Key", "k"}}).status == 404);
    CHECK(shop.ground.send(Method::get, shop.sessions(), "", shop.ground.call()).status == 404);
    const auto second = shop.open("tok_approve");
    const auto listed = shop.ground.send(Method::get, shop.sessions(), "", shop.ground.as_customer("usr_x"));
    REQUIRE(listed.status == 200);
    CHECK(listed.body.starts_with(R"({"data":[{"id":")" + second.str()));
    CHECK(shop.facade().list_of_cart(shop.ground.as_system(), {shop.carts.cart.id}).size() == 2);

    CHECK(shop.try_to_open(R"({"provider":"bank","token":"t"})", "b").body.find("unknown_provider") != std::string::npos);
    CHECK(shop.try_to_open(R"({"provider":"sandbox","token":"t","return_url":"javascript:x"})", "r").body.find("malformed_return_url") != std::string::npos);
    shop.carts.cart.requirements = {{"email_required", "/email"}};
    CHECK(shop.try_to_open(body, "e").status == 201);
    shop.carts.cart.requirements.push_back({"lines_required", "/lines"});
    const auto incomplete = shop.try_to_open(body, "l");
    CHECK(incomplete.status == 422);
    CHECK(incomplete.body.find(R"("requirements":[{"code":"lines_required","pointer":"/lines"}])") != std::string::npos);
  });
}

TEST_CASE("no card number comes in") {
  Ground ground(Engine::sqlite);
  Shop shop(ground);
  static std::string logged;
  logged.clear();
  log::capture([](std::string_view line) { logged += line; });
  for (const auto* body : {R"({"provider":"sandbox","token":"4111111111111111"})", R"({"provider":"sandbox","token":"4111 1111-1111 1111"})", R"({"provider":"sandbox","token":"tok_x","card":"378282246310005"})",
                           R"({"provider":"sandbox","token":"tok_x","card":{"numbers":[4111111111111111]}})", R"({"provider":"sandbox","token":"tok_x","return_url":"https://a.example/?n=4111111111111111&x=1"})",
                           R"({"provider":"sandbox","4111111111111111":"tok_x"})", R"({"provider":"6011 1111 1111 1117","token":"x"})"}) {
    const auto response = shop.try_to_open(body);
    CHECK_MESSAGE(response.status == 422, body);
    CHECK(response.body.find("card_number_refused") != std::string::npos);
    CHECK(response.body.find("1111") == std::string::npos);
  }
  const auto refund = ground.send(Method::post, "/v1/admin/payments/" + PaymentId::make(1).str() + "/refunds", R"({"amount":{"amount":1,"currency":"EUR"},"reason":"back to 4111 1111 1111 1111 please"})",
                                  ground.as_staff({"payment.write"}), {{"Idempotency-Key", "k"}});
  CHECK(refund.body.find("card_number_refused") != std::string::npos);
  log::flush();
  log::capture(nullptr);
  CHECK(logged.find("1111") == std::string::npos);
  CHECK(shop.facade().list_of_cart(ground.as_system(), {shop.carts.cart.id}).empty());

  struct Case {
    std::string_view text;
    bool is_card;
  };
  for (const auto& one : {Case{"4111111111111111", true}, {"4111111111111112", false}, {"4222222222222", true}, {"411111111111", false}, {"tok_4111111111111111", true}, {"tok_1767225600003", false},
                          {"1767225600003", rules::holds_card_number("1767225600003")}, {"", false}, {"- -", false}, {"5555 5555 5555 4444", true}, {"a5555-5555-5555-4444b", true}, {"tok_approve", false}})
    CHECK_MESSAGE(rules::holds_card_number(one.text) == one.is_card, one.text);
}

TEST_CASE("what follows a provider's answer") {
  PaymentRow row;
  row.id = PaymentId::make(1);
  row.amount = 500;
  row.version = 3;
  const auto authorizing = rules::begun(row, Operation::authorize);
  auto authorized = *rules::answered(authorizing, authorizing.operation_key, approved);
  const auto capturing = rules::begun(authorized, Operation::capture);
  const auto voiding = rules::begun(authorized, Operation::cancel);
  auto cancelled_in_flight = authorizing;
  cancelled_in_flight.cancel_asked = true;
  const Answer action{Verdict::requires_action, "", "https://a.example"};
  struct Case {
    const char* name;
    PaymentRow row;
    Answer answer;
    std::optional<PaymentState> state;
    std::int64_t authorized = 0, captured = 0;
  };
  const auto with_state = [](PaymentRow from, PaymentState state) {
    from.state = state;
    return from;
  };
  const std::vector<Case> cases{
      {"authorize approved", authorizing, approved, PaymentState::authorized, 500},
      {"authorize declined", authorizing, declined, PaymentState::declined},
      {"authorize timed out", authorizing, unknown, PaymentState::unknown},
      {"authorize wants the shopper", authorizing, action, PaymentState::requires_action},
      {"unknown stays unknown", with_state(authorizing, PaymentState::unknown), unknown, {}},
      {"nothing is no answer", with_state(authorizing, PaymentState::unknown), nothing, {}},
      {"unknown turns out approved", with_state(authorizing, PaymentState::unknown), approved, PaymentState::authorized, 500},
      {"unknown turns out to want the shopper", with_state(authorizing, PaymentState::unknown), action, PaymentState::requires_action},
      {"the shopper is still wanted", with_state(authorizing, PaymentState::requires_action), action, {}},
      {"a time-out changes nothing for the shopper", with_state(authorizing, PaymentState::requires_action), unknown, {}},
      {"the shopper confirmed", with_state(authorizing, PaymentState::requires_action), approved, PaymentState::authorized, 500},
      {"cancelled in flight, approved", cancelled_in_flight, approved, PaymentState::voiding, 500},
      {"cancelled in flight, declined", cancelled_in_flight, declined, PaymentState::declined},
      {"cancelled in flight, timed out", cancelled_in_flight, unknown, PaymentState::unknown},
      {"cancelled in flight, wants the shopper", cancelled_in_flight, action, PaymentState::voiding},
      {"capture approved", capturing, approved, PaymentState::captured, 500, 500},
      {"capture declined", capturing, declined, PaymentState::declined},
      {"capture timed out", capturing, unknown, PaymentState::unknown, 500},
      {"cancel approved", voiding, approved, PaymentState::voided},
      {"cancel declined", voiding, declined, PaymentState::authorized, 500},
      {"cancel timed out", voiding, unknown, PaymentState::unknown, 500},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const auto next = rules::answered(one.row, one.row.operation_key, one.answer);
    REQUIRE(next.has_value() == one.state.has_value());
    CHECK_FALSE(rules::answered(one.row, row.id.str() + ".other", one.answer));
    if (!next) continue;
    CHECK(next->state == *one.state);
    CHECK(next->authorized == one.authorized);
    CHECK(next->captured == one.captured);
    std::int64_t sum = 0;
    for (const auto& [account, amount] : rules::postings_between(one.row, *next)) sum += amount;
    CHECK(sum == 0);
    const bool waits = next->state == PaymentState::voiding || next->state == PaymentState::unknown || next->state == PaymentState::requires_action;
    CHECK(next->operation_key.empty() != waits);
    if (!waits) CHECK(rules::answered(*next, one.row.operation_key, one.answer) == std::nullopt);
  }
}

TEST_CASE("authorize, capture and refund in parts; the books and the events tell the same") {
  in_shops([](Shop& shop) {
    const auto id = shop.open("tok_approve");
    const auto payment = shop.facade();
    const auto call = shop.ground.as_system();
    CHECK(shop.get(id).order_id.empty());
    const auto answer = shop.authorize(id);
    CHECK((answer.state == PaymentState::authorizing || answer.state == PaymentState::authorized));
    shop.settle();
    CHECK(shop.authorize(id).state == PaymentState::authorized);
    CHECK(payment.capture(call, {id}).order_id == "ord_1");
    shop.settle();
    CHECK(payment.capture(call, {id}).state == PaymentState::captured);
    CHECK(payment.cancel(call, {id}).state == PaymentState::captured);
    shop.refund(id, 4'000);
    shop.refund(id, 5'000);
    CHECK(code_of([&] { shop.refund(id, 1'001); }) == "refund_too_large");
    CHECK(code_of([&] { shop.refund(id, 0); }) == "amount_out_of_range");
    shop.settle();
    shop.refund(id, 1'000);
    shop.settle();
    const auto after = shop.get(id);
    CHECK(after.captured == 10'000);
    CHECK(after.refunded == 10'000);
    CHECK(shop.effects("authorize") == 1);
    CHECK(shop.effects("capture") == 1);
    CHECK(shop.effects("refund") == 3);
    for (const auto& refund : shop.refunds(id)) CHECK(refund.state == RefundState::done);
    const auto events = shop.events();
    REQUIRE(events.size() == 5);
    CHECK(events[0].state == PaymentState::authorized);
    CHECK(events[1].state == PaymentState::captured);
    CHECK(events[4].refunded == 10'000);
    CHECK(events[4].order_id == "ord_1");
    for (std::size_t i = 1; i < events.size(); ++i) CHECK(events[i].version > events[i - 1].version);
    const auto detail = shop.ground.send(Method::get, "/v1/admin/payments/" + id.str(), "", shop.ground.as_staff({"payment.read"}));
    CHECK(json::from_text<PaymentDetail>(detail.body, json::Mode::lenient).postings.size() == 2 + 2 + 3 * 2);
  });
}

TEST_CASE("however the sandbox behaves, each operation has its one outcome and at most one effect") {
  struct Case {
    const char* token;
    PaymentState authorized, captured;
    RefundState refund;
    const char* decline_code;
  };
  const std::vector<Case> cases{
      {"tok_approve", PaymentState::authorized, PaymentState::captured, RefundState::done, ""},
      {"tok_approve_outside", PaymentState::authorized, PaymentState::captured, RefundState::done, ""},
      {"tok_decline", PaymentState::declined, PaymentState::declined, RefundState::failed, "card_declined"},
      {"tok_decline_insufficient_funds", PaymentState::declined, PaymentState::declined, RefundState::failed, "insufficient_funds"},
      {"tok_nonsense", PaymentState::declined, PaymentState::declined, RefundState::failed, "unknown_token"},
      {"tok_timeout_before", PaymentState::authorized, PaymentState::captured, RefundState::done, ""},
      {"tok_timeout_after", PaymentState::authorized, PaymentState::captured, RefundState::done, ""},
      {"tok_capture_decline", PaymentState::authorized, PaymentState::declined, RefundState::failed, "authorization_expired"},
      {"tok_capture_timeout_before", PaymentState::authorized, PaymentState::captured, RefundState::done, ""},
      {"tok_capture_timeout_after", PaymentState::authorized, PaymentState::captured, RefundState::done, ""},
      {"tok_refund_decline", PaymentState::authorized, PaymentState::captured, RefundState::failed, ""},
      {"tok_refund_timeout_before", PaymentState::authorized, PaymentState::captured, RefundState::done, ""},
      {"tok_refund_timeout_after", PaymentState::authorized, PaymentState::captured, RefundState::done, ""},
  };
  in_shops([&](Shop& shop) {
    std::int64_t captures = 0, refunds = 0;
    for (const auto& one : cases) {
      CAPTURE(one.token);
      const auto id = shop.authorized(one.token, one.token);
      CHECK(shop.state(id) == (std::string_view(one.token).starts_with("tok_timeout") ? PaymentState::unknown : one.authorized));
      CHECK(code_of([&] { shop.refund(id, 1); }) == "not_captured");
      shop.settle_after(5'000);
      CHECK(shop.state(id) == one.authorized);
      CHECK(shop.get(id).decline_code == (one.authorized == PaymentState::declined ? one.decline_code : ""));
      const auto capture = [&] { shop.facade().capture(shop.ground.as_system(), {id}); };
      if (one.authorized != PaymentState::authorized) {
        CHECK(code_of(capture) == "not_authorized");
        continue;
      }
      capture();
      shop.settle();
      CHECK(shop.state(id) == (std::string_view(one.token).starts_with("tok_capture_timeout") ? PaymentState::unknown : one.captured));
      if (one.captured == PaymentState::captured) capture();
      shop.settle_after(5'000);
      CHECK(shop.state(id) == one.captured);
      CHECK(shop.get(id).decline_code == one.decline_code);
      if (one.captured != PaymentState::captured) continue;
      CHECK(shop.effects("capture") == ++captures);
      shop.refund(id, 2'500);
      shop.settle();
      CHECK(shop.refunds(id)[0].state == (std::string_view(one.token).starts_with("tok_refund_timeout") ? RefundState::unknown : one.refund));
      CHECK(code_of([&] { shop.refund(id, 7'501); }) == (one.refund == RefundState::failed ? "" : "refund_too_large"));
      shop.settle_after(5'000);
      CHECK(shop.refunds(id)[0].state == one.refund);
      CHECK(shop.get(id).refunded == (one.refund == RefundState::done ? 2'500 : 0));
      refunds += one.refund == RefundState::done;
      CHECK(shop.effects("refund") == refunds);
    }
    CHECK(shop.effects("authorize") == 10);
  });
}

TEST_CASE("a provider that answers within the transaction leaves nothing to ask, and one outside an intent") {
  in_shops([](Shop& shop) {
    const auto call = shop.ground.as_system();
    const auto asked = [&] { return shop.module->node().db.read(call, [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM effect"_sql); }); };
    const auto id = shop.open("tok_approve");
    CHECK(shop.authorize(id).state == PaymentState::authorized);
    // What is refused in the same transaction is not in the provider's books either.
    CHECK(code_of([&] { shop.authorize(shop.open("tok_approve")); }) == "order_has_payment");
    CHECK(shop.effects("authorize") == 1);
    CHECK(shop.facade().capture(call, {id}).state == PaymentState::captured);
    CHECK(shop.effects("capture") == 1);
    CHECK(shop.authorize(shop.open("tok_decline"), "ord_2").decline_code == "card_declined");
    const auto cancelled = shop.open("tok_approve");
    shop.authorize(cancelled, "ord_3");
    CHECK(shop.facade().cancel(call, {cancelled}).state == PaymentState::voided);
    CHECK(asked() == 0);
    const auto outside = shop.open("tok_approve_outside");
    CHECK(shop.authorize(outside, "ord_4").state == PaymentState::authorized);
    CHECK(asked() == 1);
    CHECK(shop.events().size() == 6);
  });
}

TEST_CASE("what is authorized at once is captured with it where that is asked for, as one entry in the books") {
  in_shops([](Shop& shop) {
    const auto call = shop.ground.as_system();
    const auto pay = [&](const std::string& token, const std::string& order) {
      const auto id = shop.open(token);
      return shop.facade().authorize(call, {id, order, shop.get(id).amount, true});
    };
    const auto paid = pay("tok_approve", "ord_1");
    CHECK(paid.state == PaymentState::captured);
    CHECK(paid.authorized == 10'000);
    CHECK(paid.captured == 10'000);
    CHECK(shop.events().size() == 1);
    CHECK(shop.module->node().db.read(call, [&](Tx& tx) { return store::list_postings(tx, paid.id); }).size() == 2);
    CHECK(shop.facade().capture(call, {paid.id}).state == PaymentState::captured);
    CHECK(shop.effects("capture") == 1);
    // Asked again it answers how it stands; one that was only authorized then is not captured by a repetition.
    const auto later = shop.authorized("tok_approve", "ord_2");
    CHECK(shop.facade().authorize(call, {later, "ord_2", shop.get(later).amount, true}).state == PaymentState::authorized);
    CHECK(pay("tok_decline", "ord_3").state == PaymentState::declined);
    CHECK(pay("tok_approve_outside", "ord_4").state == PaymentState::authorized);
    CHECK(pay("tok_capture_timeout_after", "ord_5").state == PaymentState::authorized);
    shop.carts.cart.totals.total = 0;
    CHECK(pay("tok_approve", "ord_6").state == PaymentState::captured);
    for (const auto& finding : shop.facade().audit(call, {})) CHECK_MESSAGE(finding.violations == 0, finding.check);
  });
}

TEST_CASE("a payment of nothing asks nobody") {
  in_shops([](Shop& shop) {
    shop.carts.cart.totals.total = 0;
    const auto id = shop.open("tok_decline");
    CHECK(shop.authorize(id).state == PaymentState::authorized);
    CHECK(shop.facade().capture(shop.ground.as_system(), {id}).state == PaymentState::captured);
    CHECK(code_of([&] { shop.refund(id, 1); }) == "refund_too_large");
    const auto other = shop.open("tok_approve");
    shop.authorize(other, "ord_2");
    CHECK(shop.facade().cancel(shop.ground.as_system(), {other}).state == PaymentState::voided);
    CHECK(shop.events().size() == 4);
    CHECK(shop.effects("authorize") == 0);
  });
}

TEST_CASE("a payment belongs to one order, an order to one payment, and the amount to both") {
  in_shops([](Shop& shop) {
    const auto payment = shop.facade();
    const auto call = shop.ground.as_system();
    const auto id = shop.open("tok_approve");
    CHECK(code_of([&] { payment.authorize(call, {id, "ord_1", {9'999, *Currency::parse("EUR")}}); }) == "total_changed");
    CHECK(code_of([&] { payment.authorize(call, {id, "ord_1", {10'000, *Currency::parse("USD")}}); }) == "total_changed");
    CHECK(code_of([&] { payment.authorize(call, {PaymentId::make(1), "ord_1", {10'000, *Currency::parse("EUR")}}); }) == "not_found");
    CHECK(code_of([&] { payment.capture(call, {id}); }) == "not_authorized");
    CHECK(shop.state(id) == PaymentState::created);
    shop.authorize(id);
    CHECK(code_of([&] { shop.authorize(id, "ord_2"); }) == "payment_claimed");
    const auto second = shop.open("tok_approve");
    CHECK(code_of([&] { shop.authorize(second, "ord_1"); }) == "order_has_payment");
    shop.settle();
    CHECK(code_of([&] { shop.authorize(second, "ord_1"); }) == "order_has_payment");
    payment.cancel(call, {id});
    shop.settle();
    shop.authorize(second, "ord_1");
    shop.settle();
    CHECK(shop.state(second) == PaymentState::authorized);
    CHECK(shop.effects("authorize") == 2);
  });
}

TEST_CASE("the shopper acts at the provider, whose notice may come once, twice or forged") {
  in_shops([](Shop& shop) {
    const auto id = shop.authorized("tok_require_action");
    auto seen = shop.get(id);
    CHECK(seen.state == PaymentState::requires_action);
    CHECK(seen.action_url.find(id.str() + ".authorize") != std::string::npos);
    CHECK(shop.hook(R"({"key":"x","result":"approved"})", "guessed").status == 401);
    CHECK(shop.ground.send(Method::post, "/v1/hooks/sandbox", "{}", shop.ground.call()).status == 401);
    CHECK(shop.hook("{}", secret, "bank").status == 404);
    CHECK(shop.hook(R"({"key":"pay_x","result":"approved"})").status == 404);
    CHECK(shop.notice(id, "maybe").status == 422);
    CHECK(shop.state(id) == PaymentState::requires_action);
    CHECK(shop.notice(id, "approved").status == 204);
    CHECK(shop.state(id) == PaymentState::authorized);
    CHECK(shop.get(id).action_url.empty());
    CHECK(shop.notice(id, "approved").status == 204);
    CHECK(shop.notice(id, "declined").status == 204);
    shop.settle_after(120'000);
    CHECK(shop.state(id) == PaymentState::authorized);
    CHECK(shop.effects("authorize") == 1);

    const auto refused = shop.authorized("tok_require_action", "ord_2");
    CHECK(shop.notice(refused, "declined").status == 204);
    CHECK(shop.state(refused) == PaymentState::declined);
    CHECK(shop.get(refused).decline_code == "action_failed");
    CHECK(shop.notice(refused, "approved").status == 204);
    CHECK(shop.state(refused) == PaymentState::declined);

    const auto left = shop.authorized("tok_require_action", "ord_3");
    shop.facade().cancel(shop.ground.as_system(), {left});
    CHECK(shop.notice(left, "approved").status == 204);
    shop.settle();
    CHECK((shop.state(left) == PaymentState::voided));
    CHECK(shop.get(left).captured == 0);
  });
}

TEST_CASE("without a secret no notice is taken") {
  Ground ground(Engine::sqlite);
  Carts carts;
  Module module(ground.platform(), carts.facade());
  ground.open();
  CHECK(ground.send(Method::post, "/v1/hooks/sandbox", "{}", ground.call(), {{"Sandbox-Signature", to_base64(hmac_sha256("", "{}"))}}).status == 404);
}

TEST_CASE("a notice that overtakes the answer settles the payment; the answer then changes nothing") {
  in_shops([](Shop& shop) {
    for (const auto& late : {approved, unknown, Answer{Verdict::requires_action, "", "https://a.example"}}) {
      const auto id = shop.open("t", "puppet");
      shop.authorize(id, id.str());
      auto held = shop.puppet->next();
      CHECK(held.what == "authorize");
      CHECK(shop.tell(held.key, approved).status == 204);
      CHECK(shop.state(id) == PaymentState::authorized);
      held.done(late);
      CHECK(shop.tell(held.key, approved).status == 204);
      shop.settle_after(120'000);
      CHECK(shop.state(id) == PaymentState::authorized);
      CHECK(shop.puppet->is_quiet());
    }
    CHECK(shop.events().size() == 3);
  });
}

TEST_CASE("unknown is left only by asking, however long that takes, and nothing is called twice before the provider denies it") {
  in_shops([](Shop& shop) {
    auto& ground = shop.ground;
    const auto id = shop.open("t", "puppet");
    const auto call = ground.as_system();
    shop.authorize(id);
    auto held = shop.puppet->next();
    held.done(unknown);
    shop.settle();
    CHECK(shop.state(id) == PaymentState::unknown);
    for (int i = 0; i < 30; ++i) {
      ground.clock().advance(3600'000);
      ground.deliver_events();
      auto asked = shop.puppet->next();
      CHECK(asked.what == "ask");
      CHECK(asked.key == held.key);
      shop.authorize(id);
      asked.done(unknown);
      shop.settle();
      CHECK(shop.state(id) == PaymentState::unknown);
    }
    // It denies, so it is called again, with the same key; that times out too, and then turns out to have worked.
    ground.clock().advance(3600'000);
    ground.deliver_events();
    shop.puppet->next().done(nothing);
    auto again = shop.puppet->next();
    CHECK(again.what == "authorize");
    CHECK(again.key == held.key);
    again.done(unknown);
    shop.settle();
    CHECK(shop.state(id) == PaymentState::unknown);
    ground.clock().advance(3600'000);
    ground.deliver_events();
    shop.puppet->next().done(approved);
    shop.settle();
    CHECK(shop.state(id) == PaymentState::authorized);

    // A notice that got lost is made up for by asking.
    const auto second = shop.open("t", "puppet");
    shop.authorize(second, "ord_2");
    shop.puppet->next().done({Verdict::requires_action, "", "https://a.example"});
    shop.settle();
    CHECK(shop.state(second) == PaymentState::requires_action);
    ground.clock().advance(61'000);
    ground.deliver_events();
    shop.puppet->next().done({Verdict::requires_action, "", "https://a.example"});
    shop.settle();
    ground.clock().advance(61'000);
    ground.deliver_events();
    shop.puppet->next().done(approved);
    shop.settle();
    CHECK(shop.state(second) == PaymentState::authorized);
    CHECK(shop.puppet->is_quiet());
  });
}

TEST_CASE("a cancellation leaves no money held, whenever it comes") {
  in_shops([](Shop& shop) {
    auto& ground = shop.ground;
    const auto cancel = [&](const PaymentId& id) { return shop.facade().cancel(ground.as_system(), {id}).state; };
    const auto unclaimed = shop.open("t", "puppet");
    CHECK(cancel(unclaimed) == PaymentState::created);

    // While the authorization is in flight it waits; an answer that never came is asked for first.
    for (const auto& [first, is_early] : {std::pair(approved, true), std::pair(unknown, true), std::pair(unknown, false)}) {
      const auto id = shop.open("t", "puppet");
      shop.authorize(id, id.str());
      auto held = shop.puppet->next();
      if (is_early) CHECK(cancel(id) == PaymentState::authorizing);
      if (is_early) CHECK(cancel(id) == PaymentState::authorizing);
      held.done(first);
      if (first.verdict == Verdict::unknown) {
        shop.settle();
        CHECK(cancel(id) == PaymentState::unknown);
        ground.clock().advance(5'000);
        ground.deliver_events();
        auto asked = shop.puppet->next();
        CHECK(asked.what == "ask");
        asked.done(approved);
      }
      auto cancelling = shop.puppet->next();
      CHECK(cancelling.what == "cancel");
      CHECK(cancel(id) == PaymentState::voiding);
      CHECK(code_of([&] { shop.facade().capture(ground.as_system(), {id}); }) == "not_authorized");
      cancelling.done(approved);
      shop.settle();
      CHECK(cancel(id) == PaymentState::voided);
      CHECK(shop.get(id).authorized == 0);
    }

    const auto refused = shop.open("t", "puppet");
    shop.authorize(refused, "ord_refused");
    auto held = shop.puppet->next();
    cancel(refused);
    held.done(declined);
    shop.settle();
    CHECK(cancel(refused) == PaymentState::declined);

    // What the provider will not let go stays visible as held, and can be tried again under another key.
    const auto stubborn = shop.open("t", "puppet");
    shop.authorize(stubborn, "ord_stubborn");
    shop.puppet->next().done(approved);
    shop.settle();
    cancel(stubborn);
    auto first = shop.puppet->next();
    first.done(declined);
    shop.settle();
    CHECK(shop.state(stubborn) == PaymentState::authorized);
    CHECK(shop.get(stubborn).authorized == 10'000);
    cancel(stubborn);
    auto second = shop.puppet->next();
    CHECK(second.key != first.key);
    second.done(approved);
    shop.settle();
    CHECK(shop.state(stubborn) == PaymentState::voided);

    // Against a capture it comes too late.
    const auto late = shop.open("t", "puppet");
    shop.authorize(late, "ord_late");
    shop.puppet->next().done(approved);
    shop.settle();
    shop.facade().capture(ground.as_system(), {late});
    auto capturing = shop.puppet->next();
    CHECK(cancel(late) == PaymentState::capturing);
    capturing.done(approved);
    shop.settle();
    CHECK(cancel(late) == PaymentState::captured);
    CHECK(shop.puppet->is_quiet());
  });
  in_shops([](Shop& shop) {
    for (const auto* token : {"tok_approve", "tok_cancel_timeout_before", "tok_cancel_timeout_after"}) {
      const auto id = shop.authorized(token, token);
      shop.facade().cancel(shop.ground.as_system(), {id});
      shop.settle();
      CHECK(shop.state(id) == (std::string_view(token) == "tok_approve" ? PaymentState::voided : PaymentState::unknown));
      shop.settle_after(5'000);
      CHECK(shop.state(id) == PaymentState::voided);
    }
    CHECK(shop.effects("cancel") == 3);
  });
}

TEST_CASE("a refund is carried out once for its key, for ever") {
  in_shops([](Shop& shop) {
    const auto id = shop.captured("tok_approve");
    const auto first = shop.refund(id, 1'000, "saga/1/refund");
    shop.settle();
    const auto again = shop.refund(id, 1'000, "saga/1/refund");
    CHECK(again.id == first.id);
    CHECK(again.state == RefundState::done);
    CHECK(code_of([&] { shop.refund(id, 2'000, "saga/1/refund"); }) == "key_reused");
    // The kernel forgets a key after a day.
    shop.module->node().db.write(shop.ground.as_system(), [](Tx& tx) { tx.exec("DELETE FROM keyed_command"_sql); });
    CHECK(shop.refund(id, 1'000, "saga/1/refund").id == first.id);
    CHECK(code_of([&] { shop.refund(id, 2'000, "saga/1/refund"); }) == "key_reused");
    CHECK(shop.refunds(id).size() == 1);
    CHECK(shop.get(id).refunded == 1'000);
  });
}

TEST_CASE("many at once: never more refunded than captured, never captured twice, one refund for a key") {
  in_shops([](Shop& shop) {
    const auto id = shop.captured("tok_approve");
    const auto at_once = [](int count, const std::function<void(int)>& run) {
      std::vector<std::thread> threads;
      for (int i = 0; i < count; ++i) threads.emplace_back([&run, i] { run(i); });
      for (auto& thread : threads) thread.join();
    };
    std::atomic<int> taken = 0, refused = 0;
    at_once(12, [&](int) { (code_of([&] { shop.refund(id, 3'000); }).empty() ? taken : refused)++; });
    CHECK(taken == 3);
    CHECK(refused == 9);
    shop.settle();
    CHECK(shop.get(id).refunded == 9'000);
    CHECK(shop.effects("refund") == 3);

    std::mutex mutex;
    std::set<std::string> ids;
    at_once(8, [&](int) {
      const auto code = code_of([&] {
        const auto made = shop.refund(id, 100, "same");
        std::lock_guard lock(mutex);
        ids.insert(made.id.str());
      });
      CHECK((code.empty() || code == "in_flight"));
    });
    CHECK(ids.size() == 1);
    shop.settle();
    CHECK(shop.get(id).refunded == 9'100);

    const auto second = shop.open("tok_approve");
    at_once(8, [&](int) { code_of([&] { shop.authorize(second, "ord_2"); }); });
    shop.settle();
    at_once(8, [&](int) { code_of([&] { shop.facade().capture(shop.ground.as_system(), {second}); }); });
    shop.settle();
    CHECK(shop.state(second) == PaymentState::captured);
    CHECK(shop.effects("authorize") == 2);
    CHECK(shop.effects("capture") == 2);

    // Capture against cancel: one of them wins, and the books say which.
    const auto third = shop.authorized("tok_approve", "ord_3");
    at_once(8, [&](int i) {
      code_of([&] {
        if (i % 2)
          shop.facade().capture(shop.ground.as_system(), {third});
        else
          shop.facade().cancel(shop.ground.as_system(), {third});
      });
    });
    shop.settle();
    CHECK((shop.state(third) == PaymentState::captured || shop.state(third) == PaymentState::voided));

    // Notices against each other and against the cancellation.
    const auto fourth = shop.authorized("tok_require_action", "ord_4");
    at_once(8, [&](int i) {
      if (i == 7)
        shop.facade().cancel(shop.ground.as_system(), {fourth});
      else
        shop.notice(fourth, i % 2 ? "approved" : "declined");
    });
    shop.settle_after(120'000);
    const auto end = shop.state(fourth);
    CHECK((end == PaymentState::voided || end == PaymentState::declined));
  });
}

// An outside party that acts and is never heard of again: the process dies before it hears.
class Deaf final : public Provider {
 public:
  Deaf(bus::Node& node, bool acts) : acts_(acts), sandbox_(node, "") {}
  void authorize(const ProviderCall& call, Done) override { lose([&](Done d) { sandbox_.authorize(call, std::move(d)); }); }
  void capture(const ProviderCall& call, Done) override { lose([&](Done d) { sandbox_.capture(call, std::move(d)); }); }
  void cancel(const ProviderCall& call, Done) override { lose([&](Done d) { sandbox_.cancel(call, std::move(d)); }); }
  void refund(const ProviderCall& call, Done) override { lose([&](Done d) { sandbox_.refund(call, std::move(d)); }); }
  void ask(const std::string&, Done) override {}
  Notice read_notice(const Call&, const http::Request&) override { return {}; }

 private:
  void lose(const std::function<void(Done)>& run) {
    if (acts_) run([](Answer) {});
  }
  const bool acts_;
  Sandbox sandbox_;
};

TEST_CASE("a process that dies around a call neither loses it nor repeats its effect") {
  enum class Death { before_the_call, before_the_effect, after_the_effect };
  for (const auto death : {Death::before_the_call, Death::before_the_effect, Death::after_the_effect})
    on_each_engine([&](Ground& ground) {
      CAPTURE(static_cast<int>(death));
      Shop shop(ground);
      const auto die_in = [&](const std::function<void()>& operation) {
        shop.restart([&](Module& module) { module.add_provider("sandbox", std::make_unique<Deaf>(module.node(), death == Death::after_the_effect)); });
        if (death == Death::before_the_call) shop.module->node().workers.stop();
        operation();
        shop.module->node().workers.stop();
        shop.restart();
        shop.settle_after(60'000);
      };
      const auto id = shop.open("tok_approve");
      die_in([&] { CHECK(shop.authorize(id).state == PaymentState::authorizing); });
      CHECK(shop.state(id) == PaymentState::authorized);
      die_in([&] { CHECK(shop.facade().capture(ground.as_system(), {id}).state == PaymentState::capturing); });
      CHECK(shop.state(id) == PaymentState::captured);
      die_in([&] { CHECK(shop.refund(id, 100).state == RefundState::pending); });
      CHECK(shop.get(id).refunded == 100);
      for (const auto* kind : {"authorize", "capture", "refund"}) CHECK(shop.effects(kind) == 1);
      const auto second = shop.authorized("tok_approve", "ord_2");
      die_in([&] { CHECK(shop.facade().cancel(ground.as_system(), {second}).state == PaymentState::voiding); });
      CHECK(shop.state(second) == PaymentState::voided);
      CHECK(shop.effects("cancel") == 1);
      shop.check_audit();
    });
}

TEST_CASE("staff look at payments and refund them") {
  in_shops([](Shop& shop) {
    const auto id = shop.captured("tok_refund_decline");
    const auto other = shop.open("tok_approve");
    const auto reader = shop.ground.as_staff({"payment.read"});
    const auto writer = shop.ground.as_staff({"payment.read", "payment.write"});
    const auto send = [&](Method method, const std::string& target, const Call& call, const std::string& body = "", const Fields& fields = {}) { return shop.ground.send(method, target, body, call, fields); };
    const auto refunds = "/v1/admin/payments/" + id.str() + "/refunds";
    const std::string body = R"({"amount":{"amount":300,"currency":"EUR"},"reason":"broken"})";

    CHECK(send(Method::get, "/v1/admin/payments", shop.ground.call()).status == 401);
    CHECK(send(Method::get, "/v1/admin/payments", shop.ground.as_staff({"order.read"})).status == 403);
    CHECK(send(Method::post, refunds, reader, body, {{"Idempotency-Key", "k"}}).status == 403);
    CHECK(send(Method::post, refunds, writer, body).status == 400);
    CHECK(send(Method::post, refunds, writer, R"({"amount":{"amount":300,"currency":"USD"},"reason":"broken"})", {{"Idempotency-Key", "k"}}).body.find("currency_mismatch") != std::string::npos);
    CHECK(send(Method::post, "/v1/admin/payments/" + PaymentId::make(1).str() + "/refunds", writer, body, {{"Idempotency-Key", "k"}}).status == 404);
    CHECK(send(Method::get, "/v1/admin/payments/" + PaymentId::make(1).str(), reader).status == 404);
    CHECK(send(Method::post, refunds, writer, R"({"amount":{"amount":10001,"currency":"EUR"},"reason":"broken"})", {{"Idempotency-Key", "k"}}).status == 409);
    const auto made = send(Method::post, refunds, writer, body, {{"Idempotency-Key", "k"}});
    CHECK(made.status == 201);
    shop.settle();
    const auto again = send(Method::post, refunds, writer, body, {{"Idempotency-Key", "k"}});
    CHECK(again.status == 201);
    CHECK(again.body.find(R"("state":"failed")") != std::string::npos);
    CHECK(again.body.find(R"("decline_code":"refund_refused")") != std::string::npos);
    const auto listed = send(Method::get, refunds, reader);
    CHECK(listed.status == 200);
    CHECK(listed.body.find("broken") != std::string::npos);

    const auto page = send(Method::get, "/v1/admin/payments?limit=1", reader);
    CHECK(page.body.starts_with(R"({"data":[{"id":")" + other.str()));
    const auto cursor = page.body.substr(page.body.find("next_cursor\":\"") + 14);
    const auto next = send(Method::get, "/v1/admin/payments?limit=1&cursor=" + cursor.substr(0, cursor.find('"')), reader);
    CHECK(next.body.starts_with(R"({"data":[{"id":")" + id.str()));
    CHECK(next.body.find(R"("has_more":false)") != std::string::npos);
    CHECK(send(Method::get, "/v1/admin/payments?filter[state]=captured", reader).body.find(other.str()) == std::string::npos);
    CHECK(send(Method::get, "/v1/admin/payments?filter[order_id]=ord_1", reader).body.find(id.str()) != std::string::npos);
    CHECK(send(Method::get, "/v1/admin/payments?filter[order_id]=ord_9", reader).body.find(id.str()) == std::string::npos);
    CHECK(shop.facade().export_payments(shop.ground.as_system(), {id, 10}).size() == 1);
  });
}

TEST_CASE("a provider's token is in no log, event or answer, and forgotten once it was used") {
  static std::string logged;
  logged.clear();
  log::capture([](std::string_view line) { logged += line; });
  Ground ground(Engine::sqlite);
  Shop shop(ground);
  const auto id = shop.authorized("tok_timeout_after");
  shop.settle_after(5'000);
  const auto detail = shop.ground.send(Method::get, "/v1/admin/payments/" + id.str(), "", ground.as_staff({"payment.read"}));
  const auto in_row = shop.module->node().db.read(ground.as_system(), [&](Tx& tx) { return tx.get<std::string>("SELECT token FROM payment WHERE id = :id"_sql, id); });
  const auto in_effects = shop.module->node().db.read(ground.as_system(), [&](Tx& tx) { return tx.list<std::string>("SELECT data || result || failure AS everything FROM effect"_sql); });
  while (shop.module->node().log.sequence()) {}
  std::string all = detail.body + in_row;
  for (const auto& text : in_effects) all += text;
  for (const auto& event : shop.module->node().log.read_after(0, 100)) all += event.data;
  log::flush();
  log::capture(nullptr);
  CHECK((all + logged).find("tok_") == std::string::npos);
}

TEST_CASE("the audit finds what is wrong with the books") {
  struct Case {
    const char* check;
    std::function<void(Tx&)> spoil;
  };
  const std::vector<Case> cases{
      {"payment.entries_balance", [](Tx& tx) { tx.exec("UPDATE payment_posting SET amount = amount + 1 WHERE account = 'provider'"_sql); }},
      {"payment.postings_agree", [](Tx& tx) { tx.exec("DELETE FROM payment_posting"_sql); }},
      {"payment.refunds_agree", [](Tx& tx) { tx.exec("UPDATE payment_refund SET amount = amount + 1"_sql); }},
      {"payment.provider_agrees", [](Tx& tx) { tx.exec("UPDATE sandbox_operation SET given_back = 0"_sql); }},
  };
  for (const auto& one : cases) {
    Ground ground(Engine::sqlite);
    Shop shop(ground);
    const auto id = shop.captured("tok_approve");
    shop.refund(id, 100);
    shop.settle();
    shop.check_audit();
    shop.module->node().db.write(ground.as_system(), [&](Tx& tx) { one.spoil(tx); });
    bool found = false;
    for (const auto& finding : shop.facade().audit(ground.as_system(), {})) found |= finding.check == one.check && finding.violations > 0 && !finding.example.empty();
    CHECK_MESSAGE(found, one.check);
  }
}

}  // namespace polyshop::payment
