#include <algorithm>

#include <fmt/format.h>

#include "ownership_check/advice.hpp"
#include "ownership_check/sqlite_layers.hpp"

namespace polyshop::ownership {
namespace {

// Tables that compute their rows from their arguments.
bool is_harmless_table(std::string_view name) { return name == "json_each" || name == "json_tree"; }

// Whether there is such a table in a database that nobody has put anything into.
bool is_of_sqlite(const std::string& table) {
  static SqliteDatabase empty;
  return table.find('"') == table.npos && empty.prepare(fmt::format("SELECT 1 FROM \"{}\"", table)).error.empty();
}

std::string verb_of(int action) {
  switch (action) {
    case SQLITE_INSERT: return "inserts into";
    case SQLITE_UPDATE: return "updates";
    case SQLITE_DELETE: return "deletes from";
    default: return "reads";
  }
}

// What one statement does wrong.
class Judgement {
 public:
  Judgement(const Tree& tree, const Module& module, const CompiledStatement& statement, const SqliteSchemas& schemas, std::vector<Finding>& findings)
      : tree_(tree), module_(module), statement_(statement), schemas_(schemas), findings_(findings) {}

  bool is_clean() const { return clean_; }
  void add(std::string code, std::string what, std::string subject, std::string owner = {}, std::string made_by = {}, std::string advice = {}) {
    clean_ = false;
    findings_.push_back({std::move(code), Layer::statements, "sqlite", module_.name, statement_.file, statement_.line, std::move(what), std::move(subject), std::move(owner), std::move(made_by), std::move(advice)});
  }

  // `is_provable`: whether the statement could be prepared with the module's own tables only.
  void judge(const Access& access, bool is_provable) {
    switch (access.action) {
      case SQLITE_SELECT:
      case SQLITE_RECURSIVE: return;
      case SQLITE_READ:
        // A table of which no column is read; SQLite says the same of a common table expression, which is no table.
        if (access.second.empty() && access.database.empty() && is_provable && !is_of_sqlite(access.first)) return;
        [[fallthrough]];
      case SQLITE_INSERT:
      case SQLITE_UPDATE:
      case SQLITE_DELETE: return judge_table(access);
      case SQLITE_FUNCTION:
        if (!is_harmless_function(access.second))
          add("OWN-SQL-5", fmt::format("{} calls the SQL function {}", module_.name, access.second), access.second, "", "", "compute it in C++, or name it among the harmless functions if it computes from its arguments alone");
        return;
      default: add_other_kind();
    }
  }

  void add_other_kind() {
    add("OWN-SQL-6", fmt::format("{} has a statement that is no SELECT, INSERT, UPDATE or DELETE", module_.name), "", "", "", "tables are made by migrations, and transactions by db.read and db.write");
  }

 private:
  void judge_table(const Access& access) {
    const auto table = lower_case(access.first);
    if (schemas_.owns(module_.name, table) || is_harmless_table(table)) return;
    const auto what = fmt::format("{} {} {}", module_.name, verb_of(access.action), table);
    const auto& origins = schemas_.origins_of(table);
    if (origins.empty()) return add("OWN-SQL-4", what + ", which is SQLite's own", table, "", "", "ask for the module's own tables by name");
    const auto& origin = origins.front();
    const bool writes = access.action != SQLITE_READ;
    const auto* code = !tree_.modules.contains(origin.owner) ? "OWN-SQL-3" : writes ? "OWN-SQL-2" : "OWN-SQL-1";
    add(code, what, table, origin.owner, origin.made_by(), advice_for(tree_, module_.name, origin.owner, writes));
  }

  const Tree& tree_;
  const Module& module_;
  const CompiledStatement& statement_;
  const SqliteSchemas& schemas_;
  std::vector<Finding>& findings_;
  bool clean_ = true;
};

}  // namespace

bool is_harmless_function(std::string_view name) {
  static const std::set<std::string, std::less<>> harmless = {"count", "sum", "total", "min", "max", "avg", "group_concat", "coalesce", "ifnull", "nullif", "iif", "lower", "upper", "length", "substr", "trim", "ltrim", "rtrim", "replace", "instr",
                                                              "abs", "round", "like", "glob", "match", "cast", "hex", "unicode", "char", "row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value",
                                                              "json", "json_array", "json_array_length", "json_each", "json_extract", "json_group_array", "json_group_object", "json_insert", "json_object", "json_patch", "json_quote", "json_remove",
                                                              "json_replace", "json_set", "json_tree", "json_type", "json_valid", "->", "->>", "printf", "format", "bm25"};
  return harmless.contains(lower_case(name));
}

void check_statements_on_sqlite(const Tree& tree, const Module& module, const std::set<CompiledStatement>& statements, SqliteSchemas& schemas, SqliteDatabase& everything, ModuleReport& report) {
  for (const auto& statement : statements) {
    if (statement.dialect == db::Dialect::postgresql) continue;
    report.counts.statements_on_sqlite += 1;
    Judgement judgement(tree, module, statement, schemas, report.findings);
    const auto told = everything.prepare(statement.text);
    const auto proven = schemas.own(module.name).prepare(statement.text);
    for (const auto& access : told.accesses) judgement.judge(access, proven.error.empty());
    // What SQLite asks nobody about, such as VACUUM, touches no rows by itself.
    const bool touches_rows = std::ranges::any_of(told.accesses, [](const Access& a) { return a.action == SQLITE_SELECT || a.action == SQLITE_INSERT || a.action == SQLITE_UPDATE || a.action == SQLITE_DELETE; });
    if (told.error.empty() && !told.is_empty && !touches_rows && judgement.is_clean()) judgement.add_other_kind();
    if (told.is_empty) judgement.add("OWN-SQL-9", fmt::format("{} has a statement with nothing in it", module.name), "", "", "", "remove it");
    if (told.used < statement.text.size() && !everything.prepare(std::string_view(statement.text).substr(told.used)).is_empty)
      judgement.add("OWN-SQL-8", fmt::format("{} has several statements in one literal, of which only the first is run", module.name), "", "", "", "write a literal for each");
    if (!told.error.empty() && judgement.is_clean())
      judgement.add("OWN-SQL-9", fmt::format("{} has a statement that cannot be prepared: {}", module.name, told.error), told.error, "", "", "name columns and tables as the migrations in schemas/" + module.name + " do");
    if (!proven.error.empty() && judgement.is_clean())
      judgement.add("OWN-SQL-7", fmt::format("{} has a statement that needs more than its own tables: {}", module.name, proven.error), proven.error, "", "", "a module's database holds the tables of schemas/" + module.name);
  }
}

}  // namespace polyshop::ownership
