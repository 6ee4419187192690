#include <algorithm>

#include <fmt/format.h>

#include "ownership_check/advice.hpp"
#include "ownership_check/postgresql_layers.hpp"

namespace polyshop::ownership {
namespace {

struct Relation {
  std::string schema;
  std::string name;
};

// Names of what the server numbers.
class Catalogue {
 public:
  explicit Catalogue(Postgresql& server) {
    for (const auto& row : server.rows("SELECT c.oid, n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace")) relations_[row[0]] = {row[1], row[2]};
    for (const auto& row : server.rows("SELECT p.oid, n.nspname, p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace")) functions_[row[0]] = {row[1], row[2]};
    // Constants of these types are names that are looked up, of tables, schemas, functions and roles.
    for (const auto& row : server.rows("SELECT oid, typname FROM pg_type WHERE typname IN ('regclass', 'regproc', 'regprocedure', 'regoper', 'regoperator', 'regtype', 'regrole', 'regnamespace')")) names_[row[0]] = row[1];
  }
  Relation relation(unsigned oid) const { return at(relations_, oid); }
  Relation function(unsigned oid) const { return at(functions_, oid); }
  std::string name_type(unsigned oid) const {
    const auto found = names_.find(std::to_string(oid));
    return found == names_.end() ? "" : found->second;
  }

 private:
  static Relation at(const std::map<std::string, Relation>& map, unsigned oid) {
    const auto found = map.find(std::to_string(oid));
    return found == map.end() ? Relation{"", fmt::format("number {}", oid)} : found->second;
  }
  std::map<std::string, Relation> relations_;
  std::map<std::string, Relation> functions_;
  std::map<std::string, std::string> names_;
};

class Judgement {
 public:
  Judgement(const Tree& tree, const Module& module, const CompiledStatement& statement, const SqliteSchemas& known, const Catalogue& catalogue, std::vector<Finding>& findings)
      : tree_(tree), module_(module), statement_(statement), known_(known), catalogue_(catalogue), findings_(findings) {}

  bool is_clean() const { return clean_; }
  void add(std::string code, std::string what, std::string subject, std::string owner = {}, std::string made_by = {}, std::string advice = {}) {
    clean_ = false;
    findings_.push_back({std::move(code), Layer::statements, "postgresql", module_.name, statement_.file, statement_.line, std::move(what), std::move(subject), std::move(owner), std::move(made_by), std::move(advice)});
  }

  void judge(const TreeContents& contents) {
    if (contents.is_utility)
      return add("OWN-SQL-6", fmt::format("{} has a statement that is no SELECT, INSERT, UPDATE or DELETE", module_.name), "", "", "", "tables are made by migrations, and transactions by db.read and db.write");
    for (const auto& table : contents.tables) judge_table(catalogue_.relation(table.oid), table.rights);
    for (const auto oid : contents.functions) {
      const auto function = catalogue_.function(oid);
      if (function.schema != "pg_catalog" || !is_harmless_postgresql_function(function.name))
        add("OWN-SQL-5", fmt::format("{} calls the SQL function {}", module_.name, function.name), function.name, "", "", "compute it in C++, or name it among the harmless functions if it computes from its arguments alone");
    }
    for (const auto oid : contents.types)
      if (const auto type = catalogue_.name_type(oid); !type.empty())
        add("OWN-SQL-5", fmt::format("{} looks a name up as {}", module_.name, type), type, "", "", "ask for the module's own tables by name");
    if (contents.asks_session) add("OWN-SQL-5", fmt::format("{} asks for the session's time, role or schema", module_.name), "", "", "", "the time is tx.now(), and a module knows neither role nor schema");
  }

