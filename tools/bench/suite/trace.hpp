#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

// What a shop executed, as trace/preload.cpp wrote it.
namespace polyshop::bench {

struct TracedValue {
  char kind = 'n';  // n null, i integer, d real, t text, b bytes
  std::string text;
  std::int64_t integer = 0;
  double real = 0;
};

struct TracedStatement {
  bool is_read = false;   // it cannot change anything
  bool is_write = false;  // it did
  std::size_t sql = 0;    // which of Trace::texts
  std::vector<TracedValue> values;
};

// What became durable together where nothing else was waiting: a job of a SQLite lane, a transaction of a PostgreSQL connection.
struct TracedTransaction {
  std::string where;  // "cart.db", or a schema
  std::vector<TracedStatement> statements;
  bool is_read() const;   // every statement
  bool is_write() const;  // one at least
};

struct Trace {
  std::vector<std::string> texts;                // each statement once
  std::vector<TracedTransaction> transactions;   // that were committed, in the order of their ends
};

// The statements of a transaction, which tell what kind it is of.
std::string kind_of(const Trace& trace, const TracedTransaction& transaction);

// What was written from a position of the file on. Throws Problem where the file is none.
Trace read_trace(const std::filesystem::path& file, std::uintmax_t from);
// How far the file is written once nothing was changed for a second, or after five: a shop looks for work all the time, and on
// PostgreSQL it cannot be seen whether that changed anything.
std::uintmax_t settled_size(const std::filesystem::path& file);

}  // namespace polyshop::bench
