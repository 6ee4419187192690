#include "kernel/runtime/signal.hpp"

#include <cerrno>

#include <semaphore.h>

#include "kernel/runtime/task.hpp"
#include "kernel/runtime/workers.hpp"

namespace polyshop {
namespace {

// A POSIX semaphore and not std::atomic's wait, which spins through sched_yield before it sleeps and shares its sleepers with whatever
// hashes to the same place.
class Sleeper final : public Signal::Waiter {
 public:
  Sleeper() { ::sem_init(&semaphore_, 0, 0); }
  ~Sleeper() { ::sem_destroy(&semaphore_); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  void go_on() override { ::sem_post(&semaphore_); }
  void sleep() {
    const Workers::Blocking blocking;  // a pool's thread where jobs have no stacks of their own
    while (::sem_wait(&semaphore_) != 0 && errno == EINTR) {}
  }

 private:
  sem_t semaphore_;
};

}  // namespace

Signal::Waiter* Signal::said() {
  static Sleeper mark;
  return &mark;
}

void Signal::set() {
  if (auto* const waiter = state_.exchange(said(), std::memory_order_acq_rel)) waiter->go_on();  // who may be gone with this signal from here on
}

bool Signal::tell(Waiter& waiter) {
  Waiter* nobody = nullptr;
  return state_.compare_exchange_strong(nobody, &waiter, std::memory_order_acq_rel, std::memory_order_acquire);
}

void Signal::wait() {
  if (state_.load(std::memory_order_acquire) == said()) return;
  if (auto* const task = Task::current()) return task->wait_for(*this);
  Sleeper sleeper;
  if (tell(sleeper)) sleeper.sleep();
}

}  // namespace polyshop
