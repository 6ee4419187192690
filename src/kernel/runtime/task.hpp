#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "kernel/runtime/signal.hpp"

namespace polyshop {

using Job = std::move_only_function<void()>;

// Runs jobs on a stack of its own, one after the other. Where a job waits for a signal, run() comes back, and any thread may run the task
// again once the signal was given; one at a time. Under a sanitizer, which would have to be told of every stack, jobs run and wait on the thread's.
class Task final : public Signal::Waiter {
 public:
  enum class State { waits, gives_way, ended };

  // `perform` runs a job and lets nothing through. `ready` is called, from any thread, when the task may be run again.
  Task(std::function<void(Job&)> perform, std::function<void(Task&)> ready);
  ~Task();  // not while a job waits
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  void give(Job&& job) { job_ = std::move(job); }
  State run();

  // The task that this thread runs; null outside of one.
  static Task* current();
  // Of the job itself.
  void wait_for(Signal& signal);
  void give_way();  // run() comes back, and may be called again at once

  void go_on() override { ready_(*this); }

  std::chrono::steady_clock::time_point begun{};  // for who runs it

 private:
  struct Stack;
  void leave(State state);
  const std::function<void(Job&)> perform_;
  const std::function<void(Task&)> ready_;
  const std::unique_ptr<Stack> stack_;
  Job job_;
  State state_ = State::ended;
  Signal* signal_ = nullptr;  // of a job that is about to wait
};

}  // namespace polyshop
