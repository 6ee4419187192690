#include "kernel/db/lane.hpp"

#include <sched.h>

#include "kernel/db/ballast.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/failpoint.hpp"
#include "kernel/runtime/workers.hpp"

namespace polyshop::db {
namespace {

thread_local bool is_open = false;
thread_local bool is_write_open = false;

struct OpenMark {
  explicit OpenMark(bool write) {
    is_open = true;
    is_write_open = write;
  }
  ~OpenMark() { is_open = is_write_open = false; }
  OpenMark(const OpenMark&) = delete;
  OpenMark& operator=(const OpenMark&) = delete;
};

void run_job(const LaneOptions& options, ControlledSession& session, LaneJob& job, AfterCommit& after) {
  const OpenMark mark(job.write);
  Tx tx(session, job.now, job.write ? options.events : nullptr, job.call);
  if (job.once) tx.limit_to_one_statement();
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
  AfterCommit after;
  for (int i = 0; i < tries; ++i) {
    failure = nullptr;
    after.clear();
    bool committing = false;
    try {
      ensure_session(options, session);
      if (!job.once) session->begin(job.write);
      run_job(options, *session, job, after);
      if (job.write) failpoint::reach("lane.before_commit", options.name);
      committing = true;
      const auto start = std::chrono::steady_clock::now();
      if (!job.once) session->commit();
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
  if (failure) std::rethrow_exception(as_problem(failure, options));
  for (auto& action : after) action();
}

Problem closed() { return Problem::unavailable("database_unavailable", "The shop is stopping. Try again."); }
Problem overloaded() { return Problem::unavailable("overloaded", "Too much is waiting for the database. Try again."); }

}  // namespace

bool in_transaction() { return is_open; }
bool in_write_transaction() { return is_write_open; }

void Lanes::run(LaneJob& job) {
  std::unique_ptr<ControlledSession> session;
  {
    std::unique_lock lock(mutex_);
    if (closed_) throw closed();
    if (free_.empty()) {
      if (waiting_ >= options_.queue_max) throw overloaded();
      ++waiting_;
      const Workers::Blocking blocking;
      freed_.wait(lock, [this] { return !free_.empty(); });
      --waiting_;
    }
    session = std::move(free_.back());
    free_.pop_back();
  }
  std::exception_ptr failure;
  try {
    if (is_expired(job)) std::rethrow_exception(expired());
    // PostgreSQL's answers are waited for; SQLite only reads here.
    const auto blocking = options_.session.engine == Engine::postgresql ? std::make_optional<Workers::Blocking>() : std::nullopt;
    run_alone(options_, session, job);
  } catch (...) {
    failure = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(session));
    if (closed_ && free_.size() == sessions_) all_freed_.notify_all();
  }
  freed_.notify_one();
  if (failure) std::rethrow_exception(failure);
}

void Lanes::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  all_freed_.wait(lock, [this] { return waiting_ == 0 && free_.size() == sessions_; });
  for (auto& session : free_) session.reset();
}

void GroupLane::run(LaneJob& job) {
  Waiting own{job};
  bool leads = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) throw closed();
    if (waiting_.size() >= options_.queue_max) throw overloaded();
    waiting_.push_back(&own);
    leads = !std::exchange(is_led_, true);
  }
  if (!leads) own.woken.wait();
  if (!own.is_done) lead();  // it is the first that waits
  if (own.failure) std::rethrow_exception(own.failure);
}

void GroupLane::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  idle_.wait(lock, [this] { return !is_led_; });
  session_.reset();
}

GroupLane::Waiting* GroupLane::next() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) return nullptr;
  auto* first = waiting_.front();
  waiting_.pop_front();
  return first;
}

// Runs the jobs of the group, and those that come meanwhile. False where one failed that had no savepoint of its own to go back to.
bool GroupLane::run_jobs(std::vector<Waiting*>& group, bool in_savepoints, AfterCommit& after) {
  // The caps only bound a group.
  constexpr std::size_t jobs_max = 256;
  constexpr auto time_max = std::chrono::milliseconds(2);
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0;; ++i) {
    if (i == group.size()) {
      auto* const another = i < jobs_max && std::chrono::steady_clock::now() - start <= time_max ? next() : nullptr;
      if (!another) return true;
      group.push_back(another);
    }
    auto& one = *group[i];
    one.failure = is_expired(one.job) ? expired() : nullptr;
    if (one.failure) continue;
    if (in_savepoints) session_->savepoint();
    const auto after_size = after.size();
    try {
      run_job(options_, *session_, one.job, after);
      if (in_savepoints) session_->release();
    } catch (...) {
      one.failure = std::current_exception();
      after.resize(after_size);
      if (!session_->in_transaction()) throw;  // the engine has rolled back everything, released savepoints too
      if (!in_savepoints) return false;
      session_->rollback_to();
    }
  }
}

void GroupLane::lead() {
  // It never waits for work, but whoever is ready to run goes first, of its own pool and then of others: on a busy machine they bring theirs, and
  // the group is several times as large; on an idle one nobody is.
  Workers::give_way();
  ::sched_yield();
  std::vector<Waiting*> group{next()};
  auto* const own = group.front();
  AfterCommit after;
  std::exception_ptr outer_failure;
  try {
    ensure_session(options_, session_);
    const auto changed_before = session_->changed_rows();
    {
      const Workers::Blocking blocking;
      session_->begin(true);
    }
    // Jobs mostly succeed, and a savepoint costs as much as a small one. Where one fails, all are run again with savepoints,
    // and so are those of the next groups: failures come in crowds.
    const bool in_savepoints = careful_groups_ > 0;
    if (in_savepoints) --careful_groups_;
    if (!run_jobs(group, in_savepoints, after)) {
      constexpr int careful_after_failure = 50;
      careful_groups_ = careful_after_failure;
      session_->rollback();
      after.clear();
      session_->begin(true);
      run_jobs(group, true, after);
    }
    failpoint::reach("lane.before_commit", options_.name);
    const auto committing = std::chrono::steady_clock::now();
    {
      const Workers::Blocking blocking;
      session_->commit();
    }
    if (session_->changed_rows() != changed_before) generation_.fetch_add(1, std::memory_order_acq_rel);
    failpoint::reach("lane.after_commit", options_.name);
    options_.commit_seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - committing).count());
    options_.group_size.observe(static_cast<double>(group.size()));
  } catch (...) {
    outer_failure = as_problem(std::current_exception(), options_);
    if (session_) session_->rollback();
  }
  // The next leader works while this one tells what became of the group.
  Waiting* heir = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!waiting_.empty()) {
      heir = waiting_.front();
    } else {
      is_led_ = false;
      if (closed_) idle_.notify_all();
    }
  }
  if (heir) heir->woken.set();
  if (!outer_failure)
    for (auto& action : after) action();
  for (auto* one : group) {
    one->failure = outer_failure ? outer_failure : one->failure ? as_problem(one->failure, options_) : nullptr;
    one->is_done = true;
    if (one != own) one->woken.set();  // from here on it is gone
  }
}

}  // namespace polyshop::db

namespace polyshop {

void Tx::start_over(const std::string& why) { throw db::SessionError(db::SessionError::Kind::conflict, why); }

}  // namespace polyshop
