#include "kernel/db/soci_session.hpp"

#include "kernel/db/statement_trace.hpp"

#include <soci/postgresql/soci-postgresql.h>
#include <soci/sqlite3/soci-sqlite3.h>

namespace polyshop::db {

void rethrow_soci_error(soci::session& session, Engine engine) {
  using Kind = SessionError::Kind;
  try {
    throw;
  } catch (const soci::sqlite3_soci_error& error) {
    auto* connection = session.get_backend() ? static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_ : nullptr;
    const int extended = connection ? sqlite_api::sqlite3_extended_errcode(connection) : error.result();
    const int code = error.result() & 0xff;
    auto kind = Kind::other;
    if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC) kind = Kind::fsync;
    else if (code == SQLITE_FULL || (code == SQLITE_IOERR && (extended == SQLITE_IOERR_WRITE || extended == SQLITE_IOERR_SHMSIZE))) kind = Kind::full;
    else if (code == SQLITE_BUSY || code == SQLITE_LOCKED) kind = Kind::busy;
    else if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM) kind = Kind::read_only;
    throw SessionError(kind, error.what());
  } catch (const soci::postgresql_soci_error& error) {
    const auto state = error.sqlstate();
    const bool dead = !session.get_backend() || PQstatus(static_cast<soci::postgresql_session_backend*>(session.get_backend())->conn_) != CONNECTION_OK;
    auto kind = Kind::other;
    if (state == "40001" || state == "40P01") kind = Kind::conflict;
    else if (dead || state.starts_with("08") || state.starts_with("57P")) kind = Kind::lost;
    else if (state == "53100") kind = Kind::full;
    else if (state.starts_with("53")) kind = Kind::lost;
    else if (state == "57014" || state == "55P03") kind = Kind::timeout;
    else if (state == "25006") kind = Kind::read_only;
    else if (state == "42501") kind = Kind::denied;
    throw SessionError(kind, error.what());
  } catch (const soci::soci_error& error) {
    // SOCI throws its base class where a connection cannot be made.
    throw SessionError(engine == Engine::postgresql ? Kind::lost : Kind::other, error.what());
  }
}

SociPrepared::SociPrepared(soci::session& session, Engine engine, const std::string& text, std::span<const std::string_view> names, std::span<const Kind> parameter_kinds, std::span<const Kind> column_kinds)
    : session_(session), engine_(engine), parameter_indicators_(parameter_kinds.size(), soci::i_ok), column_indicators_(column_kinds.size(), soci::i_ok), statement_(session) {
  parameters.resize(parameter_kinds.size());
  columns.resize(column_kinds.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto& slot = parameters[i];
    slot.kind = parameter_kinds[i];
    // SQLite numbers distinct names in their order, which saves a look-up for each; for PostgreSQL SOCI numbers every occurrence.
    const auto name = engine == Engine::postgresql ? std::string(names[i]) : std::string();
    if (slot.kind == Kind::integer) statement_.exchange(soci::use(slot.integer, parameter_indicators_[i], name));
    else if (slot.kind == Kind::real) statement_.exchange(soci::use(slot.real, parameter_indicators_[i], name));
    else statement_.exchange(soci::use(slot.text, parameter_indicators_[i], name));
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    auto& slot = columns[i];
    slot.kind = column_kinds[i];
    if (slot.kind == Kind::integer) statement_.exchange(soci::into(slot.integer, column_indicators_[i]));
    else if (slot.kind == Kind::real) statement_.exchange(soci::into(slot.real, column_indicators_[i]));
    else statement_.exchange(soci::into(slot.text, column_indicators_[i]));
  }
  statement_.alloc();
  statement_.prepare(text);
  statement_.define_and_bind();
}

bool SociPrepared::execute() {
  return guarded(session_, engine_, [&] {
    for (std::size_t i = 0; i < parameters.size(); ++i) parameter_indicators_[i] = parameters[i].is_null ? soci::i_null : soci::i_ok;
    const bool has_row = statement_.execute(true);
    affected_ = columns.empty() ? statement_.get_affected_rows() : 0;
    if (has_row && !columns.empty()) after_row();
    return has_row && !columns.empty();
  });
}

bool SociPrepared::fetch() {
  return guarded(session_, engine_, [&] {
    if (!statement_.fetch()) return false;
    after_row();
    return true;
  });
}

void SociPrepared::after_row() {
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].is_null = column_indicators_[i] == soci::i_null;
}

Prepared& SociSession::prepare(const Statement& statement, std::span<const std::string_view> parameter_names, std::span<const Kind> parameters, std::span<const Kind> columns) {
  auto& entry = prepared_[&statement];
  if (!entry) {
    entry = guarded(session_, engine_, [&] {
      return std::make_unique<SociPrepared>(session_, engine_, std::string(statement.text), parameter_names, parameters, columns);
    });
    trace_statement(statement);
  }
  return *entry;
}

Problem problem_of(const SessionError& error) {
  using Kind = SessionError::Kind;
  switch (error.kind) {
    case Kind::full: {
      Problem problem(507, "storage_full", "The shop's storage is full; nothing was changed. Try again when there is space.");
      problem.retry_after_s = 30;
      return problem;
    }
    case Kind::busy:
    case Kind::conflict: return Problem::unavailable("database_busy", "The database is busy; nothing was changed. Try again.");
    case Kind::lost: return Problem::unavailable("database_unavailable", "The database cannot be reached at the moment. Try again.", 2);
    case Kind::timeout: return Problem::unavailable("database_slow", "The database took too long; nothing was changed. Try again.", 2);
    case Kind::read_only: return Problem::unavailable("database_read_only", "The database cannot be written at the moment.", 30);
    case Kind::fsync:
    case Kind::denied:
    case Kind::other: break;
  }
  return Problem::internal();
}

std::unique_ptr<ControlledSession> open_session(const SessionOptions& options) {
  return options.engine == Engine::sqlite ? open_sqlite(options) : open_postgresql(options);
}

}  // namespace polyshop::db
