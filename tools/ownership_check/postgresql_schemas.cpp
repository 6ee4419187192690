#include "ownership_check/postgresql_schemas.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kernel/db/provision.hpp"
#include "kernel/runtime/clock.hpp"
#include "kernel/types/id.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::ownership {
namespace {

std::string unique_name() {
  const auto text = make_id_text(SystemClock().now());
  return "polyshop_ownership_" + std::string(text.begin(), text.end());
}

// Past a string, a quoted name, a comment or a dollar-quoted text that starts at `at`; else past one character.
std::size_t past_token(std::string_view text, std::size_t at) {
  const char c = text[at];
  const auto past = [&](std::string_view end, std::size_t from) {
    const auto found = text.find(end, from);
    return found == text.npos ? text.size() : found + end.size();
  };
  if (c == '\'' || c == '"') return past(std::string_view(&c, 1), at + 1);
  if (text.substr(at).starts_with("--")) return std::min(text.find('\n', at), text.size());
  if (text.substr(at).starts_with("/*")) return past("*/", at + 2);
  if (c == '$') {
    const auto end = text.find('$', at + 1);
    const auto tag = text.substr(at, end == text.npos ? 0 : end - at + 1);
    const bool is_tag = !tag.empty() && std::ranges::all_of(tag.substr(1, tag.size() - 2), [](char t) { return (t >= 'a' && t <= 'z') || (t >= 'A' && t <= 'Z') || t == '_'; });
    if (is_tag) return past(tag, end + 1);
  }
  return at + 1;
}

}  // namespace

std::vector<MigrationStatement> statements_of_script(std::string_view text) {
  std::vector<MigrationStatement> statements;
  std::size_t start = 0;
  const auto finish = [&](std::size_t end) {
    // Blanks and comments before a statement are no part of it.
    while (start < end) {
      if (text[start] == ' ' || text[start] == '\n' || text[start] == '\t' || text[start] == '\r') ++start;
      else if (text.substr(start).starts_with("--") || text.substr(start).starts_with("/*")) start = std::min(past_token(text, start), end);
      else break;
    }
    if (start < end) statements.push_back({std::string(text.substr(start, end - start)), 1 + static_cast<int>(std::ranges::count(text.substr(0, start), '\n'))});
    start = end + 1;
  };
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ';') finish(at++);
    else at = past_token(text, at);
  }
  finish(text.size());
  return statements;
}

PostgresqlSchemas::PostgresqlSchemas(const Tree& tree, std::string administrator) : administrator_(std::move(administrator)), name_(unique_name()), database_(name_) {
  for (const auto& [name, _] : tree.modules) modules_.insert(name);
  modules_.insert("bus");  // whose tables are in every schema, and here also alone
  // As `polyshop provision` does it for a shop.
  std::vector<db::Place> places;
  for (const auto& module : modules_) places.push_back({module, db::target_of(connection(name_, role(module))), db::target_of(connection(name_, role(module) + "_owner"))});
  db::run_provision(db::provision_steps(places, {}, false), administrator_);
}

PostgresqlSchemas::~PostgresqlSchemas() {
  try {
    Postgresql server(administrator_);
    for (const auto& database : {name_ + "_copy", name_}) server.run(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted_name(database)));
    for (const auto& module : modules_) server.run(fmt::format("DROP ROLE IF EXISTS {}, {}", quoted_name(role(module)), quoted_name(role(module) + "_owner")));
  } catch (const Problem& problem) {
    fmt::print(stderr, "ownership: the database {} and its roles are left behind: {}\n", name_, problem.detail);
  }
}

std::vector<PostgresqlSchemas::Ran> PostgresqlSchemas::migrate(const std::string& module, const std::vector<Migration>& migrations) {
  std::vector<Ran> all;
  auto owner = as_owner(module);
  for (const std::string& of : {std::string("bus"), module})
    for (const auto& migration : migrations) {
      if (migration.owner != of || migration.dialect == db::Dialect::sqlite || !applied_.insert(module + "/" + migration.place).second) continue;
      for (auto& statement : statements_of_script(migration.text)) {
        auto answer = owner.run(statement.text);
        if (of == module) all.push_back({migration, std::move(statement), std::move(answer)});
      }
    }
  return all;
}

std::string PostgresqlSchemas::connection(const std::string& database, const std::string& role) const {
  const auto there = db::with_setting(administrator_, "dbname", database);
  return role.empty() ? there : db::with_setting(there, "user", role);
}
Postgresql PostgresqlSchemas::as_administrator() const { return Postgresql(connection(database_, "")); }
Postgresql PostgresqlSchemas::as_owner(const std::string& module) const {
  Postgresql owner(connection(database_, role(module) + "_owner"));
  owner.rows(fmt::format("SET search_path TO {}; SET client_min_messages TO warning", quoted_name(module)));
  return owner;
}
Postgresql PostgresqlSchemas::as_module(const std::string& module) const {
  Postgresql runs(connection(database_, role(module)));
  runs.rows(fmt::format("SET search_path TO {}; SET client_min_messages TO warning", quoted_name(module)));
  return runs;
}

void PostgresqlSchemas::into_copy() {
  applied_before_copy_ = applied_;
  database_ = name_ + "_copy";
  Postgresql(administrator_).rows(fmt::format("CREATE DATABASE {} TEMPLATE {}", quoted_name(database_), quoted_name(name_)));
}
void PostgresqlSchemas::back() {
  Postgresql(administrator_).rows(fmt::format("DROP DATABASE {} WITH (FORCE)", quoted_name(database_)));
  database_ = name_;
  applied_ = applied_before_copy_;
}

}  // namespace polyshop::ownership
