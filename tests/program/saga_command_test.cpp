#include <fstream>

#include <fmt/format.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/session.hpp"
#include "live/shopper.hpp"
#include "serving.hpp"

// The commands on sagas, with the real program: checkouts that wait for their shopper, cannot be undone, or were begun by a release
// that is gone.
namespace polyshop {
namespace {

using http::Method;
using tests::contains;
using tests::on_each_engine;
using tests::refusal;
using tests::Variables;

constexpr Timestamp minute_ms = 60'000;

struct Serving : tests::Serving {
  explicit Serving(const Variables& settings) : tests::Serving(settings), settings(settings) {
    live::Staff staff(shop.port(), email, password);
    staff.offer_free_delivery(*Currency::parse("EUR"));
    write("products", "sku,name,price_EUR\nA1,Cup,1.00\n");
    write("stock", "sku,quantity\nA1,100\n");
  }
  void write(const std::string& what, const std::string& rows) {
    const auto file = (folder.path() / what).string();
    std::ofstream(file) << rows;
    shop.command({"import", what, file});
  }
  std::string saga(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "saga");
    return shop.command(arguments);
  }
  std::string act(const std::string& action, const std::string& id) { return saga({action, id, "--reason", "a test"}); }
  bool is(const std::string& id, const std::string& state) { return contains(saga({"show", id}), "\nstate     " + state); }
  // A checkout that waits until its shopper has been to the bank; answers its saga.
  std::string wait_for_shopper() {
    live::Shopper shopper(shop.port());
    const auto cart = shopper.fill_cart({{"A1", 1}}, *Currency::parse("EUR"), "DE", "tok_require_action");
    const auto answer = client->send(Method::post, "/v1/store/carts/" + cart.id + "/complete", {}, {{"Cart-Token", cart.token}, {"Idempotency-Key", cart.id}});
    REQUIRE_MESSAGE(answer.status == 202, answer.body);
    const auto listed = saga({"list"});
    return listed.substr(0, listed.find(' '));  // the latest first
  }
  // As if another release had begun it.
  void set_definition(const std::string& id, std::int64_t version) {
    const auto url = settings.find("POLYSHOP_DATABASE_URL");
    const auto session = url == settings.end() ? db::open_session({Engine::sqlite, (folder.path() / "shop" / "order.db").string(), {}, false})
                                               : db::open_session({Engine::postgresql, db::with_value(url->second, "module", "order"), "order", false});
    session->begin(true);
    Tx tx(*session, 0, nullptr);
    CHECK(tx.exec("UPDATE saga SET definition = :version WHERE id = :id"_sql, version, id) == 1);
    session->commit();
  }

  const Variables settings;
};

}  // namespace

TEST_CASE("sagas are listed and shown; one that waits is run again and given up") {
  on_each_engine([](const Variables& settings) {
    Serving serving(settings);
    CHECK(serving.saga({"list"}) == "No sagas like that.\n");
    CHECK(serving.saga({"list", "--state", "all"}) == "No sagas.\n");
    const auto id = serving.wait_for_shopper();
    CHECK(id.starts_with("saga_"));
    CHECK(contains(serving.saga({"list"}), "  waiting       order.checkout"));
    CHECK(contains(serving.saga({"list", "--state", "waiting", "--kind", "checkout"}), id));
    CHECK(serving.saga({"list", "--kind", "cancellation"}) == "No sagas like that.\n");
    CHECK(serving.saga({"list", "--state", "stuck"}) == "No sagas like that.\n");
    CHECK(contains(serving.send(Method::get, "/sagas?filter[state]=waiting").body, id));
    const auto shown = serving.saga({"show", id});
    CHECK(contains(shown, "state     waiting at authorize"));
    CHECK(contains(shown, "  forward  reserve\n"));
    CHECK(contains(shown, R"("action_url":"http)"));

    CHECK(contains(refusal([&] { serving.act("compensate", id); }), "It is waiting and goes on by itself. Cancel it to give it up."));
    CHECK(contains(refusal([&] { serving.act("skip", id); }), "Its step does not fail, so there is nothing to skip."));
    CHECK(contains(refusal([&] { serving.saga({"cancel", id, "--reason", "a test", "--version", "1"}); }), "has moved since you read it"));
    CHECK(contains(refusal([&] { serving.saga({"retry", id}); }), "--reason is required"));
    CHECK(contains(refusal([&] { serving.saga({"show", "nonsense"}); }), "nonsense is no saga's id; polyshop saga list shows them."));
    CHECK(contains(serving.act("retry", id), "  retry by command-line: a test"));
    CHECK(serving.comes_to_be([&] { return serving.is(id, "waiting at authorize"); }));

    serving.act("cancel", id);
    REQUIRE(serving.comes_to_be([&] { return serving.is(id, "compensated"); }));
    const auto ended = serving.saga({"show", id});
    CHECK(contains(ended, "  cancel by command-line: a test"));
    CHECK(contains(ended, "  back     reserve\n"));
    CHECK(contains(ended, R"(undone    {"type":"urn:polyshop:problem:given_up")"));
    CHECK(contains(refusal([&] { serving.act("retry", id); }), "It has ended as compensated."));
    CHECK(contains(serving.saga({"list", "--state", "compensated"}), id));
    CHECK(serving.saga({"list"}) == "No sagas like that.\n");
    serving.shop.command({"audit"});

    // The same while nothing serves.
    CHECK(serving.shop.stop() == 0);
    CHECK(serving.saga({"show", id}) == ended);
    CHECK(contains(serving.saga({"list", "--state", "all"}), id));
  });
}

TEST_CASE("what cannot be undone is done by hand and skipped") {
  on_each_engine([](const Variables& settings) {
    Serving serving(settings);
    const auto id = serving.wait_for_shopper();
    const std::string failing = "saga.before_compensation/checkout=error,times=1000000";
    serving.arm(failing);
    serving.act("cancel", id);
    // It is tried twenty times, with growing back-offs.
    REQUIRE(serving.comes_to_be([&] { return serving.is(id, "stuck"); }, 6 * minute_ms, failing));
    CHECK(contains(serving.saga({"list", "--state", "stuck"}), id));
    CHECK(contains(refusal([&] { serving.act("cancel", id); }), "It is stuck. Compensate it to undo what it did."));
    serving.arm("");
    CHECK(contains(serving.act("skip", id), "  back     authorize  skipped by command-line: a test"));
    REQUIRE(serving.comes_to_be([&] { return serving.is(id, "compensated"); }));
    CHECK(contains(serving.saga({"show", id}), "  back     reserve\n"));
  });
}

TEST_CASE("one that a release has begun that is gone is stuck, until that is back or it is undone") {
  on_each_engine([](const Variables& settings) {
    Serving serving(settings);
    const auto id = serving.wait_for_shopper();
    serving.set_definition(id, 99);
    REQUIRE(serving.comes_to_be([&] { return serving.is(id, "stuck"); }, 6 * minute_ms));
    CHECK(contains(serving.saga({"show", id}), "This release has no version 99 of the saga checkout."));
    CHECK(contains(refusal([&] { serving.act("compensate", id); }), "This release does not know the steps of its version."));
    serving.set_definition(id, 1);
    CHECK(contains(serving.act("compensate", id), "  compensate by command-line: a test"));
    REQUIRE(serving.comes_to_be([&] { return serving.is(id, "compensated"); }, minute_ms));
    CHECK(contains(serving.saga({"show", id}), "undone by the shop's staff"));
    serving.shop.command({"audit"});
  });
}

}  // namespace polyshop
