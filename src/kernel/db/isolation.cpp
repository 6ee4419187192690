#include "kernel/db/isolation.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/provision.hpp"

namespace polyshop::db {
namespace {

struct SessionState {
  std::string role;       // in double quotes where it needs them
  std::string current;    // another where the role's settings change it
  std::string schema;
  std::string synchronous_commit;
  std::string fsync;
};
BOOST_DESCRIBE_STRUCT(SessionState, (), (role, current, schema, synchronous_commit, fsync))

struct Grant {
  std::string kind;     // SCHEMA, TABLE, ...
  std::string object;
  std::string privileges;
  std::string grantee;  // the role, or PUBLIC
};
BOOST_DESCRIBE_STRUCT(Grant, (), (kind, object, privileges, grantee))

// What this one statement answers is the whole of "too wide": every grant on anything in the database to the role or to PUBLIC,
// ownership included, but for what a module needs and for what the server gives to everybody when it is made. The sets are asked for with
// IN, which is hashed: in a fresh database without statistics EXISTS may go through them for every object.
std::vector<Grant> grants_too_wide(Tx& tx, const std::string& module, bool migrates, const std::vector<std::string>& foreign) {
  return tx.list<Grant>(R"(
    WITH me AS (SELECT oid, quote_ident(rolname) AS name FROM pg_roles WHERE rolname = session_user),
    given AS MATERIALIZED (
      SELECT i.classoid AS class, i.objoid AS id, i.objsubid AS part, b.privilege_type AS privilege
        FROM pg_init_privs AS i CROSS JOIN LATERAL aclexplode(i.initprivs) AS b WHERE i.privtype = 'i' AND b.grantee = 0
    ),
    thing AS (
      SELECT cast('pg_namespace' AS regclass) AS class, oid AS id, 0 AS part, 'SCHEMA' AS kind, quote_ident(nspname) AS object, '' AS column_part, nspname AS schema, nspowner AS owner,
             coalesce(nspacl, acldefault('n', nspowner)) AS acl
        FROM pg_namespace
      UNION ALL
      SELECT cast('pg_class' AS regclass), c.oid, 0, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%I.%I', n.nspname, c.relname), '', n.nspname, c.relowner,
             coalesce(c.relacl, acldefault(cast(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END AS "char"), c.relowner))
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      UNION ALL
      SELECT cast('pg_class' AS regclass), c.oid, a.attnum, 'TABLE', format('%I.%I', n.nspname, c.relname), format(' (%I)', a.attname), n.nspname, cast(0 AS oid), a.attacl
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
      UNION ALL
      SELECT cast('pg_proc' AS regclass), p.oid, 0, 'ROUTINE', cast(cast(p.oid AS regprocedure) AS text), '', n.nspname, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
       WHERE p.prosecdef OR p.oid IN (SELECT objoid FROM pg_init_privs WHERE classoid = cast('pg_proc' AS regclass))
      UNION ALL
      SELECT cast('pg_database' AS regclass), oid, 0, 'DATABASE', quote_ident(datname), '', '', datdba, coalesce(datacl, acldefault('d', datdba))
        FROM pg_database WHERE datname = current_database() OR datname = ANY (string_to_array(cast(:foreign AS text), chr(10)))
      UNION ALL
      SELECT cast('pg_foreign_server' AS regclass), oid, 0, 'FOREIGN SERVER', quote_ident(srvname), '', '', srvowner, coalesce(srvacl, acldefault('S', srvowner)) FROM pg_foreign_server
      UNION ALL
      SELECT cast('pg_tablespace' AS regclass), oid, 0, 'TABLESPACE', quote_ident(spcname), '', '', spcowner, coalesce(spcacl, acldefault('t', spcowner)) FROM pg_tablespace
      UNION ALL
      SELECT cast('pg_largeobject_metadata' AS regclass), oid, 0, 'LARGE OBJECT', cast(oid AS text), '', '', lomowner, coalesce(lomacl, acldefault('L', lomowner)) FROM pg_largeobject_metadata
      UNION ALL
      SELECT cast('pg_parameter_acl' AS regclass), oid, 0, 'PARAMETER', parname, '', '', cast(0 AS oid), paracl FROM pg_parameter_acl
    )
    SELECT t.kind, t.object, CASE WHEN a.grantee = t.owner THEN 'OWNER' ELSE string_agg(DISTINCT a.privilege_type || t.column_part, ', ') END AS privileges,
           CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE me.name END AS grantee
      FROM thing AS t CROSS JOIN LATERAL aclexplode(t.acl) AS a JOIN me ON a.grantee IN (0, me.oid)
     WHERE NOT (cast(:migrates AS text) = 'yes' AND (t.schema IN (:module, :rebuild) OR (t.kind = 'DATABASE' AND t.object = quote_ident(current_database()))))
       AND NOT (t.kind = 'DATABASE' AND t.object = quote_ident(current_database()) AND a.privilege_type = 'CONNECT' AND t.owner <> me.oid)
       AND NOT (t.schema = :module AND t.owner <> me.oid AND ((t.kind = 'SCHEMA' AND a.privilege_type = 'USAGE')
                                                         OR (t.kind = 'TABLE' AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))))
       AND NOT (t.kind = 'SCHEMA' AND t.schema IN ('pg_catalog', 'information_schema') AND a.privilege_type = 'USAGE')
       AND NOT (t.schema = 'information_schema' AND t.kind = 'TABLE' AND a.privilege_type = 'SELECT' AND a.grantee = 0)
       AND NOT (t.schema IN ('pg_catalog', 'information_schema') AND (cast(t.class AS oid), t.id, t.part, a.privilege_type) IN (SELECT class, id, part, privilege FROM given))
     GROUP BY t.kind, t.object, t.owner, a.grantee, me.name
     ORDER BY CASE t.kind WHEN 'SCHEMA' THEN 1 WHEN 'TABLE' THEN 2 ELSE 3 END, t.object)"_postgresql,
                        fmt::format("{}", fmt::join(foreign, "\n")), migrates ? "yes" : "no", module, rebuild_schema(module));
}

