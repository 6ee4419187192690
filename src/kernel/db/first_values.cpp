#include "kernel/db/first_values.hpp"

#include <bit>

#include <fmt/format.h>
#include <sqlite3.h>

#include "kernel/db/sqlite_library.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::db {

void FirstValues::Close::operator()(sqlite3* connection) const { sqlite3_close(connection); }
void FirstValues::Close::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

FirstValues::FirstValues() {
  configure_sqlite();
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2("", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);  // no name: a file of its own that is deleted when it is closed
  connection_.reset(opened);
  if (code != SQLITE_OK) fail();
  // Nothing of it has to outlive anything. The cache is in KiB.
  constexpr const char* set_up = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096; CREATE TABLE first_value (key INTEGER PRIMARY KEY, value INTEGER NOT NULL); BEGIN";
  if (sqlite3_exec(opened, set_up, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  put_ = prepare("INSERT INTO first_value (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING");
  find_ = prepare("SELECT value FROM first_value WHERE key = ?");
}

FirstValues::~FirstValues() = default;

void FirstValues::fail() const {
  const auto* said = connection_ ? sqlite3_errmsg(connection_.get()) : "out of memory";
  throw Problem(507, "storage_full", fmt::format("What was seen so far cannot be kept in the folder for temporary files: {}. Make room there, or set TMPDIR to another.", said));
}

std::unique_ptr<sqlite3_stmt, FirstValues::Close> FirstValues::prepare(const char* sql) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(connection_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) fail();
  return std::unique_ptr<sqlite3_stmt, Close>(statement);
}

std::optional<std::int64_t> FirstValues::find_or_put(std::uint64_t key, std::int64_t value) {
  const auto number = std::bit_cast<std::int64_t>(key);
  sqlite3_reset(put_.get());
  sqlite3_bind_int64(put_.get(), 1, number);
  sqlite3_bind_int64(put_.get(), 2, value);
  if (sqlite3_step(put_.get()) != SQLITE_DONE) fail();
  if (sqlite3_changes(connection_.get()) == 1) return {};
  sqlite3_reset(find_.get());
  sqlite3_bind_int64(find_.get(), 1, number);
  if (sqlite3_step(find_.get()) != SQLITE_ROW) fail();
  return sqlite3_column_int64(find_.get(), 0);
}

}  // namespace polyshop::db
