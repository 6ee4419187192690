#pragma once

#include "kernel/runtime/rate_limit.hpp"
#include "users.hpp"

namespace polyshop::auth {

struct SignIn {
  Email email;
  Password password;
  std::optional<UserKind> kind;  // customer where absent
};
BOOST_DESCRIBE_STRUCT(SignIn, (), (email, password, kind))

struct ChangePassword {
  Password current_password;
  Password new_password;
};
BOOST_DESCRIBE_STRUCT(ChangePassword, (), (current_password, new_password))

// A session as its owner sees it: without the token, which nobody has but the client.
struct Session {
  SessionId id;
  Timestamp created_ms = 0;
  Timestamp used_ms = 0;
  Timestamp expires_ms = 0;
  bool current = false;
};
BOOST_DESCRIBE_STRUCT(Session, (), (id, created_ms, used_ms, expires_ms, current))

class Sessions {
 public:
  struct Lifetime {
    std::int64_t idle_ms;
    std::int64_t absolute_ms;
  };
  struct Settings {
    Lifetime customer;
    Lifetime staff;
    std::int64_t attempts_per_minute;
  };
  Sessions(bus::Node& node, Users& users, PasswordHasher& hasher, Settings settings) : node_(node), users_(users), hasher_(hasher), settings_(settings), attempts_(settings.attempts_per_minute) {}

  // With the hash that was verified, where a password was: it must still be the user's.
  OpenedSession open(const Call& call, const UserId& user, const std::optional<std::string>& verified_hash = {});
  Principal authenticate(const Call& call, const std::string& token);
  http::Outcome sign_in(const Call& call, const std::string& client, const SignIn& wanted);
  http::Outcome change_password(const Call& call, const std::string& token, const ChangePassword& wanted);
  http::Outcome create_staff(const Call& call, const NewStaff& wanted);
  std::vector<Session> list(const Call& call, const std::string& token);
  void end(const Call& call, const SessionId& id);
  void end_current(const Call& call, const std::string& token);
  void forget_old(const Call& call);

 private:
  // Let the shell wait for the hasher, then go on with what it found. Throw Problem 503 where it is full or too slow.
  http::Deferred verified(std::string password, std::string hash, std::move_only_function<http::Outcome(bool matches)> next);
  http::Deferred hashed(std::string password, std::move_only_function<http::Outcome(const std::string& hash)> next);

  bus::Node& node_;
  Users& users_;
  PasswordHasher& hasher_;
  const Settings settings_;
  // Slows down who tries passwords: throws Problem 429 where the client or the account has used up its attempts.
  void take_attempt(const std::string& who, Timestamp now);
  RateLimit attempts_;
};

// The token of an Authorization field, or nothing.
std::string token_of(const http::Request& request);

}  // namespace polyshop::auth
