#include "kernel/runtime/workers.hpp"

#include <algorithm>
#include <system_error>

#include <pthread.h>

#include <fmt/format.h>

#include "kernel/observe/log.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop {

namespace {

[[noreturn]] void blame(const std::string& pool, const std::exception& thrown) { die(fmt::format("a job of the pool {} threw: {}", pool, log::redacted(thrown.what()))); }

}  // namespace

Workers::Workers(std::string name, std::size_t threads_max, std::size_t queue_max)
    : name_(std::move(name)), threads_max_(threads_max), queue_max_(queue_max) {
  threads_.reserve(threads_max_);
}

Workers::~Workers() { stop(); }

bool Workers::submit(Job&& job) {
  if (!job) die(fmt::format("an empty job was given to the pool {}", name_));
  {
    const std::lock_guard lock(mutex_);
    // A job that an idle thread has not picked up yet does not count as waiting, so what the pool takes does not
    // depend on how fast a thread wakes up.
    if (stopping_) return false;
    const auto busy = threads_.size() - idle_;
    if (queue_.size() >= queue_max_ + threads_max_ - busy) return false;
    if (queue_.size() >= idle_ && threads_.size() < threads_max_) {
      try {
        threads_.emplace_back([this] { run(); });
        ++idle_;
      } catch (const std::system_error&) {
        // The machine has no thread left. Those that run will come to the job; without any it would wait for ever.
        if (threads_.empty()) return false;
      }
    }
    queue_.push_back({std::move(job), Clock::now()});
  }
  work_.notify_one();
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
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& thread : threads_)
      if (thread.get_id() == std::this_thread::get_id()) die(fmt::format("the pool {} was stopped by a job of its own", name_));
    stopping_ = true;
    threads = std::move(threads_);
    threads_.clear();
  }
  work_.notify_all();
  for (auto& thread : threads) thread.join();
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

void Workers::run() {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Job job = std::move(queue_.front().job);
    queue_.pop_front();
    --idle_;
    lock.unlock();
    const auto begun = Clock::now();
    try {
      job();
    } catch (const std::exception& thrown) {
      blame(name_, thrown);
    } catch (...) {
      die(fmt::format("a job of the pool {} threw something that is no exception", name_));
    }
    // What the job holds is let go before the thread counts as idle and without the lock: a destructor may submit.
    job = nullptr;
    lock.lock();
    ++idle_;
    const auto now = Clock::now();
    if (std::min(now - begun, now - done_at_) > stalled_after) stalled_at_ = now;
    done_at_ = now;
  }
}

}  // namespace polyshop
