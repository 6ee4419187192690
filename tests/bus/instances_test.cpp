#include <condition_variable>
#include <latch>
#include <thread>

#include <doctest/doctest.h>

#include "nodes.hpp"

// Several instances of a shop on one PostgreSQL.
namespace polyshop::bus {
namespace {

bool has_postgresql() { return std::ranges::count(tests::engines(), Engine::postgresql) == 1; }

// How often something was heard, to be waited for.
class Count {
 public:
  void add() {
    {
      const std::lock_guard lock(mutex_);
      ++count_;
    }
    changed_.notify_all();
  }
  bool reaches(int wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return count_ >= wanted; });
  }
  int value() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

std::string target_of(Ground& ground) { return ground.platform().database.url; }

}  // namespace

TEST_CASE("two instances take every event once between them, in order, while both publish") {
  if (!has_postgresql()) return;
  Ground first(Engine::postgresql), second(first);
  Nodes one(first), two(second);
  for (auto* nodes : {&one, &two})
    nodes->consumer.subscribe(nodes->source).on<Counted>([](Tx& tx, const Event&, const Counted& counted) {
      const auto last = tx.get<std::int64_t>("SELECT coalesce(max(amount), -1) AS last FROM taken WHERE name = :name"_sql, counted.name);
      if (last + 1 != counted.amount) die("an event was taken out of its order");
      Nodes::take(tx, counted);
    });
  one.open();
  second.open();
  for (auto* ground : {&first, &second})
    for (auto* node : ground->platform().nodes) node->start();
  constexpr int each = 300;
  {
    std::vector<std::jthread> threads;
    int number = 0;
    for (auto* nodes : {&one, &two, &one, &two})
      threads.emplace_back([nodes, name = "w" + std::to_string(number++)] {
        for (int i = 0; i < each; ++i) nodes->publish(name, i);
      });
  }
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (one.count() < 4 * each && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  for (auto* ground : {&first, &second})
    for (auto* node : ground->platform().nodes) node->stop();
  CHECK(one.count() == 4 * each);
  CHECK(one.source.log.head() == 4 * each);
  CHECK(one.consumer.subscription_rows()[0].position == 4 * each);
  CHECK(one.consumer.subscription_rows()[0].parked == 0);
}

TEST_CASE("what is committed in one instance is told to the others, which then look") {
  if (!has_postgresql()) return;
  Ground ground(Engine::postgresql);
  Nodes nodes(ground);
  Count woken, told;
  nodes.source.log.on_append([&] { woken.add(); });
  nodes.open();
  nodes.source.start();
  REQUIRE(woken.reaches(1));  // it listens
  db::Notifier other(target_of(ground));
  other.listen("source", [&] { told.add(); });
  REQUIRE(told.reaches(1));
  nodes.publish("a", 1);
  CHECK(told.reaches(2));
  // Nothing was committed here: it only hears of something.
  const int before = woken.value();
  other.notify("source");
  CHECK(woken.reaches(before + 1));
  nodes.source.stop();
  nodes.source.stop();
}

TEST_CASE("many notices are told as few, to everybody else, and after a lost connection everybody looks") {
  if (!has_postgresql()) return;
  Ground ground(Engine::postgresql);
  Count by_first, by_second, of_other;
  db::Notifier first(target_of(ground)), second(target_of(ground));
  first.listen("source", [&] { by_first.add(); });
  second.listen("source", [&] { by_second.add(); });
  second.listen("other", [&] { of_other.add(); });
  REQUIRE(by_first.reaches(1));
  REQUIRE(by_second.reaches(1));
  const int others = of_other.value();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100'000; ++i) first.notify("source");
  CHECK(by_second.reaches(2));
  first.notify("other");
  CHECK(of_other.reaches(others + 1));
  const auto told_max = 3 + (std::chrono::steady_clock::now() - start) / std::chrono::milliseconds(10);
  CHECK(by_second.value() <= told_max);
  CHECK(by_first.value() == 1);

  const int before = by_second.value();
  db::open_session({Engine::postgresql, target_of(ground), "public", false})->script("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()");
  CHECK(by_second.reaches(before + 1));
}

}  // namespace polyshop::bus
