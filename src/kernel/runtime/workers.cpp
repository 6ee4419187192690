#include "kernel/runtime/workers.hpp"

#include <algorithm>
#include <system_error>

#include <pthread.h>
#include <sched.h>

#include <fmt/format.h>

#include "kernel/observe/log.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop {
namespace {

// A thread that has been busy with the same for longer is taken for blocked.
constexpr std::chrono::milliseconds patience{50};

std::size_t usable_processors() {
  cpu_set_t usable;
  return ::sched_getaffinity(0, sizeof usable, &usable) == 0 ? static_cast<std::size_t>(std::max(1, CPU_COUNT(&usable))) : 1;
}

[[noreturn]] void blame(const std::string& pool, const std::exception& thrown) { die(fmt::format("a job of the pool {} threw: {}", pool, log::redacted(thrown.what()))); }

}  // namespace

Workers::Workers(std::string name, std::size_t threads_max, std::size_t queue_max)
    : name_(std::move(name)), threads_max_(threads_max), queue_max_(queue_max), processors_(usable_processors()) {
  threads_.reserve(threads_max_);
}

Workers::~Workers() { stop(); }

bool Workers::submit(Job&& job) {
  if (!job) die(fmt::format("an empty job was given to the pool {}", name_));
  const std::lock_guard lock(mutex_);
  if (stopping_) return false;
  // A job that could begin and that no thread has picked up yet does not count as waiting, so what the pool takes does not
  // depend on how fast a thread wakes up.
  if (queue_.size() >= queue_max_ + threads_max_ - running_) return false;
  // The machine may have no thread left. Those that run will come to the job; without any it would wait for ever.
  if (threads_max_ > 0 && threads_.empty() && !start_thread()) return false;
  queue_.push_back({std::move(job), Clock::now()});
  ensure_one_comes();
  return true;
}

bool Workers::run_one() {
  Job job;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return false;
    job = std::move(queue_.front().job);
    queue_.pop_front();
  }
  try {
    job();
  } catch (const std::exception& thrown) {
    blame(name_, thrown);
  }
  return true;
}

void Workers::stop() {
  if (own_thread().workers == this) die(fmt::format("the pool {} was stopped by a job of its own", name_));
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;  // from here on no thread is added
  }
  work_.notify_all();
  for (auto& one : threads_)
    if (one.thread.joinable()) one.thread.join();
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  watch_.notify_all();
  if (watcher_.joinable()) watcher_.join();
}

std::size_t Workers::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

Workers::Pace Workers::pace() const {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  return {queue_.empty() ? std::chrono::nanoseconds(0) : now - queue_.front().since, now - done_at_, now - stalled_at_};
}

void Workers::give_way() {
  if (auto* const task = Task::current()) task->give_way();
}

Workers::Blocking::Blocking() : own_(own_thread()) {
  if (own_.workers) own_.workers->set_state(*own_.thread, Thread::State::blocked);
}

Workers::Blocking::~Blocking() {
  if (own_.workers) own_.workers->set_state(*own_.thread, Thread::State::busy);
}

void Workers::set_state(Thread& thread, Thread::State state) {
  const std::lock_guard lock(mutex_);
  thread.state = state;
  thread.since = Clock::now();
  ensure_one_comes();
}

// Not inlined, as a job may go on on another thread.
[[gnu::noinline]] Workers::Own& Workers::own_thread() {
  thread_local Own own;
  return own;
}

bool Workers::start_thread() {
  auto& made = threads_.emplace_back();
  try {
    made.thread = std::thread([this, &made] { run(made); });
  } catch (const std::system_error&) {
    threads_.pop_back();
    return false;
  }
  ++idle_;
  return true;
}

// Whether more threads would only take the processors from those that are busy.
bool Workers::has_enough_busy() const {
  if (threads_.size() - idle_ < processors_) return false;
  const auto now = Clock::now();
  return static_cast<std::size_t>(std::ranges::count_if(threads_, [&](const Thread& one) { return one.state == Thread::State::busy && now - one.since < patience; })) >= processors_;
}

void Workers::ensure_one_comes() {
  if (is_one_coming_ || !may_run()) return;
  if (!has_enough_busy()) return bring_one();
  if (is_watching_) return;
  try {
    if (!watcher_.joinable()) watcher_ = std::thread([this] { watch(); });
  } catch (const std::system_error&) {
    return;  // then there is none, and who blocks has to say so
  }
  is_watching_ = true;
  watch_.notify_one();
}

void Workers::bring_one() {
  if (idle_ == 0 && (threads_.size() == threads_max_ || stopping_ || !start_thread())) return;
  is_one_coming_ = true;
  work_.notify_one();
}

void Workers::watch() {
  pthread_setname_np(pthread_self(), ("watch " + name_).substr(0, 15).c_str());
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    is_watching_ = may_run();
    watch_.wait(lock, [this] { return is_watching_ || stopped_; });
    watch_.wait_for(lock, patience, [this] { return stopped_; });
    ensure_one_comes();
  }
}

void Workers::make_ready(Task& task) {
  const std::lock_guard lock(mutex_);
  ready_.push_back(&task);
  ensure_one_comes();
}

void Workers::run(Thread& own) {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  own_thread() = {this, &own};
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return may_run() || (stopping_ && queue_.empty() && running_ == 0); });
    if (!may_run()) return;
    --idle_;
    own.state = Thread::State::busy;
    run_next(lock, own);
    own.state = Thread::State::idle;
    ++idle_;
  }
}

// What goes on comes before what has not begun.
Task* Workers::take_next() {
  if (!ready_.empty()) {
    auto* const task = ready_.front();
    ready_.pop_front();
    return task;
  }
  if (spare_.empty()) {
    const auto perform = [this](Job& job) {
      try {
        job();
      } catch (const std::exception& thrown) {
        blame(name_, thrown);
      } catch (...) {
        die(fmt::format("a job of the pool {} threw something that is no exception", name_));
      }
    };
    spare_.push_back(std::make_unique<Task>(perform, [this](Task& ready) { make_ready(ready); }));
  }
  auto* const task = spare_.back().release();
  spare_.pop_back();
  task->give(std::move(queue_.front().job));
  task->begun = Clock::now();
  queue_.pop_front();
  ++running_;
  return task;
}

void Workers::run_next(std::unique_lock<std::mutex>& lock, Thread& own) {
  auto* const task = take_next();
  is_one_coming_ = false;
  own.since = Clock::now();
  ensure_one_comes();
  lock.unlock();
  const auto state = task->run();
  lock.lock();
  if (state == Task::State::waits) return;  // and may be run by another thread already
  if (state == Task::State::gives_way) return ready_.push_back(task);
  const auto now = Clock::now();
  if (std::min(now - task->begun, now - done_at_) > stalled_after) stalled_at_ = now;
  done_at_ = now;
  spare_.emplace_back(task);
  --running_;
  if (stopping_ && running_ == 0) work_.notify_all();
}

}  // namespace polyshop
