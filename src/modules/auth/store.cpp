#include "store.hpp"

namespace polyshop::auth::store {

bool insert_user(Tx& tx, const UserRow& user) {
  return tx.exec(R"(INSERT INTO auth_user (id, kind, email, password_hash, roles, disabled, version, created_ms)
                    VALUES (:id, :kind, :email, :password_hash, :roles, :disabled, :version, :created_ms) ON CONFLICT (kind, email) DO NOTHING)"_sql,
                 user) == 1;
}

std::optional<UserRow> find_user(Tx& tx, const UserId& id) {
  return tx.find<UserRow>("SELECT id, kind, email, password_hash, roles, disabled, version, created_ms FROM auth_user WHERE id = :id"_sql, id);
}

std::optional<UserRow> find_user_by_email(Tx& tx, UserKind kind, const std::string& email) {
  return tx.find<UserRow>("SELECT id, kind, email, password_hash, roles, disabled, version, created_ms FROM auth_user WHERE kind = :kind AND email = :email"_sql, kind, email);
}

bool update_user(Tx& tx, const UserRow& user) {
  return tx.exec("UPDATE auth_user SET roles = :roles, disabled = :disabled, version = version + 1 WHERE id = :id AND version = :version"_sql, user) == 1;
}

std::optional<UserRow> lock_enabled_user(Tx& tx, const UserId& id, const std::optional<std::string>& password_hash) {
  return tx.find<UserRow>(R"(UPDATE auth_user SET disabled = 0 WHERE id = :id AND disabled = 0 AND (cast(:hash as text) IS NULL OR password_hash = :hash)
                             RETURNING id, kind, email, password_hash, roles, disabled, version, created_ms)"_sql,
                          id, password_hash);
}

bool replace_password(Tx& tx, const UserId& id, const std::string& old_hash, const std::string& new_hash) {
  return tx.exec("UPDATE auth_user SET password_hash = :new_hash, version = version + 1 WHERE id = :id AND password_hash = :old_hash"_sql, new_hash, id, old_hash) == 1;
}

std::vector<UserRow> list_staff(Tx& tx, const std::optional<UserId>& after, std::int64_t limit) {
  return tx.list<UserRow>(R"(SELECT id, kind, email, password_hash, roles, disabled, version, created_ms FROM auth_user
                             WHERE kind = 'staff' AND id > :after ORDER BY id LIMIT :limit)"_sql,
                          after ? after->str() : std::string(), limit);
}

void insert_session(Tx& tx, const SessionRow& session) {
  tx.exec("INSERT INTO auth_session (id, token_hash, user_id, created_ms, used_ms, expires_ms, idle_ms) VALUES (:id, :token_hash, :user_id, :created_ms, :used_ms, :expires_ms, :idle_ms)"_sql, session);
}

std::optional<OpenRow> find_open(Tx& tx, const std::string& token_hash) {
  return tx.find<OpenRow>(R"(SELECT s.id, s.user_id, u.kind, s.used_ms, u.roles FROM auth_session AS s JOIN auth_user AS u ON u.id = s.user_id
                             WHERE s.token_hash = :hash AND s.ended_ms IS NULL AND u.disabled = 0 AND s.expires_ms > :now AND s.used_ms + s.idle_ms > :now)"_sql,
                          token_hash, tx.now());
}

void mark_used(Tx& tx, const SessionId& id) { tx.exec("UPDATE auth_session SET used_ms = :now WHERE id = :id AND used_ms < :now"_sql, tx.now(), id); }

std::vector<SessionRow> list_open_of_user(Tx& tx, const UserId& user) {
  return tx.list<SessionRow>(R"(SELECT id, token_hash, user_id, created_ms, used_ms, expires_ms, idle_ms FROM auth_session
                                WHERE user_id = :user AND ended_ms IS NULL AND expires_ms > :now AND used_ms + idle_ms > :now ORDER BY id)"_sql,
                             user, tx.now());
}

bool end_session(Tx& tx, const SessionId& id, const UserId& user) {
  return tx.exec("UPDATE auth_session SET ended_ms = :now WHERE id = :id AND user_id = :user AND ended_ms IS NULL"_sql, tx.now(), id, user) == 1;
}

void end_sessions_of_user(Tx& tx, const UserId& user, const SessionId& but_not) {
  tx.exec("UPDATE auth_session SET ended_ms = :now WHERE user_id = :user AND id <> :but_not AND ended_ms IS NULL"_sql, tx.now(), user, but_not);
}

void delete_old_sessions(Tx& tx, Timestamp ended_before) {
  tx.exec("DELETE FROM auth_session WHERE expires_ms < :before OR ended_ms < :before OR used_ms + idle_ms < :before"_sql, ended_before);
}

void put_role(Tx& tx, const std::string& name, const std::vector<std::string>& permissions) {
  tx.exec("INSERT INTO auth_role (name, permissions) VALUES (:name, :permissions) ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions"_sql, name,
          db::Json<std::vector<std::string>>{permissions});
}

bool delete_role(Tx& tx, const std::string& name) { return tx.exec("DELETE FROM auth_role WHERE name = :name"_sql, name) == 1; }

std::vector<RoleRow> list_roles(Tx& tx) { return tx.list<RoleRow>("SELECT name, permissions FROM auth_role ORDER BY name"_sql); }

std::int64_t count_users_of_role(Tx& tx, const std::string& name) {
  return tx.get<std::int64_t>(db::one_of("SELECT count(*) AS n FROM auth_user WHERE EXISTS (SELECT 1 FROM json_each(roles) WHERE value = :name)"_sqlite,
                                         "SELECT count(*) AS n FROM auth_user WHERE cast(roles as jsonb) @> jsonb_build_array(cast(:name as text))"_postgresql),
                              name);
}

}  // namespace polyshop::auth::store
