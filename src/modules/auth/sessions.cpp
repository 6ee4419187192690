#include "sessions.hpp"

#include <fmt/format.h>

#include "kernel/http/client_address.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::auth {
namespace {

Problem bad_credentials() { return Problem::unauthenticated("invalid_credentials", "The e-mail address or the password is not right."); }
Problem invalid_session() { return Problem::unauthenticated("invalid_session", "The session has ended or never was; sign in again."); }
Problem hasher_busy() { return Problem::unavailable("overloaded", "Too many people are signing in at the moment. Try again.", 2); }

UserId user_of(const Call& call) {
  const auto id = UserId::parse(call.actor.id);
  if (!id) throw Problem::unauthenticated("authentication_required", "Sign in first.");
  return *id;
}

http::Response created(const OpenedSession& session) {
  http::Response response;
  response.status = 201;
  response.fields.emplace_back("Location", "/v1/auth/sessions/" + session.id.str());
  response.fields.emplace_back("Cache-Control", "no-store");
  response.body = json::to_text(session);
  return response;
}

}  // namespace

void Sessions::take_attempt(const std::string& who, Timestamp now) {
  const auto verdict = attempts_.take(who, now);
  if (verdict.allowed) return;
  auto problem = Problem::too_many("too_many_attempts", "Too many attempts to sign in. Wait a moment.", verdict.reset_s);
  problem.fields = {{"RateLimit-Policy", fmt::format("\"sign-in\";q={};w=60", attempts_.per_minute())}, {"RateLimit", fmt::format("\"sign-in\";r=0;t={}", verdict.reset_s)}};
  throw problem;
}

std::string token_of(const http::Request& request) {
  const auto field = request.field("Authorization");
  return field.size() > 7 && http::equals_ignoring_case(field.substr(0, 7), "Bearer ") ? std::string(field.substr(7)) : std::string();
}

OpenedSession Sessions::open(const Call& call, const UserId& id, const std::optional<std::string>& verified_hash) {
  const auto token = make_token();
  return node_.db.write(call.unkeyed(), [&](Tx& tx) {
    // Locked: who disables the user or changes the password at the same time ends this session too, or this one is not opened.
    const auto user = store::lock_enabled_user(tx, id, verified_hash);
    if (!user) throw bad_credentials();
    const auto lifetime = user->kind == UserKind::staff ? settings_.staff : settings_.customer;
    const store::SessionRow session{SessionId::make(tx.now()), sha256_hex(token), id, tx.now(), tx.now(), tx.now() + lifetime.absolute_ms, lifetime.idle_ms};
    store::insert_session(tx, session);
    return OpenedSession{session.id, token, id, user->kind, session.expires_ms, session.idle_ms};
  });
}

