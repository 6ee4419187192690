#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "kernel/db/tx.hpp"

namespace polyshop::db {

// What went wrong below a statement, sorted by what there is to do about it. Its text may hold bound values: it is for the
// log, redacted, and never for a client.
class SessionError : public std::runtime_error {
 public:
  enum class Kind {
    other,      // a bug: bad SQL, a violated constraint
    conflict,   // PostgreSQL 40001 or 40P01: run the whole transaction again
    busy,       // somebody else holds the file
    full,       // no space left
    lost,       // the connection is gone, or could not be made
    read_only,  // the file or folder cannot be written
    fsync,      // the disk did not confirm: nothing that follows could be trusted
    timeout,    // PostgreSQL ended a statement that took too long
    denied,     // PostgreSQL: the role lacks a right
  };
  SessionError(Kind kind, const std::string& text) : std::runtime_error(text), kind(kind) {}
  const Kind kind;
};

// What a client is told of a SessionError.
Problem problem_of(const SessionError& error);

// A session with its transaction control. Everything throws SessionError.
class ControlledSession : public Session {
 public:
  virtual void begin(bool write) = 0;
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;
  virtual void savepoint() = 0;
  virtual void release() = 0;
  virtual void rollback_to() = 0;
  virtual bool in_transaction() = 0;
  virtual bool alive() = 0;
  virtual std::int64_t changed_rows() = 0;  // since it was opened; SQLite's alone can tell
  virtual void script(const std::string& sql) = 0;  // several statements, for migrations and settings
};

struct SessionOptions {
  Engine engine = Engine::sqlite;
  std::string target;    // a file, or a PostgreSQL connection string or URL
  std::string schema;    // PostgreSQL: the search_path
  bool read_only = false;
  std::string password_file{};  // PostgreSQL: read where the target has no password; {role} stands for the role's name
};
std::unique_ptr<ControlledSession> open_session(const SessionOptions& options);

}  // namespace polyshop::db
