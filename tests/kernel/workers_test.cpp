#include "kernel/runtime/workers.hpp"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <latch>
#include <memory>
#include <stdexcept>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "kernel/observe/log.hpp"

using namespace polyshop;

namespace {

std::string thread_name() {
  char name[16]{};
  pthread_getname_np(pthread_self(), name, sizeof name);
  return name;
}

// By name, since the threads of an earlier test may still be on their way out.
std::size_t threads_named(std::string_view name) {
  std::size_t count = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string its_name;
    std::getline(std::ifstream(thread.path() / "comm"), its_name);
    count += its_name == name ? 1 : 0;
  }
  return count;
}

// A pool whose threads are all inside a job until release() is called.
struct OccupiedPool {
  OccupiedPool(std::size_t threads, std::size_t queue_max)
      : inside(static_cast<std::ptrdiff_t>(threads)), workers("occupied", threads, queue_max) {
    for (std::size_t i = 0; i < threads; ++i)
      REQUIRE(workers.submit([this] {
        inside.count_down();
        gate.wait();
      }));
    inside.wait();
  }
  ~OccupiedPool() { release(); }
  void release() {
    if (!released.exchange(true)) gate.count_down();
  }
  std::latch inside;
  std::latch gate{1};
  std::atomic<bool> released{false};
  Workers workers;  // last, so that its jobs end before what they use
};

}  // namespace

TEST_CASE("what is submitted runs") {
  std::atomic<int> ran{0};
  {
    Workers workers("test", 3, 1000);
    for (int i = 0; i < 500; ++i) REQUIRE(workers.submit([&ran] { ++ran; }));
  }
  CHECK(ran == 500);
}

TEST_CASE("a full queue refuses a job and leaves it untouched") {
  OccupiedPool pool(2, 3);
  std::atomic<int> ran{0};
  for (int i = 0; i < 3; ++i) CHECK(pool.workers.submit([&ran] { ++ran; }));
  CHECK(pool.workers.queued() == 3);
  Job refused = [&ran, only_movable = std::make_unique<int>(10)] { ran += *only_movable; };
  CHECK_FALSE(pool.workers.submit(std::move(refused)));
  CHECK(pool.workers.queued() == 3);
  REQUIRE(refused);
  refused();
  CHECK(ran == 10);
  pool.release();
  pool.workers.stop();
  CHECK(ran == 13);
}

TEST_CASE("a pool without a queue takes as many jobs as it has threads") {
  OccupiedPool pool(2, 0);
  CHECK_FALSE(pool.workers.submit([] {}));
}

TEST_CASE("threads are started when work comes and none is idle") {
  Workers workers("lazy", 4, 10);
  CHECK(threads_named("lazy") == 0);

  std::latch gate(1);
  std::latch inside(2);
  for (int i = 0; i < 2; ++i)
    REQUIRE(workers.submit([&] {
      inside.count_down();
      gate.wait();
    }));
  inside.wait();
  CHECK(threads_named("lazy") == 2);
  std::latch all_inside(2);
  for (int i = 0; i < 2; ++i)
    REQUIRE(workers.submit([&] {
      all_inside.count_down();
      gate.wait();
    }));
  all_inside.wait();
  for (int i = 0; i < 6; ++i) REQUIRE(workers.submit([] {}));
  CHECK(threads_named("lazy") == 4);
  CHECK(workers.queued() == 6);
  gate.count_down();
  workers.stop();
  CHECK(workers.queued() == 0);
}

TEST_CASE("stop finishes what is queued and takes no more") {
  OccupiedPool pool(1, 100);
  std::atomic<int> ran{0};
  for (int i = 0; i < 20; ++i) REQUIRE(pool.workers.submit([&ran] { ++ran; }));
  std::jthread stopper([&] { pool.workers.stop(); });
  // That it refuses is the only sign that it stops; the 80 free places are enough to tell.
  int probes = 0;
  while (probes < 80 && pool.workers.submit([&ran] { ++ran; })) {
    ++probes;
    std::this_thread::yield();
  }
  pool.release();
  stopper.join();
  CHECK_FALSE(pool.workers.submit([] {}));
  CHECK(ran == 20 + probes);
  CHECK(pool.workers.queued() == 0);
  pool.workers.stop();  // again, as the destructor does
}

TEST_CASE("threads carry the pool's name, cut where the system cuts it") {
  std::string name;
  {
    Workers workers("a rather long name", 1, 1);
    REQUIRE(workers.submit([&name] { name = thread_name(); }));
  }
  CHECK(name == "a rather long n");
}

