#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

namespace polyshop::ownership {

// What SQLite's authorizer is asked before a statement is compiled: an action (SQLITE_READ, SQLITE_INSERT, ...) and up to three
// names whose meaning depends on it.
struct Access {
  int action = 0;
  std::string first;
  std::string second;
  std::string database;  // "main", "temp"
};

// A database in memory, whose statements tell what they touch.
class SqliteDatabase {
 public:
  SqliteDatabase();

  // Asked of every access while a statement is compiled; one that answers false makes the statement fail.
  using Judge = std::function<bool(const Access&)>;

  struct Prepared {
    std::string error;       // empty where it could be compiled
    std::size_t used = 0;    // how much of the text it took: the rest is another statement
    bool is_empty = false;   // nothing but blanks and comments
    std::vector<Access> accesses;
  };
  Prepared prepare(std::string_view sql, const Judge& judge = {});
  // Compiles the first statement of a text and runs it to its end.
  Prepared run(std::string_view sql, const Judge& judge = {});
  // The rows of a statement that never fails, each its first `columns` columns as text.
  std::vector<std::vector<std::string>> rows(const std::string& sql, int columns);

 private:
  Prepared compile(std::string_view sql, const Judge& judge, bool runs);
  std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database_;
};

}  // namespace polyshop::ownership
