#include "kernel/db/database.hpp"

#include <fmt/format.h>

namespace polyshop {
namespace {

struct StoredCommand {
  std::string input_hash;
  std::string result;
};
BOOST_DESCRIBE_STRUCT(StoredCommand, (), (input_hash, result))

std::string principal_of(const Call& call) { return call.actor.id.empty() ? "anonymous" : call.actor.id; }

}  // namespace

Database::Database(std::string module, DatabaseOptions options, const Clock& clock, Metrics& metrics)
    : module_(std::move(module)), options_(std::move(options)), clock_(clock), metrics_(metrics) {}

Database::~Database() { close(); }

db::SessionOptions Database::session_options(bool read_only) const {
  if (options_.engine == Engine::sqlite) return {Engine::sqlite, file().string(), {}, read_only};
  return {Engine::postgresql, options_.url, module_, read_only, options_.password_file};
}

db::SessionOptions Database::migration_options() const {
  auto options = session_options(false);
  if (engine() == Engine::postgresql && !options_.migrate_url.empty()) options.target = options_.migrate_url;
  return options;
}

void Database::open() {
  db::LaneOptions lane;
  lane.session = session_options(false);
  lane.events = events_;
  lane.ballast = options_.ballast.get();
  lane.commit_seconds = metrics_.histogram("polyshop_commit_seconds", "How long commits take.", {{"module", module_}});
  lane.name = module_;
  if (options_.inline_lanes) {
    inline_options_ = lane;
    return;
  }
  writes_ = std::make_unique<db::LaneQueue>(options_.queue_max);
  if (options_.engine == Engine::sqlite) {
    lane.group_commit = true;
    lanes_.push_back(std::make_unique<db::Lane>(lane, *writes_));
    reads_ = std::make_unique<db::LaneQueue>(options_.queue_max);
    lane.group_commit = false;
    lane.events = nullptr;
    lane.session = session_options(true);
    for (std::size_t i = 0; i < options_.read_lanes; ++i) lanes_.push_back(std::make_unique<db::Lane>(lane, *reads_));
  } else {
    for (std::size_t i = 0; i < options_.lanes; ++i) lanes_.push_back(std::make_unique<db::Lane>(lane, *writes_));
  }
}

void Database::close() {
  if (writes_) writes_->close();
  if (reads_) reads_->close();
  while (!lanes_.empty()) lanes_.pop_back();  // readers first: the writer's last close checkpoints
  inline_session_.reset();
}

void Database::run_erased(const Call& call, bool write, std::move_only_function<void(Tx&)> fn) {
  if (db::in_write_transaction()) die("a transaction was opened inside a transaction that writes, in module " + module_);
  if (write && options_.ballast && call.actor.kind != Actor::Kind::system && options_.ballast->is_given_up()) throw db::problem_of({db::SessionError::Kind::full, {}});
  std::exception_ptr failure;
  auto job = std::make_unique<db::LaneJob>();
  job->run = std::move(fn);
  job->call = &call;
  job->write = write;
  job->now = call.now ? call.now : clock_.now();
  job->deadline = call.deadline;
  if (options_.inline_lanes) {
    std::lock_guard lock(inline_mutex_);
    job->done = [&](std::exception_ptr error) { failure = error; };
    db::Lane::run_inline(inline_options_, inline_session_, *job);
  } else {
    std::atomic<bool> done = false;
    job->done = [&](std::exception_ptr error) {
      failure = error;
      done.store(true, std::memory_order_release);
      done.notify_one();
    };
    auto* queue = !write && reads_ ? reads_.get() : writes_.get();
    if (!queue || !queue->push(std::move(job))) throw Problem::unavailable("overloaded", "Too much is waiting for the database. Try again.");
    done.wait(false, std::memory_order_acquire);
  }
  if (failure) std::rethrow_exception(failure);
}

std::optional<std::string> Database::stored_result(Tx& tx, const Call& call) {
  const auto stored = tx.find<StoredCommand>(
      "SELECT input_hash, result FROM keyed_command WHERE principal = :principal AND operation = :operation AND key = :key"_sql,
      principal_of(call), call.operation, call.key);
  if (!stored) return {};
  if (stored->input_hash != call.input_hash)
    throw Problem::invalid("key_reused", "This Idempotency-Key was used with another input. Use a new key for a new request.");
  return stored->result;
}

void Database::store_result(Tx& tx, const Call& call, const std::string& result) {
  const auto stored = tx.exec(R"(INSERT INTO keyed_command (principal, operation, key, input_hash, result, created_ms)
                                 VALUES (:principal, :operation, :key, :input_hash, :result, :now)
                                 ON CONFLICT (principal, operation, key) DO NOTHING)"_sql,
                              principal_of(call), call.operation, call.key, call.input_hash, result, tx.now());
  // Another instance committed the same command while this one ran: run again, and find its result.
  if (stored == 0) throw db::SessionError(db::SessionError::Kind::conflict, "the same command was committed by somebody else");
}

bool Database::is_stored(const Call& call) {
  return read(call, [&](Tx& tx) { return stored_result(tx, call).has_value(); });
}

bool Database::answers() {
  try {
    Call call;
    call.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    return read(call, [](Tx& tx) { return tx.get<std::int64_t>("SELECT 1 AS one"_sql); }) == 1;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace polyshop
