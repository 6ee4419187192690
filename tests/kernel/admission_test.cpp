#include "kernel/http/admission.hpp"

#include <latch>
#include <thread>

#include <doctest/doctest.h>

namespace polyshop::http {

using namespace std::chrono_literals;

TEST_CASE("ever fewer may begin the longer jobs wait") {
  CHECK(Admission::admitted(0ms) == 16);
  CHECK(Admission::admitted(100ms) == 16);
  CHECK(Admission::admitted(150ms) == 8);
  CHECK(Admission::admitted(190ms) == 1);
  CHECK(Admission::admitted(200ms) == 0);
  CHECK(Admission::admitted(1h) == 0);
}

TEST_CASE("a pool whose jobs are held up is not late for having much to do") {
  CHECK(Admission::lateness({.waited = 150ms, .since_done = 1ms, .since_stalled = 1h}) == 150ms);
  CHECK(Admission::lateness({.waited = 0ms, .since_done = 1ms, .since_stalled = 1h}) == 0ms);
  CHECK(Admission::lateness({.waited = 150ms, .since_done = 120ms, .since_stalled = 1h}) == 0ms);
  CHECK(Admission::lateness({.waited = 2s, .since_done = 1ms, .since_stalled = 900ms}) == 0ms);
}

TEST_CASE("who begins is refused while a module on the way is late, and admitted when it is not") {
  Workers idle("idle", 1, 10), busy("busy", 1, 1000);
  Admission admission;
  admission.watch(idle);
  admission.watch(busy);
  CHECK(admission.admits());
  constexpr int jobs = 300;
  std::latch done(jobs);
  for (int i = 0; i < jobs; ++i)
    busy.submit([&] {
      for (const auto until = std::chrono::steady_clock::now() + 2ms; std::chrono::steady_clock::now() < until;) std::this_thread::yield();
      done.count_down();
    });
  bool was_refused = false;
  while (!was_refused && busy.queued() > 0) was_refused = !admission.admits();
  CHECK(was_refused);
  done.wait();
  CHECK(admission.admits());
}

TEST_CASE("nobody is refused for those who wait for one that is held up") {
  Workers held("held", 1, 10);
  Admission admission;
  admission.watch(held);
  std::latch free(1), done(1);
  held.submit([&] { free.wait(); });
  held.submit([&] { done.count_down(); });
  while (held.pace().waited < 3 * Admission::late) std::this_thread::yield();
  for (int i = 0; i < Admission::parts; ++i) CHECK(admission.admits());
  free.count_down();
  done.wait();
  while (held.pace().since_done > 10s) std::this_thread::yield();
  CHECK(held.pace().since_stalled < 10s);  // it catches up
}

}  // namespace polyshop::http
