#include <csignal>
#include <fstream>

#include <fmt/format.h>

#include "kernel/runtime/clock.hpp"
#include "kernel/security/token.hpp"
#include "live/receiver.hpp"
#include "serving.hpp"

// Webhooks of the real program to a real receiver, which checks signatures as the specification of Standard Webhooks says.
namespace polyshop {
namespace {

using http::Method;
using live::Receiver;
using tests::contains;
using tests::on_each_engine;
using tests::Variables;

constexpr Timestamp minute_ms = 60'000;

struct Endpoint {
  std::string id;
  std::string secret;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(Endpoint, (), (id, secret, version))

struct Attempt {
  std::int64_t number = 0;
  std::int64_t status = 0;
  std::string failure;
};
BOOST_DESCRIBE_STRUCT(Attempt, (), (number, status, failure))

struct Delivery {
  std::string id;
  std::string event_id;
  std::string event_type;
  std::string state;
  std::int64_t attempts = 0;
  std::string failure;
  std::vector<Attempt> log;
};
BOOST_DESCRIBE_STRUCT(Delivery, (), (id, event_id, event_type, state, attempts, failure, log))

struct Deliveries {
  std::vector<Delivery> data;
};
BOOST_DESCRIBE_STRUCT(Deliveries, (), (data))

struct Told {
  std::string id;
  std::string type;
};
BOOST_DESCRIBE_STRUCT(Told, (), (id, type))

Variables with_private(Variables settings) {
  settings["POLYSHOP_WEBHOOK_ALLOW_PRIVATE"] = "true";
  return settings;
}

struct Serving : tests::Serving {
  using tests::Serving::Serving;

