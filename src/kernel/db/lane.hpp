#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>

#include "kernel/db/session.hpp"
#include "kernel/observe/metrics.hpp"
#include "kernel/runtime/signal.hpp"

namespace polyshop::db {

// A piece of work for a lane. It may be run more than once and then must come to the same end: it changes nothing outside
// of its transaction.
struct LaneJob {
  std::move_only_function<void(Tx&)> run;
  const Call* call = nullptr;  // whose work it is; outlives the job
  bool write = false;
  bool once = false;  // reads, by one statement
  Timestamp now = 0;
  Deadline deadline = Deadline::max();
};

using AfterCommit = std::vector<std::move_only_function<void()>>;

// Whether this thread is inside a transaction: then it may open no other, since it could wait for itself; and inside one that
// writes, where no facade may be called.
bool in_transaction();
bool in_write_transaction();

class Ballast;

struct LaneOptions {
  SessionOptions session;
  std::size_t queue_max = 4096;  // jobs that may wait; further ones are answered 503 at once
  EventSink* events = nullptr;
  Ballast* ballast = nullptr;    // given up where the disk is full
  Metrics::Histogram commit_seconds;
  Metrics::Histogram group_size;
  std::string name;
};

// Both kinds of lane run a job on the thread that brings it, once a session is free, so that nobody is woken for it. They
// return when it has ended, durably where it writes, and throw what it threw or the Problem that came up.

// A number of sessions, each with one job and one transaction at a time: SQLite's readers, and all of PostgreSQL's.
class Lanes {
 public:
  Lanes(LaneOptions options, std::size_t sessions) : options_(std::move(options)), sessions_(sessions), free_(sessions) {}
  ~Lanes() { close(); }
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;
  void run(LaneJob& job);
  void close();  // takes nothing more, finishes what has come

 private:
  const LaneOptions options_;
  const std::size_t sessions_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::condition_variable all_freed_;
  std::size_t waiting_ = 0;
  std::vector<std::unique_ptr<ControlledSession>> free_;  // null: not opened yet. The last used is the first taken, so that an idle shop opens few
  bool closed_ = false;
};

// SQLite's only writer, with group commit: who comes first takes what waits behind it into its transaction, commits once for all
// and tells them; who comes meanwhile waits, and the first of those is next. A job that fails leaves the others alone.
class GroupLane {
 public:
  explicit GroupLane(LaneOptions options) : options_(std::move(options)) {}
  ~GroupLane() { close(); }
  GroupLane(const GroupLane&) = delete;
  GroupLane& operator=(const GroupLane&) = delete;
  void run(LaneJob& job);
  void close();  // takes nothing more, finishes what has come
  // Rises with every commit that changed a row, before anybody is told of it.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

 private:
  struct Waiting {
    LaneJob& job;
    std::exception_ptr failure{};
    bool is_done = false;  // when woken without, it is its turn to lead
    Signal woken{};
  };
  void lead();
  bool run_jobs(std::vector<Waiting*>& group, bool in_savepoints, AfterCommit& after);
  Waiting* next();  // the first that waits, taken out; null for none

  const LaneOptions options_;
  std::unique_ptr<ControlledSession> session_;  // of whoever leads
  int careful_groups_ = 0;                      // of whoever leads: how many are run in savepoints
  std::mutex mutex_;
  std::deque<Waiting*> waiting_;
  bool is_led_ = false;
  bool closed_ = false;
  std::atomic<std::uint64_t> generation_ = 0;
  std::condition_variable idle_;
};

}  // namespace polyshop::db
