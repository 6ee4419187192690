#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace polyshop {

using Job = std::move_only_function<void()>;

// A bounded pool of threads for plain, blocking work. Threads are started when work comes and none is idle, up to the
// limit, so that a module that does nothing costs nothing. A job must not throw. A pool of no threads keeps what it is given for
// whoever calls run_one(), and drops what is left when it stops: for simulations.
class Workers {
 public:
  Workers(std::string name, std::size_t threads_max, std::size_t queue_max);
  ~Workers();  // stop()
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False where the queue is full or the pool is stopping: answer 503. The job is then untouched.
  bool submit(Job&& job);
  // Without threads: does what is first in the queue, on this thread; false where nothing is. A simulation's crash comes through.
  bool run_one();
  // Takes no more work, finishes what is queued, joins. Not from one of its own threads.
  void stop();
  std::size_t queued() const;

  struct Pace {
    std::chrono::nanoseconds waited{0};  // how long the job that is next has been waiting; nothing where none waits
    std::chrono::nanoseconds since_done = std::chrono::hours(1);     // how long ago the last job was done
    std::chrono::nanoseconds since_stalled = std::chrono::hours(1);  // how long ago it went on after jobs ran for stalled_after and none was done
  };
  static constexpr std::chrono::milliseconds stalled_after{100};
  Pace pace() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Queued {
    Job job;
    Clock::time_point since;
  };
  void run();
  const std::string name_;  // the threads' name, at most 15 characters of it
  const std::size_t threads_max_;
  const std::size_t queue_max_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Queued> queue_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  Clock::time_point done_at_ = Clock::now() - std::chrono::hours(1);
  Clock::time_point stalled_at_ = done_at_;
  bool stopping_ = false;
};

}  // namespace polyshop
