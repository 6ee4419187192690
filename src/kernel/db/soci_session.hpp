#pragma once

#include <unordered_map>

#include <soci/soci.h>

#include "kernel/db/session.hpp"

// What both engines share: prepared statements on a SOCI session. Only for the sources of kernel/db.
namespace polyshop::db {

[[noreturn]] void rethrow_soci_error(soci::session& session, Engine engine);

template <class F>
auto guarded(soci::session& session, Engine engine, F&& run) {
  try {
    return run();
  } catch (const soci::soci_error&) {
    rethrow_soci_error(session, engine);
  }
}

class SociPrepared final : public Prepared {
 public:
  SociPrepared(soci::session& session, Engine engine, const std::string& text, std::span<const std::string_view> names, std::span<const Kind> parameter_kinds, std::span<const Kind> column_kinds);
  bool execute() override;
  bool fetch() override;
  std::int64_t affected() override { return affected_; }

 private:
  void after_row();
  soci::session& session_;
  const Engine engine_;
  std::vector<soci::indicator> parameter_indicators_;
  std::vector<soci::indicator> column_indicators_;
  soci::statement statement_;
  std::int64_t affected_ = 0;
};

class SociSession : public ControlledSession {
 public:
  explicit SociSession(Engine engine) : engine_(engine) {}
  Prepared& prepare(const Statement& statement, std::span<const std::string_view> parameter_names, std::span<const Kind> parameters, std::span<const Kind> columns) override;
  Engine engine() const override { return engine_; }

 protected:
  const Engine engine_;
  soci::session session_;
  std::unordered_map<const Statement*, std::unique_ptr<SociPrepared>> prepared_;
};

std::unique_ptr<ControlledSession> open_sqlite(const SessionOptions& options);
std::unique_ptr<ControlledSession> open_postgresql(const SessionOptions& options);

}  // namespace polyshop::db
