#include <latch>
#include <thread>

#include <doctest/doctest.h>

#include "death.hpp"
#include "ground.hpp"
#include "kernel/db/kept.hpp"

// What modules take for granted of their database: groups of writes, and what is kept of reads.
namespace polyshop::bus {
namespace {

using tests::Ground;
using tests::on_each_engine;

struct Notes {
  explicit Notes(Ground& on) : ground(on), node(on.platform(), "notes") {
    ground.open();
    node.db.write(ground.as_system(), [](Tx& tx) { tx.exec("CREATE TABLE note (text text NOT NULL)"_sql); });
  }
  void add(Tx& tx, const std::string& text) { tx.exec("INSERT INTO note (text) VALUES (:text)"_sql, text); }
  void add(const std::string& text) {
    node.db.write(ground.as_system(), [&](Tx& tx) { add(tx, text); });
  }
  std::vector<std::string> all() {
    return node.db.read(ground.as_system(), [](Tx& tx) { return tx.list<std::string>("SELECT text FROM note ORDER BY text"_sql); });
  }

  Ground& ground;
  Node node;
};

}  // namespace

TEST_CASE("a job that fails leaves nothing behind and does not touch the others of its group") {
  on_each_engine([](Ground& ground) {
    Notes notes(ground);
    constexpr int jobs = 16;
    for (int round = 0; round < 20; ++round) {
      std::latch begun(jobs);
      std::atomic<int> refused = 0, told = 0;
      std::vector<std::jthread> threads;
      for (int i = 0; i < jobs; ++i)
        threads.emplace_back([&, i] {
          begun.arrive_and_wait();
          try {
            notes.node.db.write(ground.as_system(), [&](Tx& tx) {
              notes.add(tx, std::string(i % 3 ? "kept" : "refused"));
              tx.after_commit([&] { ++told; });
              if (i % 3 == 0) throw Problem::conflict("refused", "No.");
            });
          } catch (const Problem& problem) {
            CHECK(problem.code == "refused");
            ++refused;
          }
        });
      threads.clear();
      CHECK(refused == 6);
      CHECK(told == 10);
    }
    CHECK(notes.all() == std::vector<std::string>(200, "kept"));
  });
}

TEST_CASE("a read by one statement needs no transaction, sees what is committed, and may be no more than that") {
  on_each_engine([](Ground& ground) {
    Notes notes(ground);
    notes.add("one");
    notes.add("two");
    const auto first = [](Tx& tx) { return tx.find<std::string>("SELECT text FROM note ORDER BY text"_sql); };  // more rows than are taken
    CHECK(notes.node.db.read_once(ground.as_system(), first) == "one");
    notes.add("a");
    CHECK(notes.node.db.read_once(ground.as_system(), first) == "a");
    CHECK(notes.node.db.read_once(ground.as_system(), [](Tx& tx) { return tx.list<std::string>("SELECT text FROM note ORDER BY text"_sql); }).size() == 3);
    // A row that cannot be read leaves nothing open that the next one would meet.
    CHECK_THROWS_AS(notes.node.db.read_once(ground.as_system(), [](Tx& tx) { return tx.list<db::Json<std::vector<int>>>("SELECT text FROM note ORDER BY text"_sql); }), std::exception);
    CHECK(notes.all().size() == 3);
  });
}

TEST_CASE("a second statement, or one that writes, ends the process where one was to read") {
  for (const bool writes : {false, true}) {
    CAPTURE(writes);
    const auto words = tests::last_words([writes] {
      Ground ground(Engine::sqlite);
      Notes notes(ground);
      notes.node.db.read_once(ground.as_system(), [writes](Tx& tx) {
        if (writes) tx.find<std::string>("UPDATE note SET text = 'x' RETURNING text"_sql);
        tx.list<std::string>("SELECT text FROM note"_sql);
        tx.list<std::string>("SELECT text FROM note"_sql);
      });
    });
    CHECK(words.find(writes ? "does not read" : "a second statement") != std::string::npos);
  }
}

TEST_CASE("what was read is kept until its database changes, and never where others may change it") {
  on_each_engine([](Ground& ground) {
    Notes notes(ground);
    db::Kept<int> kept(notes.node.db, 2);
    kept.keep(notes.node.db.generation(), "one", 1);
    const bool keeps = notes.node.db.engine() == Engine::sqlite;
    REQUIRE((kept.find("one") != nullptr) == keeps);
    if (!keeps) return;
    notes.node.db.write(ground.as_system(), [](Tx& tx) { tx.exec("DELETE FROM note WHERE text = 'none'"_sql); });
    CHECK(*kept.find("one") == 1);
    const auto before = notes.node.db.generation();
    notes.add("something");
    CHECK(kept.find("one") == nullptr);
    kept.keep(before, "one", 1);  // it was read before the change
    CHECK(kept.find("one") == nullptr);
    for (const auto* key : {"one", "two", "three"}) kept.keep(notes.node.db.generation(), key, 3);
    CHECK(kept.find("one") == nullptr);
    CHECK(*kept.find("three") == 3);
  });
}

TEST_CASE("what changes by itself is forgotten by itself, once its change is through") {
  Ground ground(Engine::sqlite);
  Notes notes(ground);
  db::KeptEach<int> kept(notes.node.db, 10);
  const auto mark = kept.mark();
  kept.keep(mark, "one", 1);
  kept.keep(mark, "two", 2);
  CHECK_THROWS_AS(notes.node.db.write(ground.as_system(),
                                      [&](Tx& tx) {
                                        kept.forget(tx, "one");
                                        throw Problem::conflict("refused", "No.");
                                      }),
                  Problem);
  CHECK(kept.find("one") == 1);
  notes.node.db.write(ground.as_system(), [&](Tx& tx) {
    kept.forget(tx, "one");
    CHECK(kept.find("one") == 1);  // nobody can see the change yet
  });
  CHECK_FALSE(kept.find("one"));
  CHECK(kept.find("two") == 2);
  kept.keep(mark, "one", 1);  // it was read before the change
  CHECK_FALSE(kept.find("one"));
  kept.keep(kept.mark(), "one", 3);
  CHECK(kept.find("one") == 3);
}

}  // namespace polyshop::bus
