#include "kernel/db/lane.hpp"

#include <pthread.h>

#include "kernel/db/ballast.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::db {
namespace {

thread_local bool write_open = false;

struct WriteMark {
  explicit WriteMark(bool write) : before(write_open) { write_open = write; }
  ~WriteMark() { write_open = before; }
  const bool before;
};

using After = std::vector<std::move_only_function<void()>>;

void run_job(const LaneOptions& options, ControlledSession& session, LaneJob& job, After& after) {
  WriteMark mark(job.write);
  Tx tx(session, job.now, job.write ? options.events : nullptr, job.call);
  if (job.write) failpoint::reach("lane.before_job", options.name);
  job.run(tx);
  if (job.write) failpoint::reach("lane.after_job", options.name);
  auto actions = tx.take_after_commit();
  std::ranges::move(actions, std::back_inserter(after));
}

std::exception_ptr as_problem(std::exception_ptr failure, const LaneOptions& options) {
  try {
    std::rethrow_exception(failure);
  } catch (const SessionError& error) {
    if (error.kind == SessionError::Kind::fsync) die("the disk did not confirm a write: " + std::string(error.what()));
    if (error.kind == SessionError::Kind::full && options.ballast) options.ballast->give_up();
    log::error("a transaction failed", {{"database", options.name}, {"error", error.what()}});
    return std::make_exception_ptr(problem_of(error));
  } catch (...) {
    return failure;
  }
}

bool is_expired(const LaneJob& job) { return job.deadline != Deadline::max() && std::chrono::steady_clock::now() > job.deadline; }

std::exception_ptr expired() {
  return std::make_exception_ptr(Problem::unavailable("timeout", "The request waited too long for the database and was dropped before it started. Try again."));
}

std::optional<SessionError::Kind> kind_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const SessionError& error) {
    return error.kind;
  } catch (...) {
    return {};
  }
}

void ensure_session(const LaneOptions& options, std::unique_ptr<ControlledSession>& session) {
  if (session && !session->alive()) session.reset();
  if (!session) session = open_session(options.session);
}

// One job, one transaction. PostgreSQL may ask to run it again (a serialization failure, a deadlock), and a connection that
// turns out to be dead before COMMIT was sent is replaced: nothing of the job can have happened.
void run_alone(const LaneOptions& options, std::unique_ptr<ControlledSession>& session, LaneJob& job) {
  constexpr int tries = 5;
  std::exception_ptr failure;
  After after;
  for (int i = 0; i < tries; ++i) {
    failure = nullptr;
    after.clear();
    bool committing = false;
    try {
      ensure_session(options, session);
      session->begin(job.write);
      run_job(options, *session, job, after);
      if (job.write) failpoint::reach("lane.before_commit", options.name);
      committing = true;
      const auto start = std::chrono::steady_clock::now();
      session->commit();
      if (job.write) failpoint::reach("lane.after_commit", options.name);
      if (job.write) options.commit_seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    } catch (...) {
      failure = std::current_exception();
      if (session) session->rollback();
    }
    if (!failure) break;
    const auto kind = kind_of(failure);
    const bool again = kind == SessionError::Kind::conflict || (kind == SessionError::Kind::lost && !committing && i == 0);
    if (!again) {
      if (kind == SessionError::Kind::lost && committing)
        failure = std::make_exception_ptr(Problem::unavailable("outcome_unknown", "The database went away while it confirmed. Ask again with the same Idempotency-Key.", 2));
      break;
    }
  }
  if (failure) return job.done(as_problem(failure, options));
  for (auto& action : after) action();
  job.done(nullptr);
}

// What is queued, each in a savepoint, and one commit for all. It never waits for work; the caps only bound a group.
void run_group(const LaneOptions& options, std::unique_ptr<ControlledSession>& session, LaneQueue& queue, std::unique_ptr<LaneJob> first) {
  constexpr std::size_t jobs_max = 256;
  constexpr auto time_max = std::chrono::milliseconds(2);
  struct Ran {
    std::unique_ptr<LaneJob> job;
    std::exception_ptr failure;
  };
  std::vector<Ran> group;
  After after;
  std::exception_ptr outer_failure;
  const auto start = std::chrono::steady_clock::now();
  try {
    ensure_session(options, session);
    session->begin(true);
    for (auto job = std::move(first); job;) {
      auto& ran = group.emplace_back(std::move(job), nullptr);
      if (is_expired(*ran.job)) {
        ran.failure = expired();
      } else {
        session->savepoint();
        const auto after_size = after.size();
        try {
          run_job(options, *session, *ran.job, after);
          session->release();
        } catch (...) {
          ran.failure = std::current_exception();
          after.resize(after_size);
          if (!session->in_transaction()) throw;  // the engine has rolled back everything, released savepoints too
          session->rollback_to();
        }
      }
      if (group.size() == jobs_max || std::chrono::steady_clock::now() - start > time_max) break;
      job = queue.try_pop();
    }
    failpoint::reach("lane.before_commit", options.name);
    const auto committing = std::chrono::steady_clock::now();
    session->commit();
    failpoint::reach("lane.after_commit", options.name);
    options.commit_seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - committing).count());
    options.group_size.observe(static_cast<double>(group.size()));
  } catch (...) {
    outer_failure = as_problem(std::current_exception(), options);
    if (session) session->rollback();
    if (first) group.emplace_back(std::move(first), nullptr);
  }
  if (!outer_failure)
    for (auto& action : after) action();
  for (auto& ran : group) ran.job->done(outer_failure ? outer_failure : ran.failure ? as_problem(ran.failure, options) : nullptr);
}

}  // namespace

bool in_write_transaction() { return write_open; }

bool LaneQueue::push(std::unique_ptr<LaneJob> job) {
  {
    std::lock_guard lock(mutex_);
    if (closed_ || jobs_.size() >= size_max_) return false;
    jobs_.push_back(std::move(job));
  }
  filled_.notify_one();
  return true;
}

std::unique_ptr<LaneJob> LaneQueue::pop() {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [&] { return closed_ || !jobs_.empty(); });
  if (jobs_.empty()) return nullptr;
  auto job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

std::unique_ptr<LaneJob> LaneQueue::try_pop() {
  std::lock_guard lock(mutex_);
  if (jobs_.empty()) return nullptr;
  auto job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

void LaneQueue::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  filled_.notify_all();
}

std::size_t LaneQueue::size() const {
  std::lock_guard lock(mutex_);
  return jobs_.size();
}

Lane::Lane(LaneOptions options, LaneQueue& queue) : options_(std::move(options)), queue_(queue), thread_([this] { work(); }) {}

Lane::~Lane() { thread_.join(); }

void Lane::work() {
  pthread_setname_np(pthread_self(), options_.name.substr(0, 15).c_str());
  while (auto job = queue_.pop()) {
    if (options_.group_commit) {
      run_group(options_, session_, queue_, std::move(job));
    } else if (is_expired(*job)) {
      job->done(expired());
    } else {
      run_alone(options_, session_, *job);
    }
  }
}

void Lane::run_inline(const LaneOptions& options, std::unique_ptr<ControlledSession>& session, LaneJob& job) { run_alone(options, session, job); }

}  // namespace polyshop::db
