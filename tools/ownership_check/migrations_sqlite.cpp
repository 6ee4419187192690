#include <algorithm>

#include <fmt/format.h>

#include "ownership_check/advice.hpp"
#include "ownership_check/sqlite_layers.hpp"

namespace polyshop::ownership {
namespace {

constexpr std::string_view plain_only = "a migration makes tables and indexes, changes its own and fills them";

bool is_catalogue(std::string_view table) { return table.starts_with("sqlite_"); }

// What SQLite calls by itself while it alters a table: functions that nobody else can call, and a look at the rows that are there.
bool is_part_of_altering(const Access& access) {
  const auto& name = access.action == SQLITE_FUNCTION ? access.second : access.first;
  return name.starts_with("sqlite_rename_") || name == "sqlite_drop_column" || name == "quick_check" || name == "pragma_quick_check";
}
bool alters(const SqliteDatabase::Prepared& ran) {
  return std::ranges::any_of(ran.accesses, [](const Access& a) { return a.action == SQLITE_ALTER_TABLE; });
}

bool changes_schema(const SqliteDatabase::Prepared& ran) {
  return std::ranges::any_of(ran.accesses, [](const Access& a) {
    return a.action == SQLITE_CREATE_TABLE || a.action == SQLITE_CREATE_INDEX || a.action == SQLITE_CREATE_VTABLE || a.action == SQLITE_DROP_TABLE || a.action == SQLITE_DROP_INDEX || a.action == SQLITE_DROP_VTABLE || a.action == SQLITE_ALTER_TABLE;
  });
}

std::string forbidden_object(int action) {
  switch (action) {
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_DROP_TRIGGER: return "a trigger";
    case SQLITE_CREATE_VIEW:
    case SQLITE_DROP_VIEW: return "a view";
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
    case SQLITE_DROP_TEMP_TABLE:
    case SQLITE_DROP_TEMP_INDEX:
    case SQLITE_DROP_TEMP_TRIGGER:
    case SQLITE_DROP_TEMP_VIEW: return "a temporary object";
    default: return "";
  }
}

// What the migrations of one module do wrong.
class Judgement {
 public:
  Judgement(const Tree& tree, const Module& module, const SqliteSchemas& schemas, std::vector<Finding>& findings) : tree_(tree), module_(module), schemas_(schemas), findings_(findings) {}

  void add(std::string code, const std::string& place, int line, std::string what, std::string subject, std::string owner = {}, std::string made_by = {}, std::string advice = {}) {
    findings_.push_back({std::move(code), Layer::migrations, "sqlite", module_.name, place, line, std::move(what), std::move(subject), std::move(owner), std::move(made_by), std::move(advice)});
  }

  bool is_own(std::string_view table) const { return schemas_.owns(module_.name, table); }

  // A table that a statement touches; answers whether it may.
  bool judge_table(const std::string& place, int line, std::string_view verb, std::string_view name) {
    const auto table = lower_case(name);
    if (is_own(table)) return true;
    const auto& origins = schemas_.origins_of(table);
    const auto what = fmt::format("{} {} {}", module_.name, verb, table);
    if (origins.empty()) add("OWN-MIG-4", place, line, what + ", which no migration made", table, "", "", std::string(plain_only));
    else add("OWN-MIG-1", place, line, what, table, origins.front().owner, origins.front().made_by(), verb == "reads" ? advice_for(tree_, module_.name, origins.front().owner, false) : "only its owner's migrations change a table");
    return false;
  }

