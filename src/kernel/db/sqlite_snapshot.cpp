#include "kernel/db/sqlite_snapshot.hpp"

#include <memory>

#include <fmt/format.h>
#include <sqlite3.h>

#include "kernel/db/sqlite_library.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::db {
namespace {

using Connection = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

[[noreturn]] void fail(sqlite3* connection, const std::filesystem::path& file, int code) {
  if ((code & 0xff) == SQLITE_FULL || code == SQLITE_IOERR_WRITE) throw Problem(507, "storage_full", fmt::format("There is no room for {}.", file.string()));
  throw Problem(500, "copy_failed", fmt::format("{}: {}.", file.string(), connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code)));
}

Connection open(const std::filesystem::path& file, int flags) {
  configure_sqlite();
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &opened, flags, nullptr);
  Connection connection(opened, &sqlite3_close);
  if (code != SQLITE_OK) fail(opened, file, code);
  sqlite3_extended_result_codes(opened, 1);
  return connection;
}

void run(sqlite3* connection, const std::filesystem::path& file, const char* sql) {
  if (const int code = sqlite3_exec(connection, sql, nullptr, nullptr, nullptr); code != SQLITE_OK) fail(connection, file, code);
}

}  // namespace

SqliteSnapshot::SqliteSnapshot(const std::filesystem::path& file) : file_(file) {
  auto connection = open(file, SQLITE_OPEN_READONLY);
  sqlite3_db_config(connection.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  run(connection.get(), file, "SELECT count(*) FROM sqlite_master");  // opens the WAL, so that take() is quick
  connection_ = connection.release();
}

SqliteSnapshot::~SqliteSnapshot() { sqlite3_close(connection_); }

// BEGIN alone takes nothing: the first read does.
void SqliteSnapshot::take() { run(connection_, file_, "BEGIN; SELECT count(*) FROM sqlite_master"); }

void SqliteSnapshot::copy_to(const std::filesystem::path& copy, const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  const auto target = open(copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const std::unique_ptr<sqlite3_backup, decltype(&sqlite3_backup_finish)> backup(sqlite3_backup_init(target.get(), "main", connection_, "main"), &sqlite3_backup_finish);
  if (!backup) fail(target.get(), copy, sqlite3_errcode(target.get()));
  constexpr int pages_at_a_time = 1024;
  constexpr std::int64_t page_size = 4096;
  // The transaction of take() goes on, so the copy never starts anew however much is written meanwhile.
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    code = sqlite3_backup_step(backup.get(), pages_at_a_time);
    const std::int64_t total = sqlite3_backup_pagecount(backup.get());
    progress((total - sqlite3_backup_remaining(backup.get())) * page_size, total * page_size);
  }
  if (code != SQLITE_DONE) fail(target.get(), copy, code);
  run(target.get(), copy, "PRAGMA journal_mode=DELETE");  // a single file, without a WAL beside it
}

void check_sqlite_file(const std::filesystem::path& file) {
  const auto connection = open(file, SQLITE_OPEN_READONLY);
  std::string found;
  const auto first_row = [](void* into, int, char** values, char**) {
    *static_cast<std::string*>(into) = values[0] ? values[0] : "";
    return 1;
  };
  const int code = sqlite3_exec(connection.get(), "PRAGMA quick_check(1)", first_row, &found, nullptr);
  if (found != "ok") throw Problem::invalid("damaged_copy", fmt::format("The database {} is damaged: {}.", file.string(), found.empty() ? sqlite3_errstr(code) : found));
}

}  // namespace polyshop::db
