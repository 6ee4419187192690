#include "ownership_corpus/run_time.hpp"

#include "kernel/db/database.hpp"

namespace polyshop::ownership {
namespace {

bool is_stopped(db::ControlledSession& session, const std::string& sql) {
  const bool is_tied = session.engine() == Engine::postgresql || !lower_case(sql).starts_with("attach");  // which no transaction may hold
  try {
    if (is_tied) session.begin(true);
    session.script(sql);
    session.rollback();
    return false;
  } catch (const db::SessionError&) {
    session.rollback();
    return true;
  }
}

// Its parameters as nothing, so that it is run without any.
std::string without_parameters(std::string_view sql) {
  std::string text;
  std::size_t copied = 0;
  db::detail::walk(sql, [&](std::string_view token, int) {
    if (token.size() < 2 || token[0] != ':' || token[1] == ':') return;
    const auto at = static_cast<std::size_t>(token.data() - sql.data());
    text += std::string(sql.substr(copied, at - copied)) + "NULL";
    copied = at + token.size();
  });
  return text += sql.substr(copied);
}

}  // namespace

bool is_stopped_on_sqlite(const std::string& module, const CompiledStatement& statement, const std::filesystem::path& folder) {
  SystemClock clock;
  Metrics metrics;
  std::filesystem::create_directories(folder);
  DatabaseOptions options;
  options.folder = folder;
  Database database(module, options, clock, metrics);
  database.migrate();
  return is_stopped(*db::open_session(database.session_options(false)), without_parameters(statement.text));
}

bool is_stopped_on_postgresql(const std::string& module, const CompiledStatement& statement, const PostgresqlSchemas& schemas) {
  return is_stopped(*db::open_session({Engine::postgresql, schemas.connection_of(module), module, false}), without_parameters(statement.text));
}

}  // namespace polyshop::ownership