std::string remedy_of(const Grant& grant) {
  if (grant.privileges == "OWNER") return fmt::format("ALTER {} {} OWNER TO a role that does not run", grant.kind, grant.object);
  return fmt::format("REVOKE {} ON {} {} FROM {}", grant.privileges, grant.kind, grant.object, grant.grantee);
}

std::string said(const Grant& grant) {
  if (grant.privileges == "OWNER") return fmt::format("owns the {} {}", grant.kind, grant.object);
  return fmt::format("has {} on the {} {}{}", grant.privileges, grant.kind, grant.object, grant.grantee == "PUBLIC" ? ", as PUBLIC has" : "");
}

void add_role_faults(Tx& tx, const Database& database, const SessionState& session, const std::vector<std::string>& foreign, std::vector<IsolationFault>& faults) {
  constexpr std::size_t shown_max = 8;
  const auto add = [&](const std::string& what, std::string remedy) { faults.push_back({database.module(), fmt::format("the role {} {}", session.role, what), std::move(remedy)}); };
  const auto attributes = tx.list<std::string>(R"(
    SELECT a.name FROM pg_roles AS r
      CROSS JOIN LATERAL (VALUES ('SUPERUSER', r.rolsuper), ('CREATEDB', r.rolcreatedb), ('CREATEROLE', r.rolcreaterole), ('REPLICATION', r.rolreplication), ('BYPASSRLS', r.rolbypassrls)) AS a (name, is_set)
     WHERE r.rolname = session_user AND a.is_set)"_postgresql);
  for (const auto& attribute : attributes) add("is " + attribute, fmt::format("ALTER ROLE {} NO{}", session.role, attribute));
  if (std::ranges::find(attributes, "SUPERUSER") != attributes.end()) return;  // who may everything needs no list of grants
  for (const auto& role : tx.list<std::string>("SELECT quote_ident(rolname) AS name FROM pg_roles WHERE rolname NOT IN (session_user, 'pg_database_owner') AND pg_has_role(session_user, oid, 'MEMBER') ORDER BY rolname"_postgresql))
    add("is a member of " + role, fmt::format("REVOKE {} FROM {}", role, session.role));
  const bool migrates = database.options().migrate_url.empty();
  const auto grants = grants_too_wide(tx, database.module(), migrates, foreign);
  for (std::size_t i = 0; i < std::min(grants.size(), shown_max); ++i) add(said(grants[i]), remedy_of(grants[i]));
  if (grants.size() > shown_max) add(fmt::format("has {} more such rights", grants.size() - shown_max), "polyshop provision prints what it needs");
  for (const auto& table : tx.list<std::string>(R"(
      SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
       WHERE n.nspname = :module AND c.relkind IN ('r', 'p')
         AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
       ORDER BY name LIMIT 1)"_postgresql,
                                                database.module()))
    add("lacks rights on its own table " + table, fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \"{}\" TO {}; polyshop provision prints it with what covers later tables", database.module(), session.role));
}

