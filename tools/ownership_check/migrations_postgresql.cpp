#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "ownership_check/advice.hpp"
#include "ownership_check/postgresql_layers.hpp"

namespace polyshop::ownership {
namespace {

constexpr std::string_view plain_only = "a migration makes tables and indexes, changes its own and fills them";

bool is_plain(std::string_view tag) {
  static const std::set<std::string, std::less<>> plain = {"CREATE TABLE", "ALTER TABLE", "DROP TABLE", "CREATE INDEX", "CREATE UNIQUE", "DROP INDEX", "INSERT INTO", "UPDATE", "DELETE FROM"};
  return std::ranges::any_of(plain, [&](std::string_view start) { return tag.starts_with(start); });
}

// The first two words of a statement, in capitals.
std::string kind_of(std::string_view sql) {
  std::istringstream words{std::string(sql)};
  std::string first, second;
  words >> first >> second;
  auto kind = lower_case(first + " " + second);
  std::ranges::transform(kind, kind.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return kind;
}

class Judgement {
 public:
  Judgement(const Tree& tree, const Module& module, const SqliteSchemas& known, std::vector<Finding>& findings) : tree_(tree), module_(module), known_(known), findings_(findings) {}

  void add(std::string code, const std::string& place, int line, std::string what, std::string subject, std::string owner = {}, std::string made_by = {}, std::string advice = {}) {
    findings_.push_back({std::move(code), Layer::migrations, "postgresql", module_.name, place, line, std::move(what), std::move(subject), std::move(owner), std::move(made_by), std::move(advice)});
  }

  void judge(const PostgresqlSchemas::Ran& ran) {
    const auto& place = ran.migration.place;
    const auto kind = kind_of(ran.statement.text);
    if (!is_plain(kind)) return add("OWN-MIG-3", place, ran.statement.line, fmt::format("{} has a migration with {}", module_.name, kind), kind, "", "", std::string(plain_only));
    if (kind.starts_with("CREATE TABLE") && ran.answer.error.empty() && !ran.answer.tag.starts_with("CREATE TABLE"))
      return add("OWN-MIG-3", place, ran.statement.line, fmt::format("{} makes a table from a query", module_.name), kind, "", "", "write down the columns, then INSERT");
    if (ran.answer.error.empty()) return;
    // A right that is missing or a table that is not in sight: somebody else's, where one of that name is known.
    for (const auto& [owner, tables] : foreign_tables())
      for (const auto& table : tables)
        if (const auto line = line_of_word(ran.statement.text, table); line > 0 && (ran.answer.state == "42501" || ran.answer.state == "42P01" || ran.answer.state == "3F000")) {
          const bool is_reference = lower_case(ran.statement.text).find("references " + table) != std::string::npos || lower_case(ran.statement.text).find("references " + owner + "." + table) != std::string::npos;
          return add(is_reference ? "OWN-MIG-2" : "OWN-MIG-1", place, ran.statement.line + line - 1, fmt::format("{} {} {}", module_.name, is_reference ? "references" : "touches", table), table, owner,
                     known_.origins_of(table).front().made_by(), is_reference ? "keep the id without a foreign key: modules may lie in different databases" : "only its owner's migrations touch a table; " + advice_for(tree_, module_.name, owner, false));
        }
    add("OWN-MIG-9", place, ran.statement.line, fmt::format("{} has a migration that fails: {}", module_.name, ran.answer.error), ran.answer.error, "", "", "a migration runs after those of lower number, as the role that owns the module's schema");
  }

  // What lies in the module's schema afterwards, and what it depends on.
  void judge_schema(Postgresql& server, const std::string& place) {
    const auto schema = quoted_text(module_.name);
    for (const auto& row : server.rows("SELECT c.relname, c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = " + schema +
                                       " AND c.relkind NOT IN ('r', 'i', 't') AND NOT (c.relkind = 'S' AND EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'i'))"))
      add("OWN-MIG-3", place, 0, fmt::format("{} has {} in its schema, which is no table, index or identity", module_.name, row[0]), row[0], "", "", std::string(plain_only));
    for (const auto& row : server.rows("SELECT t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND n.nspname = " + schema +
                                       " UNION ALL SELECT r.rulename FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = " + schema +
                                       " UNION ALL SELECT p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = " + schema))
      add("OWN-MIG-3", place, 0, fmt::format("{} has the trigger, rule or function {}", module_.name, row[0]), row[0], "", "", std::string(plain_only));
    for (const auto& row : server.rows("SELECT c.relname, p.relname, pn.nspname FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace "
                                       "JOIN pg_class AS p ON p.oid = k.confrelid JOIN pg_namespace AS pn ON pn.oid = p.relnamespace WHERE k.contype = 'f' AND n.nspname = " + schema + " AND pn.nspname <> n.nspname"))
      add("OWN-MIG-2", place, 0, fmt::format("{} references {} by a foreign key of {}", module_.name, row[1], row[0]), row[1], row[2], "", "keep the id without a foreign key: modules may lie in different databases");
    judge_expressions(server, place, schema);
  }

 private:
  // Defaults, checks and the expressions of indexes call functions, and may look names up.
  void judge_expressions(Postgresql& server, const std::string& place, const std::string& schema) {
    std::map<std::string, std::string> functions;
    for (const auto& row : server.rows("SELECT oid, proname FROM pg_proc")) functions[row[0]] = row[1];
    const std::string in_schema = " JOIN pg_class AS c ON c.oid = x.{} JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = " + schema;
    for (const auto& [source, relation] : std::vector<std::pair<std::string, std::string>>{{"x.adbin FROM pg_attrdef AS x", "adrelid"}, {"x.conbin FROM pg_constraint AS x", "conrelid"}, {"concat(x.indexprs, x.indpred) FROM pg_index AS x", "indrelid"}})
      for (const auto& row : server.rows("SELECT c.relname, " + source + fmt::format(fmt::runtime(in_schema), relation)))
        for (const auto oid : contents_of(row[1]).functions)
          if (const auto& name = functions[std::to_string(oid)]; !is_harmless_postgresql_function(name))
            add("OWN-MIG-6", place, 0, fmt::format("{} calls the SQL function {} in its table {}", module_.name, name, row[0]), name, "", "", "compute it in C++, or name it among the harmless functions if it computes from its arguments alone");
  }

  std::map<std::string, std::vector<std::string>> foreign_tables() const {
    std::map<std::string, std::vector<std::string>> tables;
    for (const auto& [name, _] : tree_.modules)
      if (name != module_.name) tables[name] = known_.tables_of(name);
    return tables;
  }

  const Tree& tree_;
  const Module& module_;
  const SqliteSchemas& known_;
  std::vector<Finding>& findings_;
};

}  // namespace

void check_migrations_on_postgresql(const Tree& tree, const Module& module, const SqliteSchemas& known, PostgresqlSchemas& schemas, ModuleReport& report) {
  Judgement judgement(tree, module, known, report.findings);
  const auto own = known.of(module.name);
  report.counts.migrations_on_postgresql += std::ranges::count_if(own, [](const auto& m) { return m.dialect != db::Dialect::sqlite; });
  for (const auto& ran : schemas.migrate(module.name, known.migrations())) judgement.judge(ran);
  auto server = schemas.as_administrator();
  judgement.judge_schema(server, "schemas/" + module.name);
}

}  // namespace polyshop::ownership
