#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "kernel/db/session.hpp"
#include "kernel/observe/metrics.hpp"

namespace polyshop::db {

// A piece of work for a lane. It may be run more than once and then must come to the same end: it changes nothing outside
// of its transaction. `done` is called once, on the lane's thread, after the outer commit, with the failure or null.
struct LaneJob {
  std::move_only_function<void(Tx&)> run;
  std::move_only_function<void(std::exception_ptr failure)> done;
  const Call* call = nullptr;  // whose work it is; outlives the job
  bool write = false;
  Timestamp now = 0;
  Deadline deadline = Deadline::max();
};

// Whether this thread is inside a transaction that writes: then no facade may be called.
bool in_write_transaction();

// The jobs that wait for the lanes of one database. Bounded: a full queue is answered with 503 at once.
class LaneQueue {
 public:
  explicit LaneQueue(std::size_t size_max) : size_max_(size_max) {}
  bool push(std::unique_ptr<LaneJob> job);       // false: full, or closed
  std::unique_ptr<LaneJob> pop();                // waits; null once closed and empty
  std::unique_ptr<LaneJob> try_pop();            // null where nothing waits
  void close();
  std::size_t size() const;

 private:
  const std::size_t size_max_;
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<std::unique_ptr<LaneJob>> jobs_;
  bool closed_ = false;
};

class Ballast;

struct LaneOptions {
  SessionOptions session;
  bool group_commit = false;   // SQLite's only writer
  EventSink* events = nullptr;
  Ballast* ballast = nullptr;  // given up where the disk is full
  Metrics::Histogram commit_seconds;
  Metrics::Histogram group_size;
  std::string name;
};

// A thread that owns one session and runs the jobs of a queue on it.
class Lane {
 public:
  Lane(LaneOptions options, LaneQueue& queue);
  ~Lane();  // the queue must be closed
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Runs one job on the caller's thread: for lanes without a thread of their own.
  static void run_inline(const LaneOptions& options, std::unique_ptr<ControlledSession>& session, LaneJob& job);

 private:
  void work();
  const LaneOptions options_;
  LaneQueue& queue_;
  std::unique_ptr<ControlledSession> session_;
  std::thread thread_;
};

}  // namespace polyshop::db
