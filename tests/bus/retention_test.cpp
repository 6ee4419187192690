#include <doctest/doctest.h>

#include "nodes.hpp"

namespace polyshop::bus {
namespace {

constexpr Timestamp day = 24 * 3600'000;

struct Kept : Nodes {
  explicit Kept(Ground& on) : Nodes(on), subscription(consumer.subscribe(source)) {
    subscription.on<Counted>([](Tx& tx, const Event&, const Counted& counted) { take(tx, counted); });
    open();
  }
  void publish_many(int count) {
    source.db.write(ground.as_system(), [&](Tx& tx) {
      for (int i = 0; i < count; ++i) tx.publish(Counted{"a", ++published, 1});
    });
    while (source.log.sequence()) {}
  }
  // As the job does, a minute after the last time: of several instances the one that comes first.
  void tend() {
    ground.clock().advance(60'000);
    source.tend();
  }
  // In the log itself, without the archive.
  std::int64_t in_log() {
    return source.db.read(ground.as_system(), [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM event_log"_sql); });
  }
  std::size_t files() {
    std::size_t count = 0;
    const auto folder = ground.platform().database.folder / "archive" / "source";
    if (std::filesystem::exists(folder))
      for (const auto& entry : std::filesystem::directory_iterator(folder)) count += entry.path().extension() == ".gz";
    return count;
  }
  Subscription& subscription;
  int published = 0;
};

}  // namespace

TEST_CASE("what everybody has taken leaves the log after its time, in small steps; positions go on") {
  on_each_engine([](Ground& ground) {
    Kept kept(ground);
    kept.publish_many(600);
    ground.deliver_events();
    ground.clock().advance(29 * day);
    kept.publish_many(10);
    kept.tend();
    CHECK(kept.in_log() == 610);
    ground.deliver_events();
    ground.clock().advance(2 * day);
    kept.tend();
    CHECK(kept.in_log() == 10);
    CHECK(kept.files() == 0);
    ground.clock().advance(31 * day);
    kept.tend();
    CHECK(kept.in_log() == 1);  // from which the next position follows
    kept.publish_many(1);
    CHECK(kept.source.log.head() == 611);
    ground.deliver_events();
    CHECK(kept.count() == 611);
    CHECK(kept.consumer.is_caught_up());
  });
}

TEST_CASE("what a subscription has not taken by then goes to the archive and comes from there") {
  on_each_engine([](Ground& ground) {
    Kept kept(ground);
    kept.publish_many(100);
    ground.deliver_events();
    kept.subscription.pause(ground.as_system(), "on holiday");
    kept.publish_many(700);
    ground.clock().advance(31 * day);
    kept.publish_many(5);
    kept.tend();
    CHECK(kept.in_log() == 5);
    CHECK(kept.files() > 1);
    CHECK(kept.source.log.archive().first() == 101);
    const auto archived = kept.source.log.read_after(100, 1000);
    REQUIRE(!archived.empty());
    CHECK(archived.front().position == 101);
    CHECK(json::from_text<Counted>(archived.front().data, json::Mode::strict).amount == 101);
    CHECK(archived.front().actor == "test");

    // Looking again changes nothing; after a crash between archive and deletion the same is written once more.
    kept.tend();
    CHECK(kept.in_log() == 5);
    kept.source.log.archive().add(archived);

    kept.subscription.resume(ground.as_system());
    ground.deliver_events();
    CHECK(kept.count() == 805);
    CHECK(kept.taken("a").back() == 805);
    CHECK(kept.consumer.subscription_rows()[0].parked == 0);
    kept.tend();
    CHECK(kept.files() == 0);
  });
}

TEST_CASE("a damaged archive stops the subscription and loses nothing") {
  on_each_engine([](Ground& ground) {
    Kept kept(ground);
    kept.publish_many(100);
    ground.clock().advance(31 * day);
    kept.publish_many(1);
    kept.tend();
    REQUIRE(kept.files() == 1);
    for (const auto& entry : std::filesystem::directory_iterator(ground.platform().database.folder / "archive" / "source")) std::filesystem::resize_file(entry.path(), std::filesystem::file_size(entry.path()) - 1);
    ground.deliver_events();
    CHECK(kept.count() == 0);
    CHECK(kept.subscription.row().failure.find("damaged_file") != std::string::npos);
    CHECK(kept.subscription.row().position == 0);
  });
}

TEST_CASE("a reader in another process is waited for as well, unless it was not heard of for long") {
  on_each_engine([](Ground& ground) {
    Kept kept(ground);
    kept.publish_many(20);
    ground.deliver_events();
    auto& log = kept.source.log;
    log.note_reader(ground.as_system(), "elsewhere.source", 15);
    log.note_reader(ground.as_system(), "elsewhere.source", 16);  // so soon after, not written
    CHECK(log.readers(ground.as_system()).at(0).position == 15);
    ground.clock().advance(31 * day);
    kept.publish_many(1);
    ground.deliver_events();
    kept.tend();
    CHECK(kept.in_log() == 1);
    CHECK(log.read_after(15, 100).size() == 6);
    CHECK(log.read_after(14, 100).front().position == 21);
    ground.clock().advance(30 * day);
    kept.tend();
    CHECK(log.readers(ground.as_system()).empty());
    CHECK(kept.files() == 0);
  });
}

TEST_CASE("a subscription that lags is measured") {
  on_each_engine([](Ground& ground) {
    Kept kept(ground);
    kept.subscription.pause(ground.as_system(), "on holiday");
    kept.publish_many(3);
    ground.clock().advance(10 * 60'000);
    kept.source.measure();
    kept.consumer.measure();
    const auto text = ground.metrics().text();
    const auto says = [&](const std::string& line) { return text.find(line) != std::string::npos; };
    CHECK(says("polyshop_event_log_events{module=\"source\"} 3"));
    CHECK(says("polyshop_subscription_lag_events{subscription=\"consumer.source\"} 3"));
    CHECK(says("polyshop_subscription_lag_seconds{subscription=\"consumer.source\"} 600"));
    CHECK(says("polyshop_subscription_paused{subscription=\"consumer.source\"} 1"));
    CHECK(says("polyshop_subscription_dead_events{subscription=\"consumer.source\"} 0"));
  });
}

}  // namespace polyshop::bus