TEST_CASE("a job may submit, also from a destructor of what it holds") {
  std::latch done(2);
  Workers workers("test", 1, 10);
  struct SubmitsAtItsEnd {
    Workers& workers;
    std::latch& done;
    ~SubmitsAtItsEnd() {
      workers.submit([&done_latch = done] { done_latch.count_down(); });
    }
  };
  REQUIRE(workers.submit([&workers, &done, held = std::make_unique<SubmitsAtItsEnd>(workers, done)] {
    workers.submit([&done] { done.count_down(); });
  }));
  done.wait();
}

// The thread sanitizer cannot start threads after a fork.
#ifndef __SANITIZE_THREAD__
TEST_CASE("a job that throws ends the process") {
  const auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);  // doctest would report the abort as its own
    Workers workers("test", 1, 1);
    workers.submit([] { throw std::runtime_error("unexpected"); });
    workers.stop();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}
#endif

TEST_CASE("a job that waits for a signal leaves its thread to others") {
  constexpr std::size_t jobs = 24;
  std::latch begun(jobs);
  std::vector<Signal> signals(jobs);
  std::atomic<std::size_t> ended{0};
  Workers workers("leaving", jobs, 10);
  for (auto& signal : signals)
    REQUIRE(workers.submit([&] {
      begun.count_down();
      signal.wait();
      ++ended;
    }));
  begun.wait();
  // All have begun, on fewer threads: where each kept its own there were as many.
  CHECK(threads_named("leaving") < jobs);
  CHECK(ended == 0);
  for (std::size_t i = jobs; i-- > 0;) signals[i].set();
  workers.stop();
  CHECK(ended == jobs);
}

TEST_CASE("a signal that was given before is not waited for, in a job and outside of one") {
  Signal given;
  given.set();
  given.wait();
  std::atomic<bool> ran{false};
  {
    Workers workers("test", 1, 10);
    Signal early;
    early.set();
    REQUIRE(workers.submit([&] {
      early.wait();
      ran = true;
    }));
    workers.stop();
  }
  CHECK(ran);
}

TEST_CASE("a job keeps its exceptions and the ids of its log lines while it waits and others run on its thread") {
  Signal first;
  Signal second;
  std::string text;
  std::string name;
  std::latch waits(1);
  Workers workers("exceptions", 8, 10);
  REQUIRE(workers.submit([&] {
    const log::Scope scope("first", "");
    try {
      throw std::runtime_error("mine");
    } catch (const std::exception&) {
      waits.count_down();
      first.wait();
      try {
        throw;  // what this job is handling, and not what others handle meanwhile
      } catch (const std::exception& own) {
        text = own.what();
      }
    }
    const auto ids = log::exchange_ids({});
    name = ids.request_id;
    log::exchange_ids(ids);
    second.set();
  }));
  waits.wait();
  std::atomic<int> caught{0};
  std::latch others(4);
  for (int i = 0; i < 4; ++i)
    REQUIRE(workers.submit([&] {
      const log::Scope scope("other", "");
      try {
        throw std::logic_error("another's");
      } catch (const std::exception&) {
        others.count_down();
        second.wait();
        ++caught;
      }
    }));
  others.wait();
  first.set();
  workers.stop();
  CHECK(text == "mine");
  CHECK(name == "first");
}

TEST_CASE("jobs that block their threads, whether they say so or not, keep no other job from going on") {
  for (const bool says_so : {true, false}) {
    CAPTURE(says_so);
    constexpr std::size_t blocking_jobs = 12;
    std::latch release(1);
    std::latch blocked(blocking_jobs);
    Signal signal;
    std::latch waits(1);
    std::latch went_on(1);
    Workers workers("blocking", blocking_jobs + 1, 10);
    REQUIRE(workers.submit([&] {
      waits.count_down();
      signal.wait();
      went_on.count_down();
    }));
    waits.wait();
    for (std::size_t i = 0; i < blocking_jobs; ++i)
      REQUIRE(workers.submit([&] {
        const auto blocking = says_so ? std::make_optional<Workers::Blocking>() : std::nullopt;
        blocked.count_down();
        release.wait();
      }));
    blocked.wait();
    signal.set();
    went_on.wait();
    release.count_down();
  }
}

TEST_CASE("a job that gives way goes on, and outside of a job there is nobody to give way to") {
  std::atomic<int> ran{0};
  Workers workers("giving", 3, 10);
  for (int i = 0; i < 5; ++i)
    REQUIRE(workers.submit([&] {
      Workers::give_way();
      ++ran;
    }));
  workers.stop();
  Workers::give_way();
  CHECK(ran == 5);
}