  Endpoint endpoint(const std::string& url) {
    const auto made = send(Method::post, "/webhook-endpoints", fmt::format(R"({{"url":"{}","events":["catalog.product_changed.v1"]}})", url));
    REQUIRE_MESSAGE(made.status == 201, made.body);
    return json::from_text<Endpoint>(made.body, json::Mode::lenient);
  }
  // An event that endpoints are told of.
  void import(const std::string& sku) {
    const auto file = folder.path() / (sku + ".csv");
    std::ofstream(file) << "sku,name,price_EUR\n" << sku << ",Cup,1.00\n";
    shop.command({"import", "products", file.string()});
  }
  // The latest first.
  std::vector<Delivery> deliveries(const Endpoint& of) { return json::from_text<Deliveries>(send(Method::get, "/webhook-deliveries?filter[endpoint_id]=" + of.id).body, json::Mode::lenient).data; }
  Delivery read(const std::string& id) { return json::from_text<Delivery>(send(Method::get, "/webhook-deliveries/" + id).body, json::Mode::lenient); }
  bool has_delivered(const Endpoint& of, std::size_t count) {
    const auto all = deliveries(of);
    return all.size() == count && std::ranges::all_of(all, [](const Delivery& one) { return one.state == "delivered"; });
  }
};

bool is_signed(const Receiver::Message& message, const Endpoint& by) {
  const auto key = from_base64(by.secret.substr(std::string_view("whsec_").size())).value();
  const auto text = message.fields.at("webhook-id") + "." + message.fields.at("webhook-timestamp") + "." + message.body;
  return contains(" " + message.fields.at("webhook-signature") + " ", " v1," + to_base64(hmac_sha256(key, text)) + " ");
}

Timestamp age_ms(const Receiver::Message& message) { return SystemClock().now() - 1000 * std::stoll(message.fields.at("webhook-timestamp")); }

std::string local(const Receiver& receiver) { return fmt::format("http://127.0.0.1:{}/hook", receiver.port()); }

}  // namespace

TEST_CASE("a receiver is told, signed, and told again when somebody asks for it") {
  on_each_engine([](const Variables& settings) {
    Receiver receiver([](const auto&) { return 204; });
    Serving serving(with_private(settings));
    const auto endpoint = serving.endpoint(local(receiver));
    CHECK(endpoint.secret.starts_with("whsec_"));
    serving.import("A1");
    REQUIRE(serving.comes_to_be([&] { return serving.has_delivered(endpoint, 1); }));
    const auto first = receiver.messages().at(0);
    CHECK(first.path == "/hook");
    CHECK(is_signed(first, endpoint));
    CHECK_FALSE(is_signed(first, {"", "whsec_" + to_base64(std::string(32, 'x')), 0}));
    CHECK(age_ms(first) < 5 * minute_ms);
    CHECK(first.fields.at("content-type").starts_with("application/cloudevents+json"));
    const auto told = json::from_text<Told>(first.body, json::Mode::lenient);
    CHECK(told.type == "catalog.product_changed.v1");
    CHECK(told.id == first.fields.at("webhook-id"));

    const auto delivery = serving.deliveries(endpoint).at(0);
    CHECK(delivery.event_id == told.id);
    const auto log = serving.read(delivery.id).log;
    REQUIRE(log.size() == 1);
    CHECK(log[0].status == 204);

    const auto again = serving.send(Method::post, "/webhook-deliveries/" + delivery.id + "/redeliveries");
    CHECK(again.status == 201);
    REQUIRE(serving.comes_to_be([&] { return serving.has_delivered(endpoint, 2); }));
    REQUIRE(receiver.count() == 2);
    const auto second = receiver.messages().at(1);
    CHECK(second.fields.at("webhook-id") == told.id);
    CHECK(second.body == first.body);
    CHECK(is_signed(second, endpoint));
    CHECK(again.field("Location") == "/v1/admin/webhook-deliveries/" + serving.deliveries(endpoint).at(0).id);
    CHECK(serving.send(Method::post, "/webhook-deliveries/whd_none/redeliveries").status == 404);

    // A new secret signs too; the one before goes on for a day.
    const auto rotated = json::from_text<Endpoint>(serving.send(Method::post, "/webhook-endpoints/" + endpoint.id + "/secret-rotations", {}, {{"If-Match", "\"1\""}}).body, json::Mode::lenient);
    serving.import("A2");
    REQUIRE(serving.comes_to_be([&] { return receiver.count() == 3; }));
    CHECK(is_signed(receiver.messages().at(2), endpoint));
    CHECK(is_signed(receiver.messages().at(2), rotated));
    CHECK(rotated.secret != endpoint.secret);
  });
}

TEST_CASE("what a receiver refuses, and what a shop dies of, is sent again until it is taken, by the same id") {
  on_each_engine([](const Variables& settings) {
    std::atomic<int> came = 0;
    Receiver receiver([&](const auto&) { return ++came <= 2 ? 500 : 200; });
    Serving serving(with_private(settings));
    const auto endpoint = serving.endpoint(local(receiver));
    serving.import("A1");
    REQUIRE(serving.comes_to_be([&] { return receiver.count() == 1; }));
    REQUIRE(serving.comes_to_be([&] { return serving.has_delivered(endpoint, 1); }, 1000));
    const auto delivery = serving.read(serving.deliveries(endpoint).at(0).id);
    CHECK(delivery.attempts == 3);
    std::vector<std::int64_t> statuses;
    for (const auto& attempt : delivery.log) statuses.push_back(attempt.status);
    CHECK(statuses == std::vector<std::int64_t>{500, 500, 200});
    CHECK(delivery.log.at(0).failure == "it answered 500");

    // The shop has sent it and has not written down what was answered.
    serving.arm("webhook.answered=crash");
    tests::refusal([&] { serving.import("A2"); });  // which may not hear the end of it
    CHECK(serving.shop.wait(std::chrono::seconds(60)) == 128 + SIGKILL);
    serving.start();
    REQUIRE(serving.comes_to_be([&] { return serving.has_delivered(endpoint, 2); }, minute_ms));
    std::map<std::string, int> times;
    for (const auto& message : receiver.messages()) {
      CHECK(is_signed(message, endpoint));
      ++times[message.fields.at("webhook-id")];
    }
    // Once more, maybe: the clock moves past the lease of what is under way.
    CHECK(times.size() == 2);
    CHECK(times[delivery.event_id] >= 3);
    CHECK(times[serving.deliveries(endpoint).at(0).event_id] >= 2);
  });
}

TEST_CASE("what only this machine can reach is told nothing") {
  on_each_engine([](const Variables& settings) {
    Receiver receiver([](const auto&) { return 204; });
    Serving serving(settings);
    const auto open = serving.send(Method::post, "/webhook-endpoints", fmt::format(R"({{"url":"{}","events":["*"]}})", local(receiver)));
    CHECK(open.status == 422);
    CHECK(contains(open.body, "https://"));
    std::vector<Endpoint> endpoints;
    for (const auto* host : {"127.0.0.1", "localhost", "[::1]", "2130706433"}) endpoints.push_back(serving.endpoint(fmt::format("https://{}:{}/", host, receiver.port())));
    serving.import("A1");
    for (const auto& endpoint : endpoints) {
      REQUIRE(serving.comes_to_be([&] {
        const auto all = serving.deliveries(endpoint);
        return !all.empty() && all[0].attempts > 0;
      }));
      CHECK(serving.deliveries(endpoint)[0].failure == "its address is not one of the internet");
      CHECK(serving.read(serving.deliveries(endpoint)[0].id).log.at(0).status == 0);
    }
    CHECK(receiver.count() == 0);
  });
}

}  // namespace polyshop
