#include <doctest/doctest.h>

#include "bus/cloud_event.hpp"
#include "death.hpp"
#include "nodes.hpp"

namespace polyshop::bus {
namespace {

struct Undeclared {
  static constexpr std::string_view event_name = "source.undeclared.v1";
  std::int64_t version = 0;
  std::string aggregate() const { return "one"; }
};
BOOST_DESCRIBE_STRUCT(Undeclared, (), (version))

struct Relayed {
  static constexpr std::string_view event_name = "consumer.relayed.v1";
  std::int64_t version = 0;
  std::string aggregate() const { return "one"; }
};
BOOST_DESCRIBE_STRUCT(Relayed, (), (version))

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an event says who caused it and goes on in the trace of the request; so does what its subscribers publish") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    nodes.consumer.publishes<Relayed>();
    nodes.consumer.subscribe(nodes.source).on<Counted>([](Tx& tx, const Event&, const Counted&) { tx.publish(Relayed{1}); });
    nodes.open();
    const auto first = ground.as_customer("usr_first"), second = ground.as_customer("usr_second");
    for (const auto& call : {first, second}) nodes.source.db.write(call, [&](Tx& tx) { tx.publish(Counted{"a", 1, 1}); });
    Call unknown;
    nodes.source.db.write(unknown, [&](Tx& tx) { tx.publish(Counted{"a", 1, 1}); });
    ground.deliver_events();

    const auto events = nodes.source.log.read_after(0, 10);
    REQUIRE(events.size() == 3);
    CHECK(events[0].actor == "usr_first");
    CHECK(events[0].trace == first.trace.traceparent());
    CHECK(events[1].actor == "usr_second");
    CHECK(events[1].trace == second.trace.traceparent());
    CHECK(events[2].actor.empty());
    CHECK(events[2].trace.empty());

    const auto relayed = nodes.consumer.log.read_after(0, 10);
    REQUIRE(relayed.size() == 3);
    CHECK(relayed[0].actor == "consumer.source");
    CHECK(Trace::parse(relayed[0].trace)->id() == first.trace.id());
    CHECK(Trace::parse(relayed[1].trace)->id() == second.trace.id());
    CHECK(relayed[0].trace != events[0].trace);
  });
}

TEST_CASE("a module publishes only what it declares, and nobody subscribes to anything else") {
  CHECK(contains(tests::last_words([] {
    Ground ground(Engine::sqlite);
    Nodes nodes(ground);
    nodes.open();
    nodes.source.db.write(ground.as_system(), [](Tx& tx) { tx.publish(Undeclared{1}); });
  }), "the module source publishes source.undeclared.v1 without declaring it"));
  CHECK(contains(tests::last_words([] {
    Ground ground(Engine::sqlite);
    Nodes nodes(ground);
    nodes.consumer.subscribe(nodes.source).on<Undeclared>([](Tx&, const Event&, const Undeclared&) {});
    nodes.open();
  }), "consumer.source handles source.undeclared.v1, which source does not publish"));
  CHECK(contains(tests::last_words([] {
    Ground ground(Engine::sqlite);
    Nodes nodes(ground);
    nodes.consumer.publishes<Undeclared>();
  }), "the module consumer declares the event source.undeclared.v1, which is not named after it"));
  CHECK(tests::last_words([] {
    Ground ground(Engine::sqlite);
    Nodes nodes(ground);
    nodes.open();
    nodes.publish("a", 1);
  }).empty());
}

TEST_CASE("an event that is too large is refused, and nothing of its transaction stays") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    nodes.open();
    CHECK_THROWS_AS(nodes.publish(std::string(event_size_max, 'x'), 1), Problem);
    nodes.publish(std::string(event_size_max - 100, 'x'), 1);
    ground.deliver_events();
    CHECK(nodes.source.log.head() == 1);
  });
}

TEST_CASE("an event and its wire form say the same") {
  Event event{(1LL << 40) + 1, "evt_1", "source.counted.v1", "a", 3, 1'767'225'600'123, "usr_1", Trace::make().traceparent(), R"({"name":"a","amount":1,"version":3})"};
  const auto text = json::to_text(cloud_event_of(event));
  CHECK(contains(text, R"("specversion":"1.0","id":"evt_1","source":"/polyshop/source","type":"source.counted.v1","subject":"a","time":"2026-01-01T00:00:00.123Z","datacontenttype":"application/json","position":"1099511627777")"));
  CHECK(json::to_text(event_of(json::from_text<CloudEvent>(text, json::Mode::lenient))) == json::to_text(event));

  // CloudEvents, 3.1: attribute names are lower-case letters and digits; an attribute without a value is left out.
  event.actor = event.trace = "";
  const auto without = json::parse(json::to_text(cloud_event_of(event))).as_object();
  CHECK(!without.contains("actor"));
  CHECK(!without.contains("traceparent"));
  for (const auto& attribute : without)
    for (const char c : attribute.key()) CHECK(((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')));

  for (const std::string broken : {"id", "type", "time", "position", "aggregateversion", "specversion"}) {
    CAPTURE(broken);
    auto other = json::parse(text).as_object();
    other[broken] = "";
    CHECK_THROWS_AS(event_of(json::from_value<CloudEvent>(other, json::Mode::lenient)), Problem);
  }
}

}  // namespace polyshop::bus
