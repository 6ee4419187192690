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

TEST_CASE("who begins is refused while jobs of any module on the way wait for long, and admitted when they do not") {
  Workers idle("idle", 1, 10), busy("busy", 1, 10);
  Admission admission;
  admission.watch(idle);
  admission.watch(busy);
  CHECK(admission.admits());
  std::latch held(1), free(1), done(1);
  busy.submit([&] {
    held.count_down();
    free.wait();
  });
  held.wait();
  CHECK(admission.admits());  // a job that runs is no job that waits
  busy.submit([&] { done.count_down(); });
  while (busy.waited() < 2 * Admission::late) std::this_thread::yield();
  for (int i = 0; i < Admission::parts; ++i) CHECK_FALSE(admission.admits());
  free.count_down();
  done.wait();
  CHECK(admission.admits());
}

}  // namespace polyshop::http