std::vector<IsolationFault> postgresql_faults(Database& database, const std::vector<std::string>& foreign, bool shared_role) {
  return database.read(Call{}, [&](Tx& tx) {
    std::vector<IsolationFault> faults;
    const auto session = tx.get<SessionState>(R"(SELECT quote_ident(session_user) AS role, quote_ident(current_user) AS current, coalesce(current_schema(), '') AS schema,
                                                     current_setting('synchronous_commit') AS synchronous_commit, current_setting('fsync') AS fsync)"_postgresql);
    const auto add = [&](std::string what, std::string remedy) { faults.push_back({database.module(), std::move(what), std::move(remedy)}); };
    // The session has asked for both; a pooler between, which hands statements to other sessions, forgets it.
    if (session.synchronous_commit != "on")
      add(fmt::format("synchronous_commit is {} although the session sets it to on, so that what was acknowledged could be lost", session.synchronous_commit), "connect to the server directly, or through a pooler in session mode");
    if (session.schema != database.module())
      add(fmt::format("its tables are looked for in the schema \"{}\"", session.schema), fmt::format("GRANT USAGE ON SCHEMA \"{}\" TO {}; connect directly or through a pooler in session mode", database.module(), session.role));
    if (shared_role) return faults;
    if (session.fsync != "on") add("the server runs with fsync off, so that a loss of power could destroy the database", "set fsync = on in postgresql.conf");
    if (session.current != session.role) add(fmt::format("the role {} acts as {}", session.role, session.current), fmt::format("ALTER ROLE {} RESET role", session.role));
    add_role_faults(tx, database, session, foreign, faults);
    return faults;
  });
}

std::vector<IsolationFault> sqlite_faults(const Database& database) {
  const auto session = open_session(database.session_options(true));
  try {
    session->script("ATTACH ':memory:' AS other");
  } catch (const SessionError&) {
    return {};
  }
  return {{database.module(), "its connections may ATTACH other files", "build PolyShop with the sources as they are"}};
}

}  // namespace

std::vector<IsolationFault> shared_places(const std::vector<Database*>& databases, bool shared_role) {
  std::vector<IsolationFault> faults;
  std::map<std::string, std::vector<const Database*>> by_role;
  for (std::size_t i = 0; i < databases.size(); ++i) {
    const auto& one = *databases[i];
    if (one.engine() == Engine::postgresql) {
      const auto target = target_of(one.options().url);
      by_role[fmt::format("{} on {}", target.role, target.server())].push_back(&one);
      continue;
    }
    for (std::size_t j = 0; j < i; ++j) {
      std::error_code missing;
      if (databases[j]->engine() == Engine::sqlite && std::filesystem::equivalent(one.file(), databases[j]->file(), missing))
        faults.push_back({one.module(), fmt::format("its file {} is the same as {}'s, {}", one.file().string(), databases[j]->module(), databases[j]->file().string()), "remove the link; each module has a file of its own"});
    }
  }
  if (shared_role) return faults;
  for (const auto& [role, sharing] : by_role) {
    if (sharing.size() < 2) continue;
    std::vector<std::string> names;
    for (const auto* database : sharing) names.push_back(database->module());
    faults.push_back({names.front(), fmt::format("{} modules ({}) connect as {}", names.size(), fmt::join(names, ", "), role),
                      "write {module} into database.url, such as postgresql://shop_{module}@db/shop, and let polyshop provision make the roles; or, for development only, set database.shared_role = true"});
  }
  return faults;
}

std::vector<IsolationFault> isolation_faults(Database& database, const std::vector<std::string>& foreign, bool shared_role) {
  return database.engine() == Engine::sqlite ? sqlite_faults(database) : postgresql_faults(database, foreign, shared_role);
}

}  // namespace polyshop::db
