#pragma once

#include <cstdint>
#include <memory>
#include <optional>

struct sqlite3;
struct sqlite3_stmt;

namespace polyshop::db {

// Remembers the first value of every key, for millions of keys in a few MiB of memory: what is more than that lies in a file
// that nobody sees and that is gone with the object. One thread.
class FirstValues {
 public:
  FirstValues();
  ~FirstValues();
  FirstValues(const FirstValues&) = delete;
  FirstValues& operator=(const FirstValues&) = delete;

  // The key's first value, where it has one; otherwise this becomes it. Throws Problem 507 `storage_full` where there is no
  // room in the folder for temporary files.
  std::optional<std::int64_t> find_or_put(std::uint64_t key, std::int64_t value);

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
    void operator()(sqlite3_stmt* statement) const;
  };
  [[noreturn]] void fail() const;
  std::unique_ptr<sqlite3_stmt, Close> prepare(const char* sql) const;

  std::unique_ptr<sqlite3, Close> connection_;
  std::unique_ptr<sqlite3_stmt, Close> put_;
  std::unique_ptr<sqlite3_stmt, Close> find_;
};

}  // namespace polyshop::db
