#include <fmt/format.h>
#include <soci/postgresql/soci-postgresql.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/soci_session.hpp"

namespace polyshop::db {
namespace {

class PostgresqlSession final : public SociSession {
 public:
  explicit PostgresqlSession(const SessionOptions& options) : SociSession(Engine::postgresql) {
    guarded(session_, engine_, [&] { session_.open(soci::postgresql, with_password(options.target, options.password_file)); });
    connection_ = static_cast<soci::postgresql_session_backend*>(session_.get_backend())->conn_;
    PQsetNoticeProcessor(connection_, [](void*, const char*) {}, nullptr);
    // Durability is not a matter of the server's defaults; the timeouts bound what a lost or slow peer can hold up.
    script(fmt::format(
        "SET search_path TO \"{}\"; SET synchronous_commit TO on; SET statement_timeout TO '15s'; SET lock_timeout TO '5s'; "
        "SET idle_in_transaction_session_timeout TO '15s'; SET client_min_messages TO warning; SET default_transaction_isolation TO 'read committed'; SET TIME ZONE 'UTC'",
        options.schema));
  }

  ~PostgresqlSession() override { prepared_.clear(); }

  void begin(bool write) override { script(write ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); }
  void commit() override { script("COMMIT"); }
  void rollback() noexcept override {
    if (in_transaction()) PQclear(PQexec(connection_, "ROLLBACK"));
  }
  void savepoint() override { script("SAVEPOINT job"); }
  void release() override { script("RELEASE SAVEPOINT job"); }
  void rollback_to() override { script("ROLLBACK TO SAVEPOINT job"); }
  bool in_transaction() override { return PQtransactionStatus(connection_) != PQTRANS_IDLE; }
  bool alive() override { return PQstatus(connection_) == CONNECTION_OK; }
  std::int64_t changed_rows() override { return 0; }

  void script(const std::string& sql) override {
    guarded(session_, engine_, [&] {
      std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection_, sql.c_str()), &PQclear);
      const auto status = PQresultStatus(result.get());
      if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return;
      const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
      throw soci::postgresql_soci_error(PQerrorMessage(connection_), state ? state : "08006");
    });
    // COMMIT of a transaction that has failed answers "ROLLBACK" without an error; the lanes never commit one.
  }

 private:
  PGconn* connection_ = nullptr;
};

}  // namespace

std::unique_ptr<ControlledSession> open_postgresql(const SessionOptions& options) { return std::make_unique<PostgresqlSession>(options); }

}  // namespace polyshop::db
