#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/db/ballast.hpp"
#include "kernel/db/lane.hpp"
#include "kernel/db/tx.hpp"
#include "kernel/facade/call.hpp"
#include "kernel/runtime/clock.hpp"
#include "kernel/runtime/gate.hpp"

namespace polyshop {

struct DatabaseOptions {
  Engine engine = Engine::sqlite;
  std::filesystem::path folder;   // SQLite: where <module>.db lies
  std::string url;                // PostgreSQL: a connection string or URL, of the role that runs
  std::string schema{};           // PostgreSQL: where the tables lie; empty: in the schema named after the module
  std::string migrate_url;        // the same of the role that owns the tables; empty: the role that runs does
  std::string password_file;      // holds the password of a role whose URL has none; {role} stands for the role's name
  std::size_t read_lanes = 2;     // SQLite: connections that read
  std::size_t lanes = 4;          // PostgreSQL: connections in all
  std::size_t queue_max = 4096;
  std::shared_ptr<db::Ballast> ballast{};  // SQLite: what a full disk gives back; null for none
};

// One module's database. read() and write() run a function in a transaction on one of its lanes, on the caller's thread or, in
// a group of writes, on that of another caller, and answer what it returns, or throw what it throws. Both throw Problem 503 where the queue is full or the database is away, 507 where the disk is
// full. The function of a write may be run more than once and changes nothing but the database.
class Database {
 public:
  Database(std::string module, DatabaseOptions options, const Clock& clock, Metrics& metrics);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& module() const { return module_; }
  Engine engine() const { return options_.engine; }
  const Clock& clock() const { return clock_; }
  void set_events(db::EventSink* events) { events_ = events; }

  void open();   // starts the lanes; migrate() comes first
  void close();  // finishes what is queued

  template <class F>
  auto read(const Call& call, F&& fn) {
    return run(call, Kind::read, std::forward<F>(fn));
  }
  // The same by a single statement, which needs no transaction around it: on PostgreSQL two round trips less. A second one ends the process.
  template <class F>
  auto read_once(const Call& call, F&& fn) {
    return run(call, Kind::read_once, std::forward<F>(fn));
  }

  // Where the call carries an idempotency key, the function runs once for it: the result is stored in the same transaction
  // and answered again for 24 hours; another input under the same key is Problem 422 `key_reused`.
  template <class F>
  auto write(const Call& call, F&& fn) {
    if (call.key.empty()) return run(call, Kind::write, std::forward<F>(fn));
    using R = std::invoke_result_t<F&, Tx&>;
    return run(call, Kind::write, [&](Tx& tx) -> R {
      if (const auto stored = stored_result(tx, call)) {
        if (call.replayed) *call.replayed = true;
        if constexpr (std::is_void_v<R>)
          return;
        else
          return json::from_text<R>(*stored, json::Mode::lenient);
      }
      if constexpr (std::is_void_v<R>) {
        fn(tx);
        store_result(tx, call, "null");
      } else {
        R result = fn(tx);
        store_result(tx, call, json::to_text(result));
        return result;
      }
    });
  }

  // Rises with every change of the database. Nothing where others may change it: on PostgreSQL.
  std::optional<std::uint64_t> generation() const { return writer_ ? std::optional(writer_->generation()) : std::nullopt; }

  // Whether the call's key was used before, so that write() would answer a stored result.
  bool is_stored(const Call& call);

  // Whether the lanes answer.
  bool answers();

  // Migrations, by the role that owns the tables, before open(). plan() lists what migrate() would apply. Where something is
  // to be applied and the role may not, migrate() throws Problem 409 `may_not_migrate`.
  struct Migration {
    std::string owner;  // "catalog", or "bus"
    int number = 0;
    std::string name;
    std::string sql;
    std::string checksum;
  };
  std::vector<Migration> plan();
  std::vector<Migration> migrate();

  // An empty place for another database of this module beside this one: what an earlier one has left there is removed. It is
  // the caller's alone, in every instance. Throws Problem 409 `rebuild_running` where somebody has it, and
  // `no_place_to_rebuild` where PostgreSQL's role may not make it.
  struct Beside {
    DatabaseOptions options;
    std::unique_ptr<db::ControlledSession> owner;  // PostgreSQL: holds the lock on the place, as the role that migrates
  };
  Beside make_place_beside() const;
  // Puts a database in that place, which is closed by that, in the place of this one, which is gone. Transactions that come
  // meanwhile wait; after a crash there is the one or the other. Throws Problem 503 where somebody holds on to what is to be
  // replaced, or the place was lost with the connection; then this one is as it was.
  void replace_with(Database& fresh, Beside& beside);

  std::filesystem::path file() const { return options_.folder / (module_ + ".db"); }
  const DatabaseOptions& options() const { return options_; }
  std::string schema() const { return options_.schema.empty() ? module_ : options_.schema; }
  db::SessionOptions session_options(bool read_only) const;
  db::SessionOptions migration_options() const;

 private:
  enum class Kind { read, read_once, write };
  template <class F>
  auto run(const Call& call, Kind kind, F&& fn) {
    using R = std::invoke_result_t<F&, Tx&>;
    if constexpr (std::is_void_v<R>) {
      run_erased(call, kind, [&](Tx& tx) { fn(tx); });
    } else {
      std::optional<R> result;
      run_erased(call, kind, [&](Tx& tx) { result.emplace(fn(tx)); });
      return std::move(*result);
    }
  }
  void run_erased(const Call& call, Kind kind, std::move_only_function<void(Tx&)> fn);
  std::optional<std::string> stored_result(Tx& tx, const Call& call);
  void store_result(Tx& tx, const Call& call, const std::string& result);

  const std::string module_;
  const DatabaseOptions options_;
  const Clock& clock_;
  Metrics& metrics_;
  db::EventSink* events_ = nullptr;
  Gate gate_;  // shut while what lies below is replaced
  std::unique_ptr<db::GroupLane> writer_;  // SQLite only
  std::unique_ptr<db::Lanes> lanes_;       // SQLite: what reads
};

}  // namespace polyshop
