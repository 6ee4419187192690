#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

struct sqlite3;

namespace polyshop::db {

// A SQLite database file as it is at one moment, while others go on writing it. It only reads and never checkpoints. Throws
// Problem 507 where there is no room for a copy, 500 `copy_failed` for anything else. Belongs to one thread at a time.
class SqliteSnapshot {
 public:
  explicit SqliteSnapshot(const std::filesystem::path& file);
  ~SqliteSnapshot();
  SqliteSnapshot(const SqliteSnapshot&) = delete;
  SqliteSnapshot& operator=(const SqliteSnapshot&) = delete;

  void take();  // this moment; quick
  // What it was then, as a single file that is on the disk when this returns. `progress` is told bytes, and may throw to give up.
  void copy_to(const std::filesystem::path& copy, const std::function<void(std::int64_t done, std::int64_t total)>& progress);

 private:
  const std::filesystem::path file_;
  sqlite3* connection_ = nullptr;
};

// Throws Problem 422 `damaged_copy` where SQLite finds the file damaged.
void check_sqlite_file(const std::filesystem::path& file);

}  // namespace polyshop::db
