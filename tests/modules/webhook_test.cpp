#include <sys/resource.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "../../src/modules/webhook/module.hpp"
#include "../../src/modules/webhook/signature.hpp"
#include "bus/cloud_event.hpp"
#include "ground.hpp"
#include "kernel/outbound/address.hpp"
#include "kernel/security/token.hpp"
#include "live/receiver.hpp"

// Webhooks, sent to a real server by the real sender. Time is the test's, but for what the network takes.
namespace polyshop::webhook {
namespace {

using http::Method;
using tests::Ground;
using tests::on_each_engine;
using live::Receiver;

constexpr Timestamp hour_ms = 3600'000;

struct Sold {
  static constexpr std::string_view event_name = "stall.sold.v1";
  std::string name;
  std::int64_t version = 0;
  std::string aggregate() const { return name; }
};
BOOST_DESCRIBE_STRUCT(Sold, (), (name, version))
struct Opened {
  static constexpr std::string_view event_name = "stall.opened.v1";
  std::string name;
  std::int64_t version = 0;
  std::string aggregate() const { return name; }
};
BOOST_DESCRIBE_STRUCT(Opened, (), (name, version))

struct DeliveryPage {
  std::vector<Delivery> data;
};
BOOST_DESCRIBE_STRUCT(DeliveryPage, (), (data))

struct Stall {
  explicit Stall(Ground& on, bool allow_private = true) : ground(on) {
    ground.platform().config = Config::load({}, {}, {{"webhook.allow_private", allow_private ? "true" : "false"}});
    source.emplace(ground.platform(), "stall");
    source->publishes<Sold, Opened>();
    hooks.emplace(ground.platform());
    hooks->tell_of({&*source});
    ground.open();
    ground.deliver_events();
  }
  template <class E>
  void publish(const std::string& name) {
    source->db.write(ground.as_system(), [&](Tx& tx) { tx.publish(E{name, 1}); });
  }
  http::Response send(Method method, const std::string& target, const std::string& body = {}, std::int64_t version = 0) {
    std::vector<std::pair<std::string, std::string>> fields;
    if (version) fields.emplace_back("If-Match", http::etag_of(version));
    return ground.send(method, target, body, ground.as_staff({"webhook.read", "webhook.write"}), std::move(fields));
  }
  EndpointWithSecret endpoint(const std::string& url, const std::string& events = R"(["*"])") {
    const auto made = send(Method::post, "/v1/admin/webhook-endpoints", fmt::format(R"({{"url":"{}","events":{}}})", url, events));
    REQUIRE_MESSAGE(made.status == 201, made.body);
    return json::from_text<EndpointWithSecret>(made.body, json::Mode::lenient);
  }
  Endpoint read(const EndpointId& id) { return json::from_text<Endpoint>(send(Method::get, "/v1/admin/webhook-endpoints/" + id.str()).body, json::Mode::lenient); }
  std::vector<Delivery> deliveries(const EndpointId& id) {
    return json::from_text<DeliveryPage>(send(Method::get, "/v1/admin/webhook-deliveries?filter[endpoint_id]=" + id.str()).body, json::Mode::lenient).data;
  }
  std::optional<DeliveryState> latest(const EndpointId& id) {
    const auto all = deliveries(id);
    return all.empty() ? std::nullopt : std::optional(all[0].state);
  }
  // While a delivery is under way its time does not run out: it would be made again, which here is nobody's fault.
  bool is_delivering() {
    return hooks && hooks->node().db.read(ground.as_system(), [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM effect WHERE state = 'due' AND lease_until_ms > :now"_sql, tx.now()); }) > 0;
  }
  // What the background threads would do, until it is so.
  void until(const std::function<bool()>& is_so, Timestamp step_ms = 0) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!is_so() && std::chrono::steady_clock::now() < give_up) {
      if (step_ms && !is_delivering()) ground.clock().advance(step_ms);
      ground.deliver_events();
      std::this_thread::yield();
    }
    CHECK(is_so());
  }

