#include <thread>

#include <doctest/doctest.h>

#include "death.hpp"
#include "kernel/runtime/failpoint.hpp"
#include "nodes.hpp"

namespace polyshop::bus {
namespace {

// Until it is so, with what the background threads would do and time going by.
bool comes_true(Ground& ground, const std::function<bool()>& is_so, Timestamp step_ms = 250) {
  for (int looks = 0; looks < 200; ++looks) {
    if (is_so()) return true;
    ground.clock().advance(step_ms);
    ground.deliver_events();
  }
  return false;
}

std::string code_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Problem& problem) {
    return problem.code;
  }
  return "";
}

using Amounts = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("what is away makes the subscription wait and parks nothing; what is wrong with an event parks it") {
  for (const int status : {503, 507, 429, 500, 409})
    on_each_engine([status](Ground& ground) {
      CAPTURE(status);
      Nodes nodes(ground);
      bool away = true, asks = false;
      const auto fail = [&] {
        if (away) throw Problem(status, "some_problem", "Some problem.");
      };
      nodes.consumer.subscribe(nodes.source).on<Counted, int>(
          [&](const Call&, const Counted&) {
            if (asks) fail();
            return 0;
          },
          [&](Tx& tx, const Event&, const Counted& counted, const int&) {
            if (!asks) fail();
            Nodes::take(tx, counted);
          });
      nodes.open();
      const bool waits = status == 503 || status == 507 || status == 429;
      const auto row = [&] { return nodes.consumer.subscription_rows()[0]; };
      for (const bool in_question : {false, true}) {
        away = true;
        asks = in_question;
        const auto before = row();
        nodes.publish("a", 1);
        if (waits) {
          CHECK(comes_true(ground, [&] { return !row().failure.empty(); }));
          CHECK(row().position == before.position);
          CHECK(row().failure.find("some_problem") != std::string::npos);
          CHECK(row().lag == 1);
        } else {
          CHECK(comes_true(ground, [&] { return row().parked == 1; }));
          CHECK(row().position == before.position + 1);
          CHECK(row().failure.empty());
        }
        away = false;
        CHECK(comes_true(ground, [&] { return nodes.count() == (in_question ? 2 : 1); }, waits ? 250 : 60'000));
        CHECK(row().parked == 0);
        CHECK(row().failure.empty());
      }
    });
}

namespace {

struct Unheard {
  static constexpr std::string_view event_name = "source.unheard.v1";
  std::string name;
  std::int64_t version = 0;
  std::string aggregate() const { return name; }
};
BOOST_DESCRIBE_STRUCT(Unheard, (), (name, version))

}  // namespace

TEST_CASE("an event that has no handler here is passed over, whatever fails, and not set aside for ever") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    nodes.source.publishes<Unheard>();
    nodes.consumer.subscribe(nodes.source).on<Counted>([](Tx& tx, const Event&, const Counted& counted) { Nodes::take(tx, counted); });
    nodes.open();
    nodes.publish("a", 1);
    nodes.source.db.write(ground.as_system(), [](Tx& tx) { tx.publish(Unheard{"a", 2}); });
    nodes.publish("b", 2);
    failpoint::arm("subscription.before_prepare/consumer.source=error,times=4");  // the three together, and each alone
    ground.deliver_events();
    failpoint::arm("");
    const auto row = [&] { return nodes.consumer.subscription_rows()[0]; };
    CHECK(row().lag == 0);
    CHECK(row().parked == 2);
    CHECK(comes_true(ground, [&] { return nodes.count() == 2; }, 2000));
    CHECK(row().parked + row().dead == 0);
  });
}

TEST_CASE("what several events ask for is asked for once, and an event that fails among them is set aside alone") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    std::vector<Amounts> asked;
    bool is_away = false;
    nodes.consumer.subscribe(nodes.source).on_several<Counted>([&](const Call& call, const std::vector<Counted>& events) {
      CHECK(call.module == "consumer");
      CHECK_FALSE(db::in_transaction());
      Amounts amounts;
      for (const auto& one : events) amounts.push_back(one.amount);
      asked.push_back(amounts);
      if (is_away) throw Problem::unavailable("away", "Away.");
      if (std::ranges::count(amounts, 13) > 0) throw Problem::conflict("unlucky", "No.");
    });
    nodes.open();
    const auto row = [&] { return nodes.consumer.subscription_rows()[0]; };
    for (const auto amount : {1, 2, 3}) nodes.publish("a", amount);
    ground.deliver_events();
    CHECK(asked == std::vector<Amounts>{{1, 2, 3}});
    CHECK(row().lag == 0);
    asked.clear();
    for (const auto amount : {12, 13, 14}) nodes.publish(std::to_string(amount), amount);
    ground.deliver_events();
    REQUIRE(asked.size() >= 4);
    CHECK(std::vector(asked.begin(), asked.begin() + 4) == std::vector<Amounts>{{12, 13, 14}, {12}, {13}, {14}});
    CHECK(row().lag == 0);
    CHECK(row().parked + row().dead == 1);
    // Tried again, it asks again.
    asked.clear();
    CHECK(comes_true(ground, [&] { return !asked.empty(); }, 2000));
    CHECK(asked.front() == Amounts{13});
    is_away = true;
    nodes.publish("a", 4);
    ground.deliver_events();
    CHECK(row().lag == 1);
    is_away = false;
    CHECK(comes_true(ground, [&] { return row().lag == 0; }));
    CHECK(row().parked + row().dead == 1);
  });
}

