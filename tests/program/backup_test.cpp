#include "program/backup.hpp"

#include <doctest/doctest.h>

#include "ground.hpp"
#include "kernel/db/session.hpp"
#include "kernel/runtime/failpoint.hpp"

// A backup of modules that are written all the while.
namespace polyshop {
namespace {

// What a file of the backup holds in the table that the test made.
std::int64_t count_in(const std::filesystem::path& file) {
  const auto session = db::open_session({Engine::sqlite, file.string(), {}, true});
  Tx tx(*session, 0, nullptr);
  return tx.get<std::int64_t>("SELECT count(*) AS n FROM step_taken"_sql);
}

}  // namespace

TEST_CASE("a backup shows all modules at one moment, whatever is written while it is copied") {
  tests::Ground ground(Engine::sqlite);
  bus::Node first(ground.platform(), "first"), second(ground.platform(), "second"), third(ground.platform(), "third");
  const std::vector<bus::Node*> nodes{&first, &second, &third};
  ground.open();
  for (auto* node : nodes) node->db.write(ground.as_system(), [](Tx& tx) { tx.exec("CREATE TABLE step_taken (number bigint NOT NULL)"_sql); });
  const auto folder = std::filesystem::temp_directory_path() / ("polyshop-backup-" + Id<"tst">::make(ground.clock().now()).str());

  // What is done in one module and then in the next, as a saga does it: no module is ever behind by more than the one under way.
  std::atomic<std::int64_t> rounds = 0;
  std::jthread writer([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      for (auto* node : nodes) node->db.write(ground.as_system(), [&](Tx& tx) { tx.exec("INSERT INTO step_taken (number) VALUES (:n)"_sql, rounds.load()); });
      ++rounds;
      rounds.notify_all();
    }
  });
  const auto wait_for_more = [&] {
    for (const auto until = rounds + 3; rounds < until;) rounds.wait(rounds);
  };
  wait_for_more();
  failpoint::arm("backup.taken=delay,ms=20");  // between the moments of two modules much would be written
  const auto manifest = back_up(nodes, folder / "no archive", folder / "backup", [&](const Progress&) { wait_for_more(); });
  failpoint::arm("");
  writer.request_stop();
  writer.join();

  const auto of_first = count_in(folder / "backup" / "first.db"), of_third = count_in(folder / "backup" / "third.db");
  CHECK(of_first > 0);
  CHECK(of_first - of_third >= 0);
  CHECK(of_first - of_third <= 1);
  CHECK(manifest.modules.size() == 3);
  CHECK(manifest.files.size() == 3);
  CHECK_THROWS_WITH_AS(back_up(nodes, folder / "no archive", folder / "backup", [](const Progress&) {}), doctest::Contains("not empty"), Problem);
  std::filesystem::remove_all(folder);
}

}  // namespace polyshop
