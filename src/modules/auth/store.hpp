#pragma once

#include "auth/facade.hpp"
#include "kernel/db/database.hpp"

// Every SQL statement of auth, one function each.
namespace polyshop::auth::store {

struct UserRow {
  UserId id;
  UserKind kind = UserKind::customer;
  std::string email;
  std::string password_hash;
  db::Json<std::vector<std::string>> roles;
  bool disabled = false;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
  User user() const { return {id, kind, email, roles.value, disabled, version, created_ms}; }
};
BOOST_DESCRIBE_STRUCT(UserRow, (), (id, kind, email, password_hash, roles, disabled, version, created_ms))

struct SessionRow {
  SessionId id;
  std::string token_hash;
  UserId user_id;
  Timestamp created_ms = 0;
  Timestamp used_ms = 0;
  Timestamp expires_ms = 0;
  std::int64_t idle_ms = 0;
};
BOOST_DESCRIBE_STRUCT(SessionRow, (), (id, token_hash, user_id, created_ms, used_ms, expires_ms, idle_ms))

// A living session with its user.
struct OpenRow {
  SessionId id;
  UserId user_id;
  UserKind kind = UserKind::customer;
  Timestamp used_ms = 0;
  db::Json<std::vector<std::string>> roles;
};
BOOST_DESCRIBE_STRUCT(OpenRow, (), (id, user_id, kind, used_ms, roles))

struct RoleRow {
  std::string name;
  db::Json<std::vector<std::string>> permissions;
};
BOOST_DESCRIBE_STRUCT(RoleRow, (), (name, permissions))

bool insert_user(Tx& tx, const UserRow& user);  // false where the address is taken
std::optional<UserRow> find_user(Tx& tx, const UserId& id);
std::optional<UserRow> find_user_by_email(Tx& tx, UserKind kind, const std::string& email);
bool update_user(Tx& tx, const UserRow& user);  // roles and disabled, where the version is user.version
// The user, locked until the transaction ends, where not disabled and, if a hash is given, the password is still that one.
std::optional<UserRow> lock_enabled_user(Tx& tx, const UserId& id, const std::optional<std::string>& password_hash);
bool replace_password(Tx& tx, const UserId& id, const std::string& old_hash, const std::string& new_hash);  // false where it is another by now
std::vector<UserRow> list_staff(Tx& tx, const std::optional<UserId>& after, std::int64_t limit);

void insert_session(Tx& tx, const SessionRow& session);
std::optional<OpenRow> find_open(Tx& tx, const std::string& token_hash);
void mark_used(Tx& tx, const SessionId& id);
std::vector<SessionRow> list_open_of_user(Tx& tx, const UserId& user);
bool end_session(Tx& tx, const SessionId& id, const UserId& user);
void end_sessions_of_user(Tx& tx, const UserId& user, const SessionId& but_not);
void delete_old_sessions(Tx& tx, Timestamp ended_before);

void put_role(Tx& tx, const std::string& name, const std::vector<std::string>& permissions);
bool delete_role(Tx& tx, const std::string& name);
std::vector<RoleRow> list_roles(Tx& tx);
std::int64_t count_users_of_role(Tx& tx, const std::string& name);

}  // namespace polyshop::auth::store
