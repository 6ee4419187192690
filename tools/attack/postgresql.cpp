#include <csignal>
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "attack/load.hpp"
#include "attack/tests.hpp"
#include "kernel/db/session.hpp"

namespace polyshop::attack {
namespace {

constexpr const char* pg_ctl = "/usr/lib/postgresql/15/bin/pg_ctl";

// The server that tools/with-postgresql has started for us alone.
class Server {
 public:
  Server() {
    const auto* data = std::getenv("POLYSHOP_TEST_POSTGRESQL_DATA");
    if (!data) throw Problem::invalid("no_server", "POLYSHOP_TEST_POSTGRESQL_DATA names no PostgreSQL server that could be stopped; run this through tools/with-postgresql, without POLYSHOP_TEST_POSTGRESQL.");
    data_ = data;
  }
  ~Server() {
    if (!is_down_) return;
    try {
      start();
    } catch (const Problem&) {
      // The next one to connect hears of it.
    }
  }
  void stop_immediately() {
    is_down_ = true;
    control({"stop", "-D", data_, "-m", "immediate", "-s"});
  }
  // As it was started first: only restart remembers how that was.
  void start() {
    control({"restart", "-D", data_, "-w", "-s", "-l", data_ + "/attack.log"});
    is_down_ = false;
  }
  // The server's processes, all of them.
  void signal_all(int number) {
    std::ifstream file(data_ + "/postmaster.pid");
    pid_t main = 0;
    file >> main;
    if (main <= 0) throw Problem(500, "no_server", "The PostgreSQL server does not run.");
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", main));
    ::kill(main, number);
    for (pid_t child = 0; children >> child;) ::kill(child, number);
  }

 private:
  static void control(const std::vector<std::string>& arguments) {
    std::vector<std::string> line;
    // It refuses to be run by root; its package has made a user for it.
    if (::getuid() == 0)
      for (const auto* word : {"/usr/sbin/runuser", "-u", "postgres", "--"}) line.emplace_back(word);
    line.emplace_back(pg_ctl);
    line.insert(line.end(), arguments.begin(), arguments.end());
    const auto finished = live::run(line, {});
    if (finished.status != 0) throw Problem(500, "not_controlled", fmt::format("PostgreSQL cannot be controlled: {}", finished.output));
  }
  std::string data_;
  bool is_down_ = false;
};

}  // namespace

// The database goes away under a shop that sells, in three ways, and comes back: the shop goes on by itself.
void stop_postgresql(Run& run) {
  if (run.engine != "postgresql") throw Problem::invalid("wrong_engine", "Give --engine postgresql; there is no server to stop otherwise.");
  Server server;
  const live::Folder folder("polyshop-attack");
  Ledger ledger(folder.path() / "ledger");
  Target target({.program = run.program, .engine = run.engine, .data = folder.path() / "shop"});
  Random random(run.seed);
  const auto rounds = run.rounds_of(3, 100);
  for (int round = 1; round <= rounds; ++round) {
    Load load(target.port(), [&] { return target.staff(); }, ledger, 8, run.seed, round);
    // The moment and how long it lasts, as the seed chooses.
    const auto wait = [&](int from_ms, int to_ms) { std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, from_ms, to_ms))); };
    wait(200, 1000);
    if (round % 3 == 1) {
      server.stop_immediately();
      wait(100, 2000);
      server.start();
    } else if (round % 3 == 2) {
      for (int i = 0; i < 3; ++i) {
        db::open_session({Engine::postgresql, target.url(), "public", false})->script("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
        wait(50, 300);
      }
    } else {
      server.signal_all(SIGSTOP);
      wait(100, run.is_long ? 6000 : 2000);
      server.signal_all(SIGCONT);
    }
    ++run.faults;
    // It has healed once somebody buys again.
    const auto seen = load.concluded();
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (load.concluded() == seen && std::chrono::steady_clock::now() < give_up) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (load.concluded() == seen) run.report.mismatch(fmt::format("round {}: nobody can buy a minute after the database is back; the shop's log ends with\n{}", round, target.shop().end_of_log()));
    load.stop();
    if (target.status()) run.report.mismatch(fmt::format("a database that went away ended the shop with {}; its log ends with\n{}", *target.status(), target.shop().end_of_log()));
    run.checked += check(target, ledger, round, run.report);
    ++run.runs;
    run.report.progress("outages", round, rounds);
    live::stop_if_interrupted();
  }
}

}  // namespace polyshop::attack
