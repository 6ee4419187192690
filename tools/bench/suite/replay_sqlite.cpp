#include <chrono>
#include <map>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "kernel/types/problem.hpp"
#include "shopload/usage.hpp"
#include "suite/replay.hpp"
#include "suite/server.hpp"

namespace polyshop::bench {
namespace {

using std::chrono::steady_clock;

class Database {
 public:
  Database(const Trace& trace, const std::filesystem::path& file, bool for_writing) : texts_(trace.texts), prepared_(trace.texts.size()) {
    const int flags = (for_writing ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    check(sqlite3_open_v2(file.c_str(), &connection_, flags, nullptr));
    // As src/kernel/db/sqlite_session.cpp sets them.
    if (for_writing) execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864;");
    execute("PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-2000; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=268435456;");
  }
  ~Database() {
    for (auto* statement : prepared_) sqlite3_finalize(statement);
    sqlite3_close(connection_);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const char* sql) { check(sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr)); }

  void run(const TracedStatement& traced) {
    auto* const statement = prepared(traced.sql);
    for (std::size_t i = 0; i < traced.values.size(); ++i) bind(statement, static_cast<int>(i) + 1, traced.values[i]);
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement))
      for (int column = 0; column < sqlite3_column_count(statement); ++column) take(statement, column);
    if (code != SQLITE_DONE) check(code);
    sqlite3_reset(statement);
  }

 private:
  // As a program would that makes something of it: numbers as such, texts copied.
  void take(sqlite3_stmt* statement, int column) {
    if (sqlite3_column_type(statement, column) == SQLITE_INTEGER) {
      sum_ += sqlite3_column_int64(statement, column);
    } else if (const auto* text = sqlite3_column_text(statement, column)) {
      text_.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
    }
  }

  void check(int code) {
    if (code != SQLITE_OK) throw Problem(500, "replay_failed", fmt::format("A traced statement cannot be replayed: {}.", sqlite3_errmsg(connection_)));
  }

  sqlite3_stmt* prepared(std::size_t sql) {
    auto& statement = prepared_[sql];
    if (!statement) check(sqlite3_prepare_v3(connection_, texts_[sql].c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    return statement;
  }

  void bind(sqlite3_stmt* statement, int index, const TracedValue& value) {
    const auto size = static_cast<int>(value.text.size());
    switch (value.kind) {
      case 'i': check(sqlite3_bind_int64(statement, index, value.integer)); break;
      case 'd': check(sqlite3_bind_double(statement, index, value.real)); break;
      case 't': check(sqlite3_bind_text(statement, index, value.text.data(), size, SQLITE_STATIC)); break;
      case 'b': check(sqlite3_bind_blob(statement, index, value.text.data(), size, SQLITE_STATIC)); break;
      default: check(sqlite3_bind_null(statement, index)); break;
    }
  }

  sqlite3* connection_ = nullptr;
  const std::vector<std::string>& texts_;
  std::vector<sqlite3_stmt*> prepared_;
  std::int64_t sum_ = 0;
  std::string text_;
};

double seconds_since(steady_clock::time_point start) { return std::chrono::duration<double>(steady_clock::now() - start).count(); }

double thread_cpu_s() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

}  // namespace

Replayed replay_on_sqlite(const Trace& trace, const std::filesystem::path& folder, std::size_t commits) {
  struct File {
    std::unique_ptr<Database> database;
    std::vector<const TracedTransaction*> transactions{};
    std::size_t done = 0;
  };
  std::map<std::string, File> files;
  for (const auto& transaction : trace.transactions)
    if (transaction.is_write()) files[transaction.where].transactions.push_back(&transaction);
  for (auto& [name, file] : files) file.database = std::make_unique<Database>(trace, folder / name, true);

  Replayed replayed;
  std::exception_ptr failure;
  // A thread of its own, so that this one stays on the generator's processor.
  std::thread([&] {
    try {
      load::pin_to({server_processor});
      const auto start = steady_clock::now();
      for (std::size_t commit = 1; commit <= commits; ++commit)
        for (auto& [name, file] : files) {
          const auto until = file.transactions.size() * commit / commits;
          if (file.done == until) continue;
          file.database->execute("BEGIN IMMEDIATE");
          for (; file.done < until; ++file.done)
            for (const auto& statement : file.transactions[file.done]->statements)
              if (statement.is_write) file.database->run(statement);
          file.database->execute("COMMIT");
        }
      replayed = {seconds_since(start), thread_cpu_s()};
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return replayed;
}

Replayed read_on_sqlite(const Trace& trace, const std::filesystem::path& folder, std::size_t threads) {
  Replayed replayed;
  std::exception_ptr failure;
  std::mutex mutex;
  std::vector<std::thread> all;
  const auto start = steady_clock::now();
  for (std::size_t thread = 0; thread < threads; ++thread)
    all.emplace_back([&, thread] {
      try {
        load::pin_to({server_processor});
        std::map<std::string, std::unique_ptr<Database>> databases;
        for (std::size_t i = thread; i < trace.transactions.size(); i += threads) {
          const auto& transaction = trace.transactions[i];
          auto& database = databases[transaction.where];
          if (!database) database = std::make_unique<Database>(trace, folder / transaction.where, false);
          database->execute("BEGIN");
          for (const auto& statement : transaction.statements) database->run(statement);
          database->execute("COMMIT");
        }
        const std::lock_guard lock(mutex);
        replayed.cpu_s += thread_cpu_s();
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
      }
    });
  for (auto& thread : all) thread.join();
  if (failure) std::rethrow_exception(failure);
  replayed.seconds = seconds_since(start);
  return replayed;
}

}  // namespace polyshop::bench