 private:
  void judge_table(const Relation& table, unsigned rights) {
    const auto& origins = known_.origins_of(table.name);
    const bool writes = (rights & ~2u) != 0;
    const auto verb = rights & 1 ? "inserts into" : rights & 4 ? "updates" : rights & 8 ? "deletes from" : "reads";
    const auto what = fmt::format("{} {} {}", module_.name, verb, table.name);
    const bool is_of_a_module = tree_.modules.contains(table.schema);
    // The bus's tables lie in every module's schema.
    const bool is_of_the_bus = is_of_a_module && std::ranges::any_of(origins, [](const auto& o) { return o.owner == "bus" || o.owner == "kernel"; });
    if (!is_of_a_module) return add("OWN-SQL-4", fmt::format("{}, which is PostgreSQL's own", what), table.name, "", "", "ask for the module's own tables by name");
    if (is_of_the_bus) return add("OWN-SQL-3", what, table.name, origins.front().owner, origins.front().made_by(), advice_for(tree_, module_.name, "bus", writes));
    if (table.schema == module_.name) return;
    add(writes ? "OWN-SQL-2" : "OWN-SQL-1", what, table.name, table.schema, origins.empty() ? "" : origins.front().made_by(), advice_for(tree_, module_.name, table.schema, writes));
  }

  const Tree& tree_;
  const Module& module_;
  const CompiledStatement& statement_;
  const SqliteSchemas& known_;
  const Catalogue& catalogue_;
  std::vector<Finding>& findings_;
  bool clean_ = true;
};

}  // namespace

bool is_harmless_postgresql_function(std::string_view name) {
  static const std::set<std::string, std::less<>> harmless = {"count", "sum", "min", "max", "avg", "string_agg", "array_agg", "bool_and", "bool_or", "coalesce", "lower", "upper", "length", "char_length", "substr", "substring", "btrim", "ltrim", "rtrim",
                                                              "replace", "strpos", "position", "left", "right", "concat", "abs", "round", "floor", "ceil", "greatest", "least", "row_number", "rank", "dense_rank", "lag", "lead", "first_value",
                                                              "last_value", "int4", "int8", "numeric", "float8", "text", "bool", "like", "notlike", "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length", "jsonb_build_array",
                                                              "jsonb_build_object", "jsonb_each", "jsonb_each_text", "jsonb_agg", "jsonb_object_agg", "jsonb_typeof", "json_array_elements", "json_array_elements_text", "ts_rank", "ts_rank_cd", "unnest"};
  return harmless.contains(name);
}

void check_statements_on_postgresql(const Tree& tree, const Module& module, const std::set<CompiledStatement>& statements, const SqliteSchemas& known, PostgresqlSchemas& schemas, ModuleReport& report) {
  auto everything = schemas.as_administrator();
  std::string path = quoted_name(module.name);
  for (const auto& other : schemas.modules())
    if (other != module.name && other != "bus") path += ", " + quoted_name(other);
  everything.rows("SET search_path TO " + path);
  auto own = schemas.as_module(module.name);
  const Catalogue catalogue(everything);
  for (const auto& statement : statements) {
    if (statement.dialect == db::Dialect::sqlite) continue;
    report.counts.statements_on_postgresql += 1;
    Judgement judgement(tree, module, statement, known, catalogue, report.findings);
    const auto sql = with_numbered_parameters(statement.text);
    const auto told = everything.prepare(sql);
    if (told.answer.error.empty() && told.tree.empty()) judgement.add("OWN-SQL-9", fmt::format("{} has a statement of which PostgreSQL shows no analysis", module.name), "", "", "", "let the checker connect as a role that may set debug_print_parse");
    judgement.judge(contents_of(told.tree));
    const auto proven = own.prepare(sql);
    const auto planned = proven.answer.error.empty() && !contents_of(told.tree).is_utility ? own.explain(proven.parameters) : proven.answer;
    if (!told.answer.error.empty() && judgement.is_clean())
      judgement.add(told.answer.error.find("multiple commands") != std::string::npos ? "OWN-SQL-8" : "OWN-SQL-9", fmt::format("{} has a statement that cannot be prepared: {}", module.name, told.answer.error), told.answer.error, "", "",
                    "name columns and tables as the migrations in schemas/" + module.name + " do");
    if (!planned.error.empty() && judgement.is_clean())
      judgement.add("OWN-SQL-7", fmt::format("{} has a statement that its own role may not run: {}", module.name, planned.error), planned.error, "", "", "a module's role reaches the tables of schemas/" + module.name);
  }
}

}  // namespace polyshop::ownership