TEST_CASE("an event that fails for good is dead; somebody has it tried again or discards it, and the later ones follow") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    bool broken = true;
    nodes.consumer.subscribe(nodes.source).on<Counted>([&](Tx& tx, const Event&, const Counted& counted) {
      if (broken && counted.amount == 1) throw Problem::invalid("poison", "Write to ann@example.com.");
      Nodes::take(tx, counted);
    });
    nodes.open();
    for (const auto* name : {"a", "b", "c"})
      for (const int amount : {1, 2}) nodes.publish(name, amount);
    const auto row = [&] { return nodes.consumer.subscription_rows()[0]; };
    CHECK(comes_true(ground, [&] { return row().dead == 3; }, 60'000));
    CHECK(row().parked == 3);
    CHECK(nodes.count() == 0);
    ground.clock().advance(3600'000);
    ground.deliver_events();
    CHECK(row().dead == 3);

    auto& letters = nodes.consumer.dead_letters;
    const auto call = ground.as_staff({}, "usr_ann");
    const auto dead = letters.list(call, {.state = ParkedState::dead});
    REQUIRE(dead.size() == 3);
    CHECK(dead[0].id == "consumer.source.1");
    CHECK(dead[0].attempts == 10);
    CHECK(dead[0].failure.find("poison") != std::string::npos);
    CHECK(dead[0].failure.find("ann@example.com") == std::string::npos);
    CHECK(json::from_text<Counted>(dead[0].event.data, json::Mode::strict).name == "a");
    CHECK(letters.list(call, {.limit = 2}).size() == 2);
    CHECK(letters.list(call, {.after_subscription = "consumer.source", .after_position = 5}).size() == 1);
    CHECK(letters.list(call, {.subscription = "consumer.other"}).empty());

    broken = false;
    CHECK(letters.redrive(call, "consumer.source", 1).state == ParkedState::parked);
    CHECK(letters.discard(call, "consumer.source", 3, "nobody needs it").state == ParkedState::discarded);
    CHECK(comes_true(ground, [&] { return nodes.count() == 3; }));
    CHECK(nodes.taken("a") == Amounts{1, 2});
    CHECK(nodes.taken("b") == Amounts{2});
    CHECK(nodes.taken("c").empty());
    CHECK(letters.find(call, "consumer.source", 3)->failure.find("discarded by usr_ann: nobody needs it") != std::string::npos);
    CHECK(letters.list(call, {}).size() == 2);
    CHECK(code_of([&] { letters.redrive(call, "consumer.source", 1); }) == "not_found");
    CHECK(row().dead == 1);

    // It was not so bad after all.
    letters.redrive(call, "consumer.source", 3);
    CHECK(comes_true(ground, [&] { return nodes.count() == 4; }));
    letters.discard(call, "consumer.source", 5, "");
    while (letters.forget(call, ground.clock().now() + 1)) {}
    CHECK(!letters.find(call, "consumer.source", 5));
  });
}

TEST_CASE("a paused subscription takes nothing, in every instance and after a restart, until it is resumed") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    auto& one = nodes.consumer.subscribe(nodes.source);
    const auto take = [](Tx& tx, const Event&, const Counted& counted) {
      if (counted.amount == 0) throw Problem::invalid("poison", "This one fails.");
      Nodes::take(tx, counted);
    };
    one.on<Counted>(take);
    Metrics metrics;
    Subscription other(nodes.consumer.db, nodes.source.log, From::start, metrics);
    other.on<Counted>(take);
    nodes.open();
    nodes.publish("a", 1);
    nodes.publish("b", 0);
    ground.deliver_events();
    CHECK(nodes.count() == 1);
    one.pause(ground.as_system(), "a flood");
    CHECK(one.row().state == SubscriptionState::paused);
    CHECK(one.row().reason == "a flood");
    nodes.publish("a", 2);
    ground.clock().advance(3600'000);
    for (int looks = 0; looks < 10; ++looks) {
      ground.clock().advance(1000);  // longer than between two looks at what is parked
      ground.deliver_events();
      other.step();
    }
    CHECK(nodes.count() == 1);
    CHECK(one.row().parked == 1);
    CHECK(nodes.consumer.dead_letters.find(ground.as_system(), "consumer.source", 2)->attempts == 1);
    one.resume(ground.as_system());
    CHECK(comes_true(ground, [&] { return nodes.count() == 2; }));
    CHECK(one.row().reason.empty());
  });
}

