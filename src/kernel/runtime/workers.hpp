#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/runtime/task.hpp"

namespace polyshop {

// A bounded pool for plain, blocking work. A job that waits for a signal leaves its thread to others and goes on on whichever is free; so a
// pool has as many threads as there are processors, and one more for each job that blocks its thread. Threads are started when there is work for them, so that a module that does
// nothing costs nothing. A job must not throw, and holds no mutex where it waits for a signal. A pool of no threads keeps what it is given for whoever calls run_one(), and drops what
// is left when it stops: for simulations.
class Workers {
  using Clock = std::chrono::steady_clock;
  struct Queued {
    Job job;
    Clock::time_point since;
  };
  struct Thread {
    enum class State { idle, busy, blocked };
    State state = State::idle;
    Clock::time_point since{};  // when it took up what it is busy with
    std::thread thread{};
  };
  // The pool that a thread belongs to, if any.
  struct Own {
    Workers* workers = nullptr;
    Thread* thread = nullptr;
  };

 public:
  Workers(std::string name, std::size_t threads_max, std::size_t queue_max);  // at most threads_max jobs at a time
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

  // Of a job that others are about to wait for: lets those of its pool go first that may run.
  static void give_way();
  // A job's thread is blocked as long as this lives, by something other than a signal: the pool gets another thread where there is work for it. One that blocks
  // without saying so is noticed after 50 ms.
  class Blocking {
   public:
    Blocking();
    ~Blocking();
    Blocking(const Blocking&) = delete;
    Blocking& operator=(const Blocking&) = delete;

   private:
    const Own own_;
  };

 private:
  bool may_run() const { return !ready_.empty() || (!queue_.empty() && running_ < threads_max_); }
  static Own& own_thread();
  void set_state(Thread& thread, Thread::State state);
  bool start_thread();
  bool has_enough_busy() const;
  void ensure_one_comes();
  void bring_one();
  void run(Thread& own);
  void run_next(std::unique_lock<std::mutex>& lock, Thread& own);
  Task* take_next();
  void make_ready(Task& task);
  void watch();
  const std::string name_;  // the threads' name, at most 15 characters of it
  const std::size_t threads_max_;
  const std::size_t queue_max_;
  const std::size_t processors_;  // that this process may use
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Queued> queue_;
  std::deque<Task*> ready_;  // those that go on
  std::vector<std::unique_ptr<Task>> spare_;
  std::size_t running_ = 0;  // jobs begun and not ended
  std::vector<Thread> threads_;  // never more than threads_max_, so that they stay where they are
  std::size_t idle_ = 0;         // of those
  bool is_one_coming_ = false;   // an idle thread was woken and has not taken anything yet
  std::thread watcher_;          // there once there was more to do than threads
  std::condition_variable watch_;
  bool is_watching_ = false;
  Clock::time_point done_at_ = Clock::now() - std::chrono::hours(1);
  Clock::time_point stalled_at_ = done_at_;
  bool stopping_ = false;
  bool stopped_ = false;  // and every thread has ended
};

}  // namespace polyshop