  void judge(const std::string& place, int line, const Access& access, bool is_schema_change) {
    if (lower_case(access.database) == "temp" && !is_catalogue(access.first)) return add("OWN-MIG-3", place, line, fmt::format("{} makes a temporary object", module_.name), access.first, "", "", std::string(plain_only));
    switch (access.action) {
      case SQLITE_SELECT:
      case SQLITE_RECURSIVE:
      case SQLITE_CREATE_TABLE:  // under a name that is taken it fails
      case SQLITE_REINDEX: return;
      case SQLITE_READ:
      case SQLITE_INSERT:
      case SQLITE_UPDATE:
      case SQLITE_DELETE:
        if (is_catalogue(access.first) && is_schema_change) return;  // how SQLite itself keeps the schema
        judge_table(place, line, access.action == SQLITE_READ ? "reads" : "writes", access.first);
        return;
      case SQLITE_CREATE_INDEX:
      case SQLITE_DROP_INDEX: judge_table(place, line, "indexes", access.second); return;
      case SQLITE_DROP_TABLE:
      case SQLITE_DROP_VTABLE: judge_table(place, line, "drops", access.first); return;
      case SQLITE_ALTER_TABLE: judge_table(place, line, "alters", access.second); return;
      case SQLITE_PRAGMA:
        if (is_schema_change && access.first == "data_version") return;  // how fts5 starts, also when only used
        add("OWN-MIG-4", place, line, fmt::format("{} sets or asks PRAGMA {}", module_.name, access.first), access.first, "", "", "the kernel sets up connections");
        return;
      case SQLITE_CREATE_VTABLE:
        if (lower_case(access.second) != "fts5") add("OWN-MIG-3", place, line, fmt::format("{} makes a virtual table of {}", module_.name, access.second), access.first, "", "", "of virtual tables only fts5 keeps its data in the module's own tables");
        return;
      case SQLITE_FUNCTION:
        if (!is_harmless_function(access.second))
          add("OWN-MIG-6", place, line, fmt::format("{} calls the SQL function {}", module_.name, access.second), access.second, "", "", "compute it in C++, or name it among the harmless functions if it computes from its arguments alone");
        return;
      default:
        if (const auto object = forbidden_object(access.action); !object.empty())
          add("OWN-MIG-3", place, line, fmt::format("{} makes or drops {}", module_.name, object), access.first, "", "", std::string(plain_only));
        else
          add("OWN-MIG-4", place, line, fmt::format("{} has a statement that a migration may not have (action {} of SQLite)", module_.name, access.action), access.first, "", "", std::string(plain_only));
    }
  }

  void judge_all(const std::string& place, const MigrationStatement& statement, const SqliteDatabase::Prepared& ran) {
    const bool is_schema_change = changes_schema(ran);
    const bool is_altering = alters(ran);
    for (const auto& access : ran.accesses) {
      if (is_altering && is_part_of_altering(access)) continue;
      const auto& name = access.second.empty() || access.action == SQLITE_READ || access.action == SQLITE_UPDATE ? access.first : access.second;
      const auto within = line_of_word(statement.text, name);
      judge(place, statement.line + std::max(0, within - 1), access, is_schema_change || statement.text.empty());
    }
  }

