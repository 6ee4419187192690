#include <fmt/format.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "kernel/db/soci_session.hpp"
#include "kernel/db/sqlite_library.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::db {
namespace {

class SqliteSession final : public SociSession {
 public:
  explicit SqliteSession(const SessionOptions& options) : SociSession(Engine::sqlite) {
    guarded(session_, engine_, [&] {
      session_.open(soci::sqlite3, fmt::format("db=\"{}\" timeout=5", options.target));
    });
    connection_ = static_cast<soci::sqlite3_session_backend*>(session_.get_backend())->conn_;
    sqlite_api::sqlite3_extended_result_codes(connection_, 0);
    sqlite_api::sqlite3_limit(connection_, SQLITE_LIMIT_ATTACHED, 0);  // a module reaches its own file and no other
    // A reader never writes nor checkpoints: two connections that checkpoint can corrupt a WAL before SQLite 3.51.3.
    if (options.read_only)
      script("PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0;");
    else
      script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864;");
    if (failpoint::is_on("sqlite.synchronous_normal")) script("PRAGMA synchronous=NORMAL");
    script("PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-2000; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=268435456;");
    sqlite_api::sqlite3_db_config(connection_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, options.read_only ? 1 : 0, nullptr);
    sqlite_api::sqlite3_db_config(connection_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);  // and not behind SQL's back
  }

  ~SqliteSession() override {
    prepared_.clear();
    for (auto& framing : framing_) sqlite_api::sqlite3_finalize(framing);
  }

  void begin(bool write) override { frame(write ? begin_immediate : begin_deferred); }
  void commit() override { frame(commit_all); }
  void rollback() noexcept override {
    if (in_transaction()) sqlite_api::sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  void savepoint() override { frame(save); }
  void release() override { frame(release_saved); }
  void rollback_to() override { script("ROLLBACK TO job; RELEASE job"); }
  bool in_transaction() override { return sqlite_api::sqlite3_get_autocommit(connection_) == 0; }
  bool alive() override { return true; }
  std::int64_t changed_rows() override { return sqlite_api::sqlite3_total_changes64(connection_); }

  void script(const std::string& sql) override {
    guarded(session_, engine_, [&] {
      const int code = sqlite_api::sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
      if (code != SQLITE_OK) throw soci::sqlite3_soci_error(fmt::format("{} in: {:.200}", sqlite_api::sqlite3_errmsg(connection_), sql), code);
    });
  }

 private:
  // What stands around every transaction is prepared once: with small transactions it would be half of what there is to parse.
  enum Framing { begin_deferred, begin_immediate, commit_all, save, release_saved };
  static constexpr const char* framing_texts[] = {"BEGIN", "BEGIN IMMEDIATE", "COMMIT", "SAVEPOINT job", "RELEASE job"};

  void frame(Framing which) {
    guarded(session_, engine_, [&] {
      auto*& statement = framing_[which];
      int code = statement ? SQLITE_OK : sqlite_api::sqlite3_prepare_v3(connection_, framing_texts[which], -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
      if (code == SQLITE_OK) code = sqlite_api::sqlite3_step(statement);
      if (code == SQLITE_DONE) code = SQLITE_OK;
      if (code != SQLITE_OK) {
        const soci::sqlite3_soci_error error(fmt::format("{} in: {}", sqlite_api::sqlite3_errmsg(connection_), framing_texts[which]), code);
        sqlite_api::sqlite3_reset(statement);
        throw error;
      }
      sqlite_api::sqlite3_reset(statement);
    });
  }

  sqlite_api::sqlite3* connection_ = nullptr;
  std::array<sqlite_api::sqlite3_stmt*, std::size(framing_texts)> framing_{};
};

}  // namespace

void configure_sqlite() {
  // A session belongs to one thread at a time, so connections need no mutex of their own. Only before the first is opened.
  // Where somebody else in the process has used SQLite before, they keep their mutexes, which only costs time.
  // Nor does anybody ask how much memory it has, which it counts under a mutex of the whole process.
  static const int configured = sqlite_api::sqlite3_config(SQLITE_CONFIG_MULTITHREAD) | sqlite_api::sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)configured;
}

std::unique_ptr<ControlledSession> open_sqlite(const SessionOptions& options) {
  configure_sqlite();
  return std::make_unique<SqliteSession>(options);
}

}  // namespace polyshop::db