Principal Sessions::authenticate(const Call& call, const std::string& token) {
  struct Found {
    std::optional<store::OpenRow> open;
    std::vector<store::RoleRow> roles;
  };
  const auto hash = sha256_hex(token);
  const auto found = node_.db.read(call, [&](Tx& tx) {
    Found result{store::find_open(tx, hash), {}};
    if (result.open && result.open->kind == UserKind::staff) result.roles = store::list_roles(tx);
    return result;
  });
  if (!found.open) throw invalid_session();
  // Once a minute is exact enough for the idle time, and leaves the rest of the requests without a write.
  if (call.now - found.open->used_ms > 60'000) node_.db.write(call.unkeyed(), [&](Tx& tx) { store::mark_used(tx, found.open->id); });
  Principal principal{found.open->user_id, found.open->id, found.open->kind, {}};
  for (const auto& role : found.roles)
    if (std::ranges::find(found.open->roles.value, role.name) != found.open->roles.value.end())
      principal.permissions.insert(principal.permissions.end(), role.permissions.value.begin(), role.permissions.value.end());
  return principal;
}

http::Deferred Sessions::verified(std::string password, std::string hash, std::move_only_function<http::Outcome(bool matches)> next) {
  enum class Verdict { pending, wrong, right };
  const auto verdict = std::make_shared<std::atomic<Verdict>>(Verdict::pending);
  http::Deferred deferred;
  deferred.start = [this, verdict, password = std::move(password), hash = std::move(hash)](std::move_only_function<void()> resume) {
    const bool taken = hasher_.verify(password, hash, [verdict, resume = std::move(resume)](bool match) mutable {
      *verdict = match ? Verdict::right : Verdict::wrong;
      resume();
    });
    if (!taken) throw hasher_busy();
  };
  deferred.finish = [verdict, next = std::move(next)]() mutable -> http::Outcome {
    if (*verdict == Verdict::pending) throw hasher_busy();
    return next(*verdict == Verdict::right);
  };
  return deferred;
}

http::Deferred Sessions::hashed(std::string password, std::move_only_function<http::Outcome(const std::string& hash)> next) {
  struct Made {
    std::string hash;
    std::atomic<bool> is_done = false;
  };
  const auto made = std::make_shared<Made>();
  http::Deferred deferred;
  deferred.start = [this, made, password = std::move(password)](std::move_only_function<void()> resume) {
    const bool taken = hasher_.hash(password, [made, resume = std::move(resume)](std::string hash) mutable {
      made->hash = std::move(hash);
      made->is_done = true;
      resume();
    });
    if (!taken) throw hasher_busy();
  };
  deferred.finish = [made, next = std::move(next)]() mutable -> http::Outcome {
    if (!made->is_done) throw hasher_busy();
    return next(made->hash);
  };
  return deferred;
}

http::Outcome Sessions::sign_in(const Call& call, const std::string& client, const SignIn& wanted) {
  const auto email = normal_email(wanted.email);
  take_attempt("client " + http::ClientAddress::counted_as(client), call.now);
  take_attempt("account " + email, call.now);
  const auto user = users_.find(call, wanted.kind.value_or(UserKind::customer), email);
  // Whether there is such a user or not, a hash is computed, so that the time says nothing.
  const auto hash = user && !user->disabled ? user->password_hash : std::string();
  return verified(wanted.password, hash, [this, call = call.unkeyed(), hash, id = user ? user->id : UserId()](bool matches) -> http::Outcome {
    if (!matches) throw bad_credentials();
    return created(open(call, id, hash));
  });
}

http::Outcome Sessions::change_password(const Call& call, const std::string& token, const ChangePassword& wanted) {
  const auto id = user_of(call);
  const auto user = node_.db.read(call, [&](Tx& tx) { return store::find_user(tx, id); });
  if (!user) throw invalid_session();
  take_attempt("account " + user->email, call.now);
  check_password(wanted.new_password, user->email, "/new_password");
  const auto current = authenticate(call, token).session_id;
  const auto wrong = [] { return Problem::forbidden("invalid_credentials", "The current password is not right."); };
  return verified(wanted.current_password, user->password_hash,
                  [this, call = call.unkeyed(), id, current, wrong, old = user->password_hash, password = std::string(wanted.new_password)](bool matches) -> http::Outcome {
                    if (!matches) throw wrong();
                    return hashed(password, [this, call, id, current, wrong, old](const std::string& hash) -> http::Outcome {
                      node_.db.write(call, [&](Tx& tx) {
                        if (!store::replace_password(tx, id, old, hash)) throw wrong();  // another change was first
                        store::end_sessions_of_user(tx, id, current);                   // whoever knew the old one is out
                      });
                      http::Response response;
                      response.status = 204;
                      return response;
                    });
                  });
}

http::Outcome Sessions::create_staff(const Call& call, const NewStaff& wanted) {
  const auto email = normal_email(wanted.email);
  check_password(wanted.password, email);
  return hashed(wanted.password, [this, call = call.unkeyed(), user = CreateUser{{}, UserKind::staff, email, "", {wanted.roles.begin(), wanted.roles.end()}}](const std::string& hash) mutable -> http::Outcome {
    user.password_hash = hash;
    auto made = users_.create(call, user);
    const auto location = "/v1/admin/users/" + made.id.str();
    return http::detail::outcome_of(http::Created<User>{std::move(made), location});
  });
}

std::vector<Session> Sessions::list(const Call& call, const std::string& token) {
  const auto user = user_of(call);
  const auto hash = sha256_hex(token);
  std::vector<Session> sessions;
  for (const auto& row : node_.db.read(call, [&](Tx& tx) { return store::list_open_of_user(tx, user); }))
    sessions.push_back({row.id, row.created_ms, row.used_ms, row.expires_ms, row.token_hash == hash});
  return sessions;
}

void Sessions::end(const Call& call, const SessionId& id) {
  const auto user = user_of(call);
  if (!node_.db.write(call, [&](Tx& tx) { return store::end_session(tx, id, user); })) throw Problem::not_found("session", id.view());
}

void Sessions::end_current(const Call& call, const std::string& token) { end(call, authenticate(call, token).session_id); }

void Sessions::forget_old(const Call& call) {
  constexpr Timestamp kept_ms = 30LL * 24 * 3600 * 1000;
  node_.db.write(call, [&](Tx& tx) { store::delete_old_sessions(tx, tx.now() - kept_ms); });
}

}  // namespace polyshop::auth