 private:
  const Tree& tree_;
  const Module& module_;
  const SqliteSchemas& schemas_;
  std::vector<Finding>& findings_;
};

}  // namespace

SqliteDatabase check_migrations_on_sqlite(const Tree& tree, const Module& module, SqliteSchemas& schemas, ModuleReport& report) {
  auto everything = schemas.without(module.name);
  Judgement judgement(tree, module, schemas, report.findings);
  const auto found_before = [&] { return report.findings.size(); };

  for (const auto& migration : schemas.of(module.name)) {
    report.counts.migrations += 1;
    if (migration.number == 0)
      judgement.add("OWN-MIG-9", migration.place, 0, fmt::format("{} has a file in its schemas that is not named NNNN_name.sql", module.name), migration.place, "", "", "name it so, with .sqlite or .postgres before .sql where only one engine takes it; anything else lies elsewhere");
    if (migration.dialect == db::Dialect::postgresql) continue;
    report.counts.migrations_on_sqlite += 1;
    // What touches a table of another's is not carried out, so that the next statement meets the schema as it was.
    const auto may = [&](const Access& access) {
      const auto& table = access.action == SQLITE_ALTER_TABLE ? access.second : access.first;
      const bool is_change = access.action == SQLITE_ALTER_TABLE || access.action == SQLITE_DROP_TABLE || access.action == SQLITE_INSERT || access.action == SQLITE_UPDATE || access.action == SQLITE_DELETE;
      return !is_change || is_catalogue(table) || judgement.is_own(table);
    };
    for_each_statement(everything, migration.text, may, [&](const MigrationStatement& statement, SqliteDatabase::Prepared&& ran) {
      const auto before = found_before();
      judgement.judge_all(migration.place, statement, ran);
      if (!ran.error.empty() && report.findings.size() == before)
        judgement.add("OWN-MIG-9", migration.place, statement.line, fmt::format("{} has a migration that fails: {}", module.name, ran.error), ran.error, "", "", "a migration runs after those of lower number, on the module's own tables");
    });
  }

  // The proof: with its own tables only.
  for (const auto& ran : schemas.ran()) {
    if (ran.migration->owner != module.name) continue;
    if (!ran.result.error.empty() && std::ranges::none_of(report.findings, [&](const auto& f) { return f.file == ran.migration->place && f.line >= ran.statement.line; }))
      judgement.add("OWN-MIG-7", ran.migration->place, ran.statement.line, fmt::format("{} has a migration that needs more than its own tables: {}", module.name, ran.result.error), ran.result.error, "", "", "a module's database holds the tables of schemas/" + module.name);
    for (const auto& table : ran.made)
      for (const auto& origin : schemas.origins_of(table))
        if (origin.owner != module.name)
          judgement.add("OWN-MIG-5", ran.migration->place, ran.statement.line, fmt::format("{} makes {}, a name that is taken", module.name, table), table, origin.owner, origin.made_by(), "a table's name is unique in the shop: put " + module.name + "_ before it");
  }

  auto& own = schemas.own(module.name);
  const auto tables = schemas.tables_of(module.name);
  report.counts.tables += static_cast<std::int64_t>(tables.size());
  for (const auto& table : tables) {
    const auto& origin = *std::ranges::find(schemas.origins_of(table), module.name, &TableOrigin::owner);
    const auto text = tree.text_at(origin.place);
    for (const auto& key : own.rows(fmt::format("SELECT \"table\" FROM pragma_foreign_key_list('{}')", table), 1)) {
      const auto parent = lower_case(key[0]);
      if (judgement.is_own(parent)) continue;
      const auto& owners = schemas.origins_of(parent);
      const auto line = std::max(origin.line, line_of_word(text, key[0]));
      judgement.add("OWN-MIG-2", origin.place, line, fmt::format("{} references {} by a foreign key of {}", module.name, parent, table), parent, owners.empty() ? "" : owners.front().owner, owners.empty() ? "" : owners.front().made_by(),
                    "keep the id without a foreign key: modules may lie in different databases");
    }
    // Checks and generated columns are compiled with a statement that uses the table; for defaults nobody is asked.
    const MigrationStatement probe{"", origin.line};
    for (const auto& value : own.rows(fmt::format("SELECT dflt_value FROM pragma_table_info('{}') WHERE dflt_value IS NOT NULL", table), 1)) judgement.judge_all(origin.place, probe, everything.prepare("SELECT " + value[0]));
    for (const auto& use : {fmt::format("SELECT * FROM \"{}\" LIMIT 1", table), fmt::format("INSERT INTO \"{}\" DEFAULT VALUES", table)}) {
      const bool reads = use.starts_with("SELECT");
      const auto ran = reads ? everything.run(use) : everything.prepare(use);
      judgement.judge_all(origin.place, probe, ran);
      const auto proof = reads ? own.run(use) : own.prepare(use);
      if (!proof.error.empty() && ran.error.empty())
        judgement.add("OWN-MIG-7", origin.place, origin.line, fmt::format("{} has a table {} that needs more than its own tables: {}", module.name, table, proof.error), table, "", "", "a module's database holds the tables of schemas/" + module.name);
    }
  }
  return everything;
}

}  // namespace polyshop::ownership
