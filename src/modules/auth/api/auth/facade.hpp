#pragma once

#include "kernel/facade/operation.hpp"

namespace polyshop::auth {

using UserId = Id<"usr">;
using SessionId = Id<"ses">;

enum class UserKind { customer, staff };
BOOST_DESCRIBE_ENUM(UserKind, customer, staff)

struct User {
  UserId id;
  UserKind kind = UserKind::customer;
  std::string email;                // lower-case; unique per kind
  std::vector<std::string> roles;   // of staff
  bool disabled = false;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(User, (), (id, kind, email, roles, disabled, version, created_ms))

struct CreateUser {
  std::optional<UserId> id;              // where the caller has to know it beforehand
  UserKind kind = UserKind::customer;
  std::string email;
  std::string password_hash;             // PHC string of argon2id; empty: cannot sign in by password
  std::vector<std::string> roles;
};
BOOST_DESCRIBE_STRUCT(CreateUser, (), (id, kind, email, password_hash, roles))

struct OpenSession {
  UserId user_id;
};
BOOST_DESCRIBE_STRUCT(OpenSession, (), (user_id))

// The token is shown this once; only its SHA-256 is kept.
struct OpenedSession {
  SessionId id;
  std::string token;
  UserId user_id;
  UserKind kind = UserKind::customer;
  Timestamp expires_ms = 0;       // absolute
  std::int64_t idle_ms = 0;       // ends when not used for so long
};
BOOST_DESCRIBE_STRUCT(OpenedSession, (), (id, token, user_id, kind, expires_ms, idle_ms))

struct Authenticate {
  std::string token;
};
BOOST_DESCRIBE_STRUCT(Authenticate, (), (token))

struct Principal {
  UserId user_id;
  SessionId session_id;
  UserKind kind = UserKind::customer;
  std::vector<std::string> permissions;  // of staff, from all roles
};
BOOST_DESCRIBE_STRUCT(Principal, (), (user_id, session_id, kind, permissions))

struct GetUser {
  UserId id;
};
BOOST_DESCRIBE_STRUCT(GetUser, (), (id))

struct FindUser {
  UserKind kind = UserKind::customer;
  std::string email;
};
BOOST_DESCRIBE_STRUCT(FindUser, (), (kind, email))

struct DefineRole {
  std::string name;
  std::vector<std::string> permissions;
};
BOOST_DESCRIBE_STRUCT(DefineRole, (), (name, permissions))

struct Facade {
  Command<CreateUser, User> create_user;             // 409 `email_taken`
  Command<OpenSession, OpenedSession> open_session;  // returns a secret: called without a key
  Query<Authenticate, Principal> authenticate;       // 401 `invalid_session` where the token opens nothing (any more)
  Query<GetUser, User> get_user;
  Query<FindUser, std::vector<User>> find_user;      // one, or none
  Command<DefineRole, void> define_role;             // makes or replaces it
};
BOOST_DESCRIBE_STRUCT(Facade, (), (create_user, open_session, authenticate, get_user, find_user, define_role))

}  // namespace polyshop::auth
