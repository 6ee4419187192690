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
  return {Engine::postgresql, options_.url, schema(), read_only, options_.password_file};
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
  lane.queue_max = options_.queue_max;
  if (options_.engine == Engine::postgresql) {
    lanes_ = std::make_unique<db::Lanes>(std::move(lane), options_.lanes);
    return;
  }
  lane.group_size = metrics_.histogram("polyshop_commit_group_size", "How many transactions a commit confirms.", {{"module", module_}});
  auto reading = lane;
  reading.events = nullptr;
  reading.session = session_options(true);
  writer_ = std::make_unique<db::GroupLane>(std::move(lane));
  lanes_ = std::make_unique<db::Lanes>(std::move(reading), options_.read_lanes);
}

void Database::close() {
  if (lanes_) lanes_->close();  // readers first: the writer's last close checkpoints
  if (writer_) writer_->close();
}

void Database::run_erased(const Call& call, Kind kind, std::move_only_function<void(Tx&)> fn) {
  const bool write = kind == Kind::write;
  if (db::in_transaction()) die("a transaction was opened inside another one, in module " + module_);
  if (write && options_.ballast && call.actor.kind != Actor::Kind::system && options_.ballast->is_given_up()) throw db::problem_of({db::SessionError::Kind::full, {}});
  const Gate::Pass pass(gate_);
  db::LaneJob job;
  job.run = std::move(fn);
  job.call = &call;
  job.write = write;
  job.once = kind == Kind::read_once;
  job.now = call.now ? call.now : clock_.now();
  job.deadline = call.deadline;
  if (!lanes_) throw Problem::unavailable("database_unavailable", "The shop is starting or stopping. Try again.");
  write && writer_ ? writer_->run(job) : lanes_->run(job);
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
  if (stored == 0) Tx::start_over("the same command was committed by somebody else");
}

bool Database::is_stored(const Call& call) {
  return read_once(call, [&](Tx& tx) { return stored_result(tx, call).has_value(); });
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
