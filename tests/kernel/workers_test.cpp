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
