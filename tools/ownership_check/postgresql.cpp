#include "ownership_check/postgresql.hpp"

#include <charconv>

#include <fmt/format.h>

#include "kernel/db/sql.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::ownership {
namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::string field_of(const PGresult* result, int field) {
  const auto* text = PQresultErrorField(result, field);
  return text ? text : "";
}

Postgresql::Answer answer_of(PGconn* connection, PGresult* raw) {
  const Result result(raw, &PQclear);
  Postgresql::Answer answer;
  const auto status = PQresultStatus(raw);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
    answer.error = field_of(raw, PG_DIAG_MESSAGE_PRIMARY);
    if (answer.error.empty()) answer.error = PQerrorMessage(connection);
    answer.state = field_of(raw, PG_DIAG_SQLSTATE);
    const auto position = field_of(raw, PG_DIAG_STATEMENT_POSITION);
    std::from_chars(position.data(), position.data() + position.size(), answer.position);
    return answer;
  }
  answer.tag = PQcmdStatus(raw);
  for (int row = 0; row < PQntuples(raw); ++row) {
    auto& values = answer.rows.emplace_back();
    for (int column = 0; column < PQnfields(raw); ++column) values.emplace_back(PQgetvalue(raw, row, column));
  }
  return answer;
}

// The numbers that follow a word everywhere in a text.
void numbers_after(std::string_view text, std::string_view word, std::vector<unsigned>& numbers) {
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    unsigned number = 0;
    const auto* start = text.data() + at + word.size();
    if (std::from_chars(start, text.data() + text.size(), number).ec == std::errc() && number != 0) numbers.push_back(number);
  }
}

}  // namespace

Postgresql::Postgresql(const std::string& connection_string) : connection_(PQconnectdb(connection_string.c_str()), &PQfinish) {
  if (PQstatus(connection_.get()) != CONNECTION_OK) throw Problem::unavailable("no_postgresql", fmt::format("PostgreSQL cannot be connected to: {}", PQerrorMessage(connection_.get())));
  PQsetNoticeReceiver(
      connection_.get(), [](void* log, const PGresult* notice) { static_cast<std::string*>(log)->append(field_of(notice, PG_DIAG_MESSAGE_DETAIL)); }, &log_);
}

Postgresql::Answer Postgresql::run(const std::string& sql) { return answer_of(connection_.get(), PQexec(connection_.get(), sql.c_str())); }

std::vector<std::vector<std::string>> Postgresql::rows(const std::string& sql) {
  auto answer = run(sql);
  if (!answer.error.empty()) throw Problem::unavailable("no_postgresql", fmt::format("PostgreSQL refuses what the checker asks: {} in: {}", answer.error, sql));
  return std::move(answer.rows);
}

Postgresql::Prepared Postgresql::prepare(const std::string& sql) {
  Prepared prepared;
  PQclear(PQexec(connection_.get(), "DEALLOCATE ALL"));
  // The server's analysis comes as a message of its log, which a session may ask for.
  PQclear(PQexec(connection_.get(), "SET client_min_messages TO log; SET debug_print_parse TO on; SET debug_pretty_print TO off"));
  log_.clear();
  prepared.answer = answer_of(connection_.get(), PQprepare(connection_.get(), "checked", sql.c_str(), 0, nullptr));
  prepared.tree = std::move(log_);
  PQclear(PQexec(connection_.get(), "SET debug_print_parse TO off; SET client_min_messages TO warning"));
  if (!prepared.answer.error.empty()) return prepared;
  const Result described(PQdescribePrepared(connection_.get(), "checked"), &PQclear);
  prepared.parameters = PQnparams(described.get());
  return prepared;
}

Postgresql::Answer Postgresql::explain(int parameters) {
  std::string nulls;
  for (int i = 0; i < parameters; ++i) nulls += i == 0 ? " (NULL" : ", NULL";
  if (parameters > 0) nulls += ")";
  PQclear(PQexec(connection_.get(), "SET plan_cache_mode TO force_generic_plan"));
  return run("EXPLAIN EXECUTE checked" + nulls);
}

std::string quoted_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string quoted_text(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + '\'';
}

std::string with_numbered_parameters(std::string_view sql) {
  const auto names = db::detail::parameters_of(sql);
  std::string numbered;
  std::size_t copied = 0;
  db::detail::walk(sql, [&](std::string_view token, int) {
    if (token.size() < 2 || token[0] != ':' || token[1] == ':') return;
    const auto at = static_cast<std::size_t>(token.data() - sql.data());
    numbered += sql.substr(copied, at - copied);
    numbered += fmt::format("${}", names.index_of(token.substr(1)) + 1);
    copied = at + token.size();
  });
  return numbered += sql.substr(copied);
}

TreeContents contents_of(std::string_view tree) {
  TreeContents contents;
  // A range table entry of kind 0 is a table.
  constexpr std::string_view entry = ":rtekind 0 :relid ";
  constexpr std::string_view rights = ":requiredPerms ";
  for (auto at = tree.find(entry); at != tree.npos; at = tree.find(entry, at + 1)) {
    auto& table = contents.tables.emplace_back();
    std::from_chars(tree.data() + at + entry.size(), tree.data() + tree.size(), table.oid);
    if (const auto needs = tree.find(rights, at); needs != tree.npos) std::from_chars(tree.data() + needs + rights.size(), tree.data() + tree.size(), table.rights);
  }
  for (const std::string_view function : {":funcid ", ":aggfnoid ", ":winfnoid "}) numbers_after(tree, function, contents.functions);
  for (const std::string_view type : {":consttype ", ":resulttype ", ":funcresulttype ", ":paramtype "}) numbers_after(tree, type, contents.types);
  contents.is_utility = tree.find(":commandType 6 ") != tree.npos;
  contents.asks_session = tree.find("{SQLVALUEFUNCTION ") != tree.npos;
  return contents;
}

}  // namespace polyshop::ownership
