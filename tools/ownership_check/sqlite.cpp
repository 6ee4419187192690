#include "ownership_check/sqlite.hpp"

#include "kernel/db/session.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::ownership {
namespace {

struct Asked {
  const SqliteDatabase::Judge& judge;
  std::vector<Access>& accesses;
};

int authorize(void* context, int action, const char* first, const char* second, const char* database, const char*) {
  auto& asked = *static_cast<Asked*>(context);
  const auto text = [](const char* name) { return std::string(name ? name : ""); };
  asked.accesses.push_back({action, text(first), text(second), text(database)});
  return !asked.judge || asked.judge(asked.accesses.back()) ? SQLITE_OK : SQLITE_DENY;
}

sqlite3* open() {
  // The kernel sets SQLite up with its first session, and only as long as nobody else has used it.
  static const auto first = db::open_session({Engine::sqlite, ":memory:", "", false});
  sqlite3* database = nullptr;
  if (sqlite3_open(":memory:", &database) != SQLITE_OK) die("SQLite cannot open a database in memory");
  // As the program opens its files; a foreign key is judged by the checker, not by whether its parent is there.
  sqlite3_exec(database, "PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=OFF", nullptr, nullptr, nullptr);
  sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
  // SQLite declares these when they are first used, which is nothing that a statement does.
  sqlite3_exec(database, "SELECT 1 FROM json_each('[]'), json_tree('[]')", nullptr, nullptr, nullptr);
  return database;
}

}  // namespace

SqliteDatabase::SqliteDatabase() : database_(open(), &sqlite3_close) {}

SqliteDatabase::Prepared SqliteDatabase::compile(std::string_view sql, const Judge& judge, bool runs) {
  Prepared result;
  Asked asked{judge, result.accesses};
  sqlite3_set_authorizer(database_.get(), &authorize, &asked);
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &raw, &tail) != SQLITE_OK) result.error = sqlite3_errmsg(database_.get());
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(raw, &sqlite3_finalize);
  result.used = tail ? static_cast<std::size_t>(tail - sql.data()) : sql.size();
  result.is_empty = result.error.empty() && !raw;
  if (runs && raw) {
    int step = SQLITE_ROW;
    while (step == SQLITE_ROW) step = sqlite3_step(raw);
    if (step != SQLITE_DONE) result.error = sqlite3_errmsg(database_.get());
  }
  sqlite3_set_authorizer(database_.get(), nullptr, nullptr);
  return result;
}

SqliteDatabase::Prepared SqliteDatabase::prepare(std::string_view sql, const Judge& judge) { return compile(sql, judge, false); }
SqliteDatabase::Prepared SqliteDatabase::run(std::string_view sql, const Judge& judge) { return compile(sql, judge, true); }

std::vector<std::vector<std::string>> SqliteDatabase::rows(const std::string& sql, int columns) {
  std::vector<std::vector<std::string>> rows;
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) die(sqlite3_errmsg(database_.get()));
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(raw, &sqlite3_finalize);
  while (sqlite3_step(raw) == SQLITE_ROW) {
    auto& row = rows.emplace_back();
    for (int i = 0; i < columns; ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw, i));
      row.emplace_back(text ? text : "");
    }
  }
  return rows;
}

}  // namespace polyshop::ownership