  Ground& ground;
  std::optional<bus::Node> source;
  std::optional<Module> hooks;
};

std::string local(const Receiver& receiver, const std::string& path = "/") { return fmt::format("http://127.0.0.1:{}{}", receiver.port(), path); }

// As a receiver checks it, from the specification and not from our code.
bool is_signed_by(const Receiver::Message& message, const std::string& secret) {
  const auto key = from_base64(secret.substr(6)).value();
  const auto expected = "v1," + to_base64(hmac_sha256(key, message.fields.at("webhook-id") + "." + message.fields.at("webhook-timestamp") + "." + message.body));
  return (" " + message.fields.at("webhook-signature") + " ").find(" " + expected + " ") != std::string::npos;
}

}  // namespace

TEST_CASE("the signature is that of Standard Webhooks") {
  CHECK(signature_of({"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330'000, R"({"test": 2432232314})") == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  CHECK(make_secret().starts_with("whsec_"));
  CHECK(from_base64(make_secret().substr(6)).value().size() == 32);
}

TEST_CASE("which addresses are the internet's") {
  const auto is_public = [](const char* text) {
    sockaddr_storage storage{};
    if (auto* in = reinterpret_cast<sockaddr_in*>(&storage); ::inet_pton(AF_INET, text, &in->sin_addr) == 1) {
      in->sin_family = AF_INET;
    } else {
      auto* in6 = reinterpret_cast<sockaddr_in6*>(&storage);
      REQUIRE(::inet_pton(AF_INET6, text, &in6->sin6_addr) == 1);
      in6->sin6_family = AF_INET6;
    }
    return outbound::is_public(reinterpret_cast<const sockaddr&>(storage));
  };
  for (const auto* text : {"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.169.0.1", "223.255.255.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"}) CHECK_MESSAGE(is_public(text), text);
  for (const auto* text : {"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.1", "198.18.0.1", "203.0.113.5", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
                           "fd12::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::1", "2001::1", "2001:db8::1", "3fff::1"})
    CHECK_MESSAGE(!is_public(text), text);
}

TEST_CASE("an endpoint is told of the events it wants, signed, once") {
  on_each_engine([](Ground& ground) {
    Receiver receiver([](const auto&) { return 204; });
    Stall stall(ground);
    const auto all = stall.endpoint(local(receiver, "/all"));
    const auto sold = stall.endpoint(local(receiver, "/sold"), R"(["stall.sold.v1"])");
    const auto of_module = stall.endpoint(local(receiver, "/module"), R"(["stall.*"])");
    CHECK(sold.secret.starts_with("whsec_"));
    CHECK(stall.send(Method::get, "/v1/admin/webhook-endpoints/" + sold.id.str()).body.find("whsec_") == std::string::npos);
    CHECK(stall.send(Method::get, "/v1/admin/webhook-endpoints").body.find("whsec_") == std::string::npos);
    stall.publish<Opened>("bakery");
    stall.publish<Sold>("bread");
    stall.until([&] { return receiver.count() == 5; });
    std::map<std::string, int> by_path;
    for (const auto& message : receiver.messages()) {
      ++by_path[message.path];
      CHECK(is_signed_by(message, message.path == "/all" ? all.secret : message.path == "/sold" ? sold.secret : of_module.secret));
      CHECK_FALSE(is_signed_by(message, make_secret()));
      CHECK(message.fields.at("webhook-timestamp") == std::to_string(ground.clock().now() / 1000));
      const auto event = bus::event_of(json::from_text<bus::CloudEvent>(message.body, json::Mode::lenient));
      CHECK(event.id == message.fields.at("webhook-id"));
      if (message.path == "/sold") CHECK(event.data == R"({"name":"bread","version":1})");
    }
    CHECK(by_path == std::map<std::string, int>{{"/all", 2}, {"/module", 2}, {"/sold", 1}});
    stall.until([&] { return std::ranges::all_of(stall.deliveries(all.id), [](const auto& one) { return one.state == DeliveryState::delivered; }); });
    CHECK(stall.deliveries(all.id).size() == 2);
    CHECK(json::from_text<DeliveryPage>(stall.send(Method::get, "/v1/admin/webhook-deliveries").body, json::Mode::lenient).data.size() >= 2);
    CHECK(receiver.count() == 5);

    const auto delivery = stall.deliveries(sold.id).at(0);
    const auto again = stall.send(Method::post, "/v1/admin/webhook-deliveries/" + delivery.id.str() + "/redeliveries");
    CHECK(again.status == 201);
    stall.until([&] { return receiver.count() == 6; });
    CHECK(receiver.messages().back().fields.at("webhook-id") == delivery.event_id);
    CHECK(receiver.messages().back().path == "/sold");
  });
}

TEST_CASE("while a secret is rotated both count, for a day") {
  on_each_engine([](Ground& ground) {
    Receiver receiver([](const auto&) { return 200; });
    Stall stall(ground);
    const auto before = stall.endpoint(local(receiver));
    const auto target = "/v1/admin/webhook-endpoints/" + before.id.str();
    CHECK(stall.send(Method::post, target + "/secret-rotations").status == 428);
    const auto after = json::from_text<EndpointWithSecret>(stall.send(Method::post, target + "/secret-rotations", {}, 1).body, json::Mode::lenient);
    CHECK(after.secret != before.secret);
    stall.publish<Sold>("a");
    stall.until([&] { return receiver.count() == 1; });
    CHECK(is_signed_by(receiver.messages()[0], before.secret));
    CHECK(is_signed_by(receiver.messages()[0], after.secret));
    stall.until([&] { return stall.latest(before.id) == DeliveryState::delivered; });
    ground.clock().advance(24 * hour_ms);
    stall.publish<Sold>("b");
    stall.until([&] { return receiver.count() == 2; });
    CHECK_FALSE(is_signed_by(receiver.messages()[1], before.secret));
    CHECK(is_signed_by(receiver.messages()[1], after.secret));
  });
}

TEST_CASE("what fails is tried again, for three days, and every attempt is written down") {
  on_each_engine([](Ground& ground) {
    std::atomic<int> status = 500;
    Receiver receiver([&](const auto&) { return status.load(); });
    Stall stall(ground);
    const auto endpoint = stall.endpoint(local(receiver));
    stall.publish<Sold>("a");
    stall.until([&] { return receiver.count() >= 3; }, 1000);
    status = 302;  // a redirect is not followed, and no success
    const auto before = receiver.count();
    stall.until([&] { return receiver.count() > before; }, 1000);
    status = 200;
    stall.until([&] { return stall.latest(endpoint.id) == DeliveryState::delivered; }, 10'000);
    const auto detail = json::from_text<DeliveryDetail>(stall.send(Method::get, "/v1/admin/webhook-deliveries/" + stall.deliveries(endpoint.id).at(0).id.str()).body, json::Mode::lenient);
    CHECK(detail.log.size() == receiver.count());
    CHECK(detail.log.front().failure == "it answered 500");
    CHECK(detail.log.back().status == 200);

    status = 500;
    stall.publish<Sold>("b");
    const auto give_up = ground.clock().now() + 80 * hour_ms;
    stall.until([&] { return stall.latest(endpoint.id) == DeliveryState::failed || ground.clock().now() > give_up; }, 20 * 60'000);
    CHECK(stall.latest(endpoint.id) == DeliveryState::failed);
    CHECK(stall.read(endpoint.id).state == EndpointState::active);
  });
}

TEST_CASE("an endpoint that keeps failing, or says that it is gone, is disabled and told of nothing more") {
  on_each_engine([](Ground& ground) {
    std::atomic<int> status = 410;
    Receiver receiver([&](const auto&) { return status.load(); });
    Stall stall(ground);
    const auto gone = stall.endpoint(local(receiver));
    stall.publish<Sold>("a");
    stall.until([&] { return stall.latest(gone.id) == DeliveryState::failed; });
    CHECK(stall.read(gone.id).state == EndpointState::disabled);
    CHECK(stall.read(gone.id).disabled_because.find("410") != std::string::npos);
    stall.publish<Sold>("b");
    ground.deliver_events();
    CHECK(stall.deliveries(gone.id).size() == 1);
    CHECK(stall.send(Method::post, "/v1/admin/webhook-deliveries/" + stall.deliveries(gone.id)[0].id.str() + "/redeliveries").status == 409);

    status = 503;
    CHECK(stall.send(Method::patch, "/v1/admin/webhook-endpoints/" + gone.id.str(), R"({"state":"active"})", stall.read(gone.id).version).status == 200);
    const auto start = ground.clock().now();
    for (int day = 0; day < 8 && stall.read(gone.id).state == EndpointState::active; ++day) {
      const auto seen = receiver.count();
      stall.publish<Sold>("c" + std::to_string(day));
      // A repetition of an earlier day's may be what disables it, between this day's look and its event.
      stall.until([&] { return receiver.count() > seen || stall.read(gone.id).state == EndpointState::disabled; });
      ground.clock().advance(24 * hour_ms);
      ground.deliver_events();
    }
    stall.until([&] { return stall.read(gone.id).state == EndpointState::disabled; }, hour_ms);
    CHECK(ground.clock().now() - start >= 5 * 24 * hour_ms);
    CHECK(stall.read(gone.id).disabled_because.find("five days") != std::string::npos);
  });
}

TEST_CASE("nothing is lost when the process ends in the middle") {
  on_each_engine([](Ground& ground) {
    std::atomic<bool> answers = false;
    Receiver receiver([&](const auto&) { return answers ? std::optional(200) : std::nullopt; });
    Stall stall(ground);
    const auto endpoint = stall.endpoint(local(receiver));
    for (int i = 0; i < 30; ++i) stall.publish<Sold>("s" + std::to_string(i));
    stall.until([&] { return receiver.count() == 20 && stall.hooks->node().is_caught_up(); });  // as many as one host gets connections
    stall.hooks->node().db.close();
    stall.hooks.reset();
    // Another process, with what the first one wrote down and nothing else.
    answers = true;
    ground.platform().config = Config::load({}, {}, {});
    bus::Node node(ground.platform(), "webhook");
    Deliveries deliveries(node, {.allow_private = true});
    node.open();
    ground.clock().advance(61'000);  // the lease of the one that ended
    stall.until([&] { return deliveries.list(ground.as_system(), {Range<1, 100>(100), {}, endpoint.id, DeliveryState::delivered}).data.size() == 30; }, 100);
    std::set<std::string> events;
    for (const auto& message : receiver.messages()) events.insert(message.fields.at("webhook-id"));
    CHECK(events.size() == 30);
  });
}

TEST_CASE("addresses that are not the internet's are refused when they are connected to, whatever the name says") {
  on_each_engine([](Ground& ground) {
    Receiver receiver([](const auto&) { return 200; });
    Stall stall(ground, false);
    CHECK(stall.send(Method::post, "/v1/admin/webhook-endpoints", R"({"url":"http://example.com/","events":["*"]})").status == 422);
    CHECK(stall.send(Method::post, "/v1/admin/webhook-endpoints", R"({"url":"https://user:secret@example.com/","events":["*"]})").status == 422);
    CHECK(stall.send(Method::post, "/v1/admin/webhook-endpoints", R"({"url":"https:///x","events":["*"]})").status == 422);
    CHECK(stall.send(Method::post, "/v1/admin/webhook-endpoints", R"({"url":"https://example.com/","events":["stall.lost.v1"]})").status == 422);
    for (const auto* host : {"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"}) {
      const auto endpoint = stall.endpoint(fmt::format("https://{}:{}/", host, receiver.port()));
      stall.publish<Sold>("x");
      stall.until([&] { return !stall.deliveries(endpoint.id).empty() && stall.deliveries(endpoint.id)[0].attempts > 0; });
      CHECK_MESSAGE(stall.deliveries(endpoint.id)[0].failure == "its address is not one of the internet", host);
      CHECK(stall.send(Method::del, "/v1/admin/webhook-endpoints/" + endpoint.id.str(), {}, 1).status == 204);
    }
    CHECK(receiver.count() == 0);
  });
}

TEST_CASE("a thousand receivers that never answer hold up nobody") {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 8192);
  ::setrlimit(RLIMIT_NOFILE, &files);
  Ground ground(Engine::sqlite);
  Receiver slow([](const auto&) { return std::nullopt; });
  Receiver quick([](const auto&) { return 200; });
  Stall stall(ground);
  for (int i = 0; i < 1000; ++i) stall.endpoint(fmt::format("http://127.0.{}.{}:{}/", 1 + i / 250, 1 + i % 250, slow.port()), R"(["stall.opened.v1"])");
  stall.endpoint(local(quick), R"(["stall.sold.v1"])");
  stall.publish<Opened>("all of them");
  stall.until([&] { return slow.count() == 1000; });
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 1; i <= 20; ++i) {
    stall.publish<Sold>("one");
    stall.until([&] { return quick.count() == i; });
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));  // not one of the slow ones has been given up by then
  CHECK(slow.count() == 1000);
}

}  // namespace polyshop::webhook
