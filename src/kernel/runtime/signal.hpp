#pragma once

#include <cerrno>

#include <semaphore.h>

namespace polyshop {

// Something one thread waits for and another says once. A POSIX semaphore and not std::atomic's wait, which spins through
// sched_yield before it sleeps and shares its sleepers with whatever hashes to the same place.
class Signal {
 public:
  Signal() { ::sem_init(&semaphore_, 0, 0); }
  ~Signal() { ::sem_destroy(&semaphore_); }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void set() { ::sem_post(&semaphore_); }
  void wait() {
    while (::sem_wait(&semaphore_) != 0 && errno == EINTR) {}
  }

 private:
  sem_t semaphore_;
};

}  // namespace polyshop