TEST_CASE("a cursor that nobody moves any more stops the start until it is retired") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    nodes.consumer.subscribe(nodes.source).on<Counted>([](Tx&, const Event&, const Counted&) {});
    nodes.open();
    nodes.publish("a", 1);
    ground.deliver_events();
    const auto call = ground.as_system();
    nodes.consumer.db.write(call, [](Tx& tx) { tx.exec("INSERT INTO subscription (name, source, position) VALUES ('consumer.gone', 'gone', 7)"_sql); });
    CHECK(nodes.consumer.orphans() == std::vector<std::string>{"consumer.gone"});
    CHECK(code_of([&] { nodes.consumer.start(); }) == "subscription_gone");
    CHECK(code_of([&] { nodes.consumer.retire(call, "consumer.source"); }) == "still_subscribed");
    CHECK(code_of([&] { nodes.consumer.retire(call, "consumer.other"); }) == "not_found");
    nodes.consumer.retire(call, "consumer.gone");
    CHECK(nodes.consumer.orphans().empty());
    nodes.consumer.start();
    nodes.consumer.stop();
  });
}

TEST_CASE("a subscription does not go on after a hole in the log") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    auto& subscription = nodes.consumer.subscribe(nodes.source);
    subscription.on<Counted>([](Tx& tx, const Event&, const Counted& counted) { Nodes::take(tx, counted); });
    nodes.open();
    for (int i = 1; i <= 3; ++i) nodes.publish("a", i);
    while (nodes.source.log.sequence()) {}
    nodes.source.db.write(ground.as_system(), [](Tx& tx) { tx.exec("DELETE FROM event_log WHERE position = 1"_sql); });
    CHECK(comes_true(ground, [&] { return !subscription.row().failure.empty(); }));
    CHECK(subscription.row().failure.find("The log of source begins at 2") != std::string::npos);
    CHECK(nodes.count() == 0);
    CHECK(subscription.row().position == 0);
  });
}

TEST_CASE("an event with which three processes end is dead, and nothing before or behind it is lost") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    // What the process does that takes events; it ends with the poison.
    const auto subscribe = [&](Subscription& to) {
      to.on<Counted>([](Tx& tx, const Event&, const Counted& counted) {
        if (counted.name == "poison") die("poisoned");
        Nodes::take(tx, counted);
      });
    };
    subscribe(nodes.consumer.subscribe(nodes.source));
    nodes.open();
    for (int i = 1; i <= 10; ++i) nodes.publish(i == 6 ? "poison" : "good", i);
    nodes.publish("poison", 11);
    while (nodes.source.log.sequence()) {}
    for (auto* node : ground.platform().nodes) node->db.close();

    // Each process has what this one has, and starts anew; the first one starts after an orderly end.
    int processes = 0;
    const auto dies_once_more = [&] {
      ++processes;
      return !tests::last_words([&] {
        ground.platform().events.is_after_crash = processes > 1;
        ground.open();
        ground.deliver_events();
      }).empty();
    };
    while (processes < 10 && dies_once_more()) {}
    // The first end cannot be blamed on one of several events, the next three can.
    CHECK(processes == 5);
    ground.open();
    CHECK(nodes.taken("good") == Amounts{1, 2, 3, 4, 5, 7, 8, 9, 10});
    const auto dead = nodes.consumer.dead_letters.list(ground.as_system(), {});
    REQUIRE(dead.size() == 2);
    CHECK(dead[0].position == 6);
    CHECK(dead[0].state == ParkedState::dead);
    CHECK(dead[0].failure.find("3 processes ended") != std::string::npos);
    CHECK(dead[1].position == 11);  // behind it, not tried
    CHECK(dead[1].state == ParkedState::parked);
    CHECK(nodes.consumer.is_caught_up());

    // Tried again by hand it ends three more, and is dead again.
    nodes.consumer.dead_letters.redrive(ground.as_system(), "consumer.source", 6);
    for (auto* node : ground.platform().nodes) node->db.close();
    processes = 0;
    while (processes < 10 && dies_once_more()) {}
    CHECK(processes == 4);
    ground.open();
    CHECK(nodes.consumer.dead_letters.find(ground.as_system(), "consumer.source", 6)->state == ParkedState::dead);
  });
}

TEST_CASE("processes that end with other things do not make an event dead") {
  on_each_engine([](Ground& ground) {
    Nodes nodes(ground);
    int takes = 0;
    auto& subscription = nodes.consumer.subscribe(nodes.source);
    subscription.on<Counted>([&](Tx& tx, const Event&, const Counted& counted) {
      ++takes;
      if (takes < 6) throw Problem::unavailable("away", "Later.");
      Nodes::take(tx, counted);
    });
    ground.platform().events.is_after_crash = true;
    nodes.open();
    nodes.publish("a", 1);
    // It is begun once by this process, however often that fails.
    CHECK(comes_true(ground, [&] { return nodes.count() == 1; }));
    CHECK(takes == 6);
  });
}

}  // namespace polyshop::bus
