#include <doctest/doctest.h>

#include <latch>
#include <thread>

#include "../../src/modules/auth/module.hpp"
#include "auth/events.hpp"
#include "ground.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::auth {
namespace {

using http::Method;
using tests::Ground;
using tests::on_each_engine;

constexpr Timestamp minute = 60'000, day = 24 * 60 * minute;
const std::string ann = "ann@example.com";
const std::string password = "correct horse";

struct Said {
  std::string code;
  std::vector<FieldError> errors;
};
BOOST_DESCRIBE_STRUCT(Said, (), (code, errors))

template <class T>
T as(const http::Response& response) {
  return json::from_text<T>(response.body, json::Mode::lenient);
}

std::string code(const http::Response& response) { return response.status < 400 ? "" : as<Said>(response).code; }

template <class F>
std::string code_of(F&& run) {
  try {
    run();
  } catch (const Problem& problem) {
    return problem.code;
  }
  return "";
}

std::string field(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.fields)
    if (key == name) return value;
  return "";
}

using Fields = std::vector<std::pair<std::string, std::string>>;
Fields bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }

void go_to(Ground& ground, Timestamp at) { ground.clock().advance(at - ground.clock().now()); }

// The module on an opened ground, with what nearly every test does.
struct Shop {
  Ground& ground;
  Module module;
  Facade auth;
  explicit Shop(Ground& at) : ground(at), module(at.platform()) {
    ground.open();
    auth = module.node().use(module.facade(), "auth");
  }

  User make(UserKind kind, const std::string& email, std::vector<std::string> roles = {}) {
    return auth.create_user(ground.as_system(), {{}, kind, email, ground.platform().hasher.hash_now(password), std::move(roles)});
  }
  http::Response sign_in(const std::string& email, const std::string& with, const std::string& kind = "customer") {
    return ground.send(Method::post, "/v1/auth/sessions", R"({"email":")" + email + R"(","password":")" + with + R"(","kind":")" + kind + "\"}", ground.call());
  }
  OpenedSession open(const User& user) { return auth.open_session(ground.as_system(), {user.id}); }
  bool lives(const std::string& token) {
    return code_of([&] { auth.authenticate(ground.call(), {token}); }).empty();
  }
  std::int64_t count(auto sql, const auto&... arguments) {
    return module.node().db.read(ground.call(), [&](Tx& tx) { return tx.get<std::int64_t>(sql, arguments...); });
  }
};

void on_each(const std::function<void(Shop&)>& body) {
  on_each_engine([&](Ground& ground) {
    Shop shop(ground);
    body(shop);
  });
}

}  // namespace

TEST_CASE("signing in answers a token once, and keeps only its hash") {
  on_each([](Shop& shop) {
    const auto user = shop.make(UserKind::customer, "Ann@Example.com");
    CHECK(user.email == ann);
    const auto response = shop.sign_in("ANN@example.com", password);
    REQUIRE(response.status == 201);
    const auto session = as<OpenedSession>(response);
    CHECK(field(response, "Location") == "/v1/auth/sessions/" + session.id.str());
    CHECK(field(response, "Cache-Control") == "no-store");
    CHECK(session.user_id == user.id);
    const auto principal = shop.auth.authenticate(shop.ground.call(), {session.token});
    CHECK(principal.user_id == user.id);
    CHECK(principal.session_id == session.id);
    CHECK(principal.permissions.empty());
    CHECK(shop.count("SELECT count(*) AS n FROM auth_session WHERE token_hash = :token"_sql, session.token) == 0);
    CHECK(shop.count("SELECT count(*) AS n FROM auth_session WHERE token_hash = :hash"_sql, sha256_hex(session.token)) == 1);
    const auto mine = shop.ground.send(Method::get, "/v1/auth/sessions", "", shop.ground.as_customer(user.id.str()), bearer(session.token));
    REQUIRE(mine.status == 200);
    CHECK(mine.body.find(session.token) == std::string::npos);
    CHECK(mine.body.find(sha256_hex(session.token)) == std::string::npos);
    CHECK(mine.body.find("\"current\":true") != std::string::npos);
  });
}

TEST_CASE("who cannot sign in is told nothing about why") {
  on_each([](Shop& shop) {
    shop.make(UserKind::customer, ann);
    shop.auth.create_user(shop.ground.as_system(), {{}, UserKind::customer, "imported@example.com", "", {}});
    const auto bob = shop.make(UserKind::staff, "bob@example.com");
    const auto call = shop.ground.as_staff({"auth.write"});
    REQUIRE(shop.ground.send(Method::patch, "/v1/admin/users/" + bob.id.str(), R"({"disabled":true})", call, {{"If-Match", "\"1\""}}).status == 200);
    const auto unknown = shop.sign_in("nobody@example.com", password);
    CHECK(unknown.status == 401);
    CHECK(code(unknown) == "invalid_credentials");
    CHECK(shop.sign_in(ann, "wrong horse").body == unknown.body);
    CHECK(shop.sign_in(ann, password, "staff").body == unknown.body);  // another kind is another account
    CHECK(shop.sign_in("imported@example.com", password).body == unknown.body);
    CHECK(shop.sign_in("bob@example.com", password, "staff").body == unknown.body);
    CHECK(shop.sign_in("bob@example.com", "wrong horse", "staff").body == unknown.body);
    CHECK(code_of([&] { shop.open(bob); }) == "invalid_credentials");
  });
}

TEST_CASE("a session ends when it is idle, when it is old, and when its owner says so") {
  on_each([](Shop& shop) {
    const auto user = shop.make(UserKind::customer, ann);
    const auto idle = shop.open(user);
    go_to(shop.ground, shop.ground.clock().now() + idle.idle_ms - minute);
    CHECK(shop.lives(idle.token));  // which counts as a use
    go_to(shop.ground, shop.ground.clock().now() + idle.idle_ms - minute);
    CHECK(shop.lives(idle.token));
    go_to(shop.ground, shop.ground.clock().now() + idle.idle_ms);
    CHECK_FALSE(shop.lives(idle.token));

    const auto old = shop.open(user);
    const auto begin = shop.ground.clock().now();
    for (auto at = begin; at < old.expires_ms; at += old.idle_ms / 2) {
      go_to(shop.ground, at);
      CHECK(shop.lives(old.token));
    }
    go_to(shop.ground, old.expires_ms);
    CHECK_FALSE(shop.lives(old.token));

    const auto mine = shop.open(user), other = shop.open(user);
    const auto bob = shop.make(UserKind::customer, "bob@example.com");
    const auto bobs = shop.open(bob);
    const auto call = shop.ground.as_customer(user.id.str());
    CHECK(shop.ground.send(Method::del, "/v1/auth/sessions/" + bobs.id.str(), "", call, bearer(mine.token)).status == 404);
    CHECK(shop.lives(bobs.token));
    CHECK(shop.ground.send(Method::del, "/v1/auth/sessions/" + other.id.str(), "", call, bearer(mine.token)).status == 204);
    CHECK_FALSE(shop.lives(other.token));
    CHECK(shop.ground.send(Method::del, "/v1/auth/sessions/" + other.id.str(), "", call, bearer(mine.token)).status == 404);
    CHECK(shop.ground.send(Method::del, "/v1/auth/sessions/current", "", call, bearer(mine.token)).status == 204);
    CHECK_FALSE(shop.lives(mine.token));
    CHECK(shop.ground.send(Method::get, "/v1/auth/sessions", "", shop.ground.call()).status == 401);
    CHECK_FALSE(shop.lives("never was"));
    CHECK_FALSE(shop.lives(""));
  });
}

TEST_CASE("a session's use is written at most once a minute") {
  on_each([](Shop& shop) {
    const auto user = shop.make(UserKind::customer, ann);
    const auto session = shop.open(user);
    const auto opened = shop.ground.clock().now();
    const auto used = [&] { return shop.count("SELECT used_ms FROM auth_session WHERE id = :id"_sql, session.id); };
    go_to(shop.ground, opened + minute / 2);
    CHECK(shop.lives(session.token));
    CHECK(used() == opened);
    go_to(shop.ground, opened + minute + 1);
    CHECK(shop.lives(session.token));
    CHECK(used() == opened + minute + 1);
  });
}

TEST_CASE("changing the password ends the other sessions") {
  on_each([](Shop& shop) {
    const auto user = shop.make(UserKind::customer, ann);
    const auto mine = shop.open(user), other = shop.open(user);
    const auto call = shop.ground.as_customer(user.id.str());
    const auto change = [&](const std::string& now, const std::string& next) {
      return shop.ground.send(Method::post, "/v1/auth/password-changes", R"({"current_password":")" + now + R"(","new_password":")" + next + "\"}", call, bearer(mine.token));
    };
    const auto wrong = change("wrong horse", "battery staple");
    CHECK(wrong.status == 403);
    CHECK(code(wrong) == "invalid_credentials");
    const auto weak = change(password, "staple");
    CHECK(weak.status == 422);
    REQUIRE(as<Said>(weak).errors.size() == 1);
    CHECK(as<Said>(weak).errors[0].pointer == "/new_password");
    CHECK(shop.lives(other.token));
    CHECK(change(password, "battery staple").status == 204);
    CHECK(shop.lives(mine.token));
    CHECK_FALSE(shop.lives(other.token));
    CHECK(shop.sign_in(ann, password).status == 401);
    CHECK(shop.sign_in(ann, "battery staple").status == 201);
    CHECK(shop.ground.send(Method::post, "/v1/auth/password-changes", R"({"current_password":"x","new_password":"y"})", shop.ground.call()).status == 401);
  });
}

TEST_CASE("trying passwords becomes slow, for one account and for one client") {
  on_each([](Shop& shop) {
    shop.make(UserKind::customer, ann);
    int tries = 0;
    http::Response response;
    do response = shop.sign_in(ann, "wrong horse");
    while (response.status == 401 && ++tries < 1000);
    CHECK(tries == 30);
    CHECK(response.status == 429);
    CHECK(code(response) == "too_many_attempts");
    CHECK(field(response, "Retry-After") == "2");
    CHECK(shop.sign_in(ann, password).status == 429);  // the right one neither, or guessing would go on
    go_to(shop.ground, shop.ground.clock().now() + 2000);
    CHECK(shop.sign_in(ann, password).status == 201);
  });
}

TEST_CASE("the rules of an address") {
  for (const auto* good : {"a@b.c", " Ann@Example.com ", "ann+shop@mail.example.co.uk"}) CHECK(code_of([&] { normal_email(good); }).empty());
  for (const auto* bad : {"", " ", "ann", "@example.com", "ann@", "ann@example", "ann@.com", "ann@example.", "ann@b..c", "a@b@c.d", "a n@b.c", "a\tn@b.c", "<ann@b.c>", "a@b.c,d@e.f"}) {
    CAPTURE(bad);
    CHECK(code_of([&] { normal_email(bad); }) == "malformed_email");
  }
  CHECK(normal_email(" Ann@Example.COM") == ann);
  CHECK(code_of([&] { normal_email(std::string(250, 'a') + "@b.c"); }).empty());
  CHECK(code_of([&] { normal_email(std::string(251, 'a') + "@b.c"); }) == "malformed_email");
}

TEST_CASE("an address has one account of a kind, whoever comes first") {
  on_each([](Shop& shop) {
    std::latch start(8);
    std::atomic<int> made = 0, taken = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 8; ++i)
        threads.emplace_back([&, i] {
          start.arrive_and_wait();
          const auto said = code_of([&] { shop.auth.create_user(shop.ground.as_system(), {{}, UserKind::customer, i % 2 ? "ann@example.com" : "ANN@example.com", "", {}}); });
          ++(said.empty() ? made : taken);
          if (!said.empty()) CHECK(said == "email_taken");
        });
    }
    CHECK(made == 1);
    CHECK(taken == 7);
    shop.make(UserKind::staff, ann);  // another kind
    CHECK(shop.auth.find_user(shop.ground.call(), {UserKind::customer, "Ann@example.com"}).size() == 1);
    CHECK(shop.auth.find_user(shop.ground.call(), {UserKind::customer, "bob@example.com"}).empty());
  });
}

TEST_CASE("a new user is an event without personal data, and a repeated command is one user") {
  on_each([](Shop& shop) {
    const auto call = shop.ground.as_system().keyed("import/1");
    const CreateUser wanted{{}, UserKind::customer, ann, "", {}};
    const auto user = shop.auth.create_user(call, wanted);
    CHECK(shop.auth.create_user(call, wanted).id == user.id);
    while (shop.module.node().log.sequence()) {}
    const auto events = shop.module.node().log.read_after(0, 100);
    REQUIRE(events.size() == 1);
    CHECK(events[0].name == "auth.user_registered.v1");
    CHECK(events[0].aggregate == user.id.str());
    CHECK(events[0].data.find('@') == std::string::npos);
  });
}

TEST_CASE("nobody gives away a right that they do not have") {
  on_each([](Shop& shop) {
    shop.auth.define_role(shop.ground.as_system(), {"owner", {"auth.read", "auth.write", "order.write"}});
    const auto clerk = shop.ground.as_staff({"auth.read", "auth.write"});
    const auto define = [&](const std::string& name, const std::string& permissions) {
      return shop.ground.send(Method::put, "/v1/admin/roles/" + name, R"({"permissions":)" + permissions + "}", clerk);
    };
    CHECK(define("helper", R"(["auth.read"])").status == 200);
    CHECK(code(define("seller", R"(["order.write"])")) == "cannot_grant");
    CHECK(code(define("owner", R"(["auth.read"])")) == "cannot_grant");
    CHECK(code(define("helper", R"(["nonsense"])")) == "bad_permission");
    CHECK(code(define("two%20words", "[]")) == "bad_role_name");

    const auto create = [&](const std::string& email, const std::string& roles) {
      return shop.ground.send(Method::post, "/v1/admin/users", R"({"email":")" + email + R"(","password":"a long password","roles":)" + roles + "}", clerk);
    };
    CHECK(code(create("eve@example.com", R"(["owner"])")) == "cannot_grant");
    CHECK(code(create("eve@example.com", R"(["nothing"])")) == "unknown_role");
    CHECK(shop.auth.find_user(shop.ground.call(), {UserKind::staff, "eve@example.com"}).empty());
    const auto made = create("bob@example.com", R"(["helper"])");
    REQUIRE(made.status == 201);
    CHECK(made.body.find("password") == std::string::npos);
    const auto bob = as<User>(made);
    CHECK(field(made, "Location") == "/v1/admin/users/" + bob.id.str());
    CHECK(code(create("BOB@example.com", "[]")) == "email_taken");
    const auto session = as<OpenedSession>(shop.sign_in("bob@example.com", "a long password", "staff"));
    CHECK(shop.auth.authenticate(shop.ground.call(), {session.token}).permissions == std::vector<std::string>{"auth.read"});

    const auto target = "/v1/admin/users/" + bob.id.str();
    CHECK(code(shop.ground.send(Method::patch, target, R"({"roles":["owner"]})", clerk, {{"If-Match", "\"1\""}})) == "cannot_grant");
    CHECK(code(shop.ground.send(Method::patch, target, R"({"roles":[]})", shop.ground.as_staff({"auth.write"}, bob.id.str()), {{"If-Match", "\"1\""}})) == "cannot_change_self");
    CHECK(code(shop.ground.send(Method::del, "/v1/admin/roles/helper", "", clerk)) == "role_in_use");
    CHECK(shop.ground.send(Method::patch, target, R"({"roles":[]})", clerk, {{"If-Match", "\"1\""}}).status == 200);
    CHECK(shop.auth.authenticate(shop.ground.call(), {session.token}).permissions.empty());
    CHECK(shop.ground.send(Method::del, "/v1/admin/roles/helper", "", clerk).status == 204);
    CHECK(shop.ground.send(Method::del, "/v1/admin/roles/helper", "", clerk).status == 404);
    CHECK(shop.ground.send(Method::get, "/v1/admin/roles", "", clerk).body.find("owner") != std::string::npos);
  });
}

TEST_CASE("staff are listed, read and disabled; whoever is disabled is out") {
  on_each([](Shop& shop) {
    const auto customer = shop.make(UserKind::customer, ann);
    const auto bob = shop.make(UserKind::staff, "bob@example.com"), eve = shop.make(UserKind::staff, "eve@example.com");
    const auto call = shop.ground.as_staff({"auth.read", "auth.write"});
    const auto first = shop.ground.send(Method::get, "/v1/admin/users?limit=1", "", call);
    CHECK(first.body.find(bob.id.str()) != std::string::npos);
    CHECK(first.body.find("\"has_more\":true") != std::string::npos);
    CHECK(first.body.find("hash") == std::string::npos);
    const auto target = "/v1/admin/users/" + bob.id.str();
    const auto read = shop.ground.send(Method::get, target, "", call);
    CHECK(field(read, "ETag") == "\"1\"");
    CHECK(shop.ground.send(Method::get, "/v1/admin/users/" + customer.id.str(), "", call).status == 404);  // customers are the customer module's
    CHECK(shop.ground.send(Method::patch, "/v1/admin/users/" + customer.id.str(), R"({"disabled":true})", call, {{"If-Match", "\"1\""}}).status == 404);
    CHECK(shop.ground.send(Method::patch, target, R"({"disabled":true})", call).status == 428);

    const auto session = shop.open(bob);
    CHECK(shop.ground.send(Method::patch, target, R"({"disabled":true})", call, {{"If-Match", "\"1\""}}).status == 200);
    CHECK_FALSE(shop.lives(session.token));
    CHECK(shop.ground.send(Method::patch, target, R"({"disabled":false})", call, {{"If-Match", "\"1\""}}).status == 412);
    CHECK(shop.ground.send(Method::patch, target, R"({"disabled":false})", call, {{"If-Match", "\"2\""}}).status == 200);
    CHECK_FALSE(shop.lives(session.token));  // revoked stays revoked
    CHECK(shop.lives(shop.open(bob).token));
    CHECK(shop.ground.send(Method::get, "/v1/admin/users", "", shop.ground.as_customer(customer.id.str())).status == 403);
    CHECK(shop.ground.send(Method::post, "/v1/admin/users", "{}", shop.ground.as_staff({"auth.read"})).status == 403);
  });
}

TEST_CASE("of several changes of one version, one is made") {
  on_each([](Shop& shop) {
    for (int round = 0; round < 5; ++round) {
      const auto bob = shop.make(UserKind::staff, "bob" + std::to_string(round) + "@example.com");
      std::latch start(4);
      std::atomic<int> done = 0, refused = 0;
      {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
          threads.emplace_back([&, i] {
            start.arrive_and_wait();
            const auto status = shop.ground.send(Method::patch, "/v1/admin/users/" + bob.id.str(), i % 2 ? R"({"disabled":true})" : R"({"disabled":false})", shop.ground.as_staff({"auth.write"}), {{"If-Match", "\"1\""}}).status;
            if (status == 200) ++done;
            if (status == 412) ++refused;
          });
      }
      CHECK(done == 1);
      CHECK(refused == 3);
      CHECK(shop.auth.get_user(shop.ground.call(), {bob.id}).version == 2);
    }
  });
}

namespace {

// Sessions without their module, where a test needs to stand between the steps of a request.
struct Bare {
  bus::Node node;
  Users users;
  PasswordHasher hasher;
  Sessions sessions;
  explicit Bare(Ground& ground) : node(ground.platform(), "auth"), users(node), hasher(1, 1, {64, 1}), sessions(node, users, hasher, {{30 * day, 90 * day}, {60 * minute, day / 2}, 30}) {
    node.publishes<UserRegistered>();
    ground.open();
  }
};

void start_and_wait(http::Deferred& deferred) {
  std::latch resumed(1);
  deferred.start([&] { resumed.count_down(); });
  resumed.wait();
}

}  // namespace

TEST_CASE("a password that was changed meanwhile opens nothing, and a user disabled meanwhile neither") {
  on_each_engine([](Ground& ground) {
    Bare auth(ground);
    const auto user = auth.users.create(ground.as_system(), {{}, UserKind::staff, ann, auth.hasher.hash_now(password), {}});
    const SignIn wanted{Email(ann), Password(password), UserKind::staff};
    {
      auto outcome = auth.sessions.sign_in(ground.call(), "client", wanted);
      auto& deferred = std::get<http::Deferred>(outcome);
      start_and_wait(deferred);
      const auto hash = auth.hasher.hash_now("battery staple");
      auth.node.db.write(ground.call(), [&](Tx& tx) { tx.exec("UPDATE auth_user SET password_hash = :hash WHERE id = :id"_sql, hash, user.id); });
      CHECK(code_of([&] { deferred.finish(); }) == "invalid_credentials");
    }
    auto outcome = auth.sessions.sign_in(ground.call(), "client", {Email(ann), Password("battery staple"), UserKind::staff});
    auto& deferred = std::get<http::Deferred>(outcome);
    start_and_wait(deferred);
    ChangeStaff disable;
    disable.disabled = true;
    auth.users.change_staff(ground.as_system(), user.id, 1, disable);
    CHECK(code_of([&] { deferred.finish(); }) == "invalid_credentials");
    CHECK(auth.node.db.read(ground.call(), [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM auth_session"_sql); }) == 0);
  });
}

TEST_CASE("of two changes that prove the same password, the second is refused") {
  on_each_engine([](Ground& ground) {
    Bare auth(ground);
    const auto user = auth.users.create(ground.as_system(), {{}, UserKind::customer, ann, auth.hasher.hash_now(password), {}});
    const auto token = auth.sessions.open(ground.call(), user.id).token;
    const auto call = ground.as_customer(user.id.str());
    auto verified = [&](const char* next) {
      auto outcome = auth.sessions.change_password(call, token, {Password(password), Password(next)});
      start_and_wait(std::get<http::Deferred>(outcome));
      auto hashing = std::get<http::Deferred>(outcome).finish();
      start_and_wait(std::get<http::Deferred>(hashing));
      return hashing;
    };
    auto first = verified("the first password"), second = verified("the second password");
    CHECK(std::get<http::Response>(std::get<http::Deferred>(first).finish()).status == 204);
    CHECK(code_of([&] { std::get<http::Deferred>(second).finish(); }) == "invalid_credentials");
  });
}

TEST_CASE("a full hasher, and one that does not answer in time, are 503 and no wrong password") {
  Ground ground(Engine::sqlite);
  Bare auth(ground);
  auth.users.create(ground.as_system(), {{}, UserKind::customer, ann, auth.hasher.hash_now(password), {}});
  const SignIn wanted{Email(ann), Password(password), {}};
  std::latch taken(1), release(1);
  REQUIRE(auth.hasher.hash("x", [&](std::string) {
    taken.count_down();
    release.wait();
  }));
  taken.wait();
  REQUIRE(auth.hasher.hash("x", [](std::string) {}));
  auto outcome = auth.sessions.sign_in(ground.call(), "client", wanted);
  auto& deferred = std::get<http::Deferred>(outcome);
  try {
    deferred.start([] {});
    CHECK_MESSAGE(false, "a full hasher took another password");
  } catch (const Problem& problem) {
    CHECK(problem.status == 503);
    CHECK(problem.retry_after_s.has_value());
  }
  CHECK(code_of([&] { deferred.finish(); }) == "overloaded");  // what the shell does after its limit
  release.count_down();
}

TEST_CASE("sessions that ended a month ago are forgotten, others kept") {
  on_each_engine([](Ground& ground) {
    Bare auth(ground);
    const auto user = auth.users.create(ground.as_system(), {{}, UserKind::customer, ann, "", {}});
    const auto count = [&] { return auth.node.db.read(ground.call(), [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM auth_session"_sql); }); };
    const auto ended = auth.sessions.open(ground.call(), user.id);
    auth.sessions.end(ground.as_customer(user.id.str()), ended.id);
    const auto begin = ground.clock().now();
    go_to(ground, begin + 29 * day);
    auth.sessions.open(ground.call(), user.id);
    auth.sessions.forget_old(ground.as_system());
    CHECK(count() == 2);
    go_to(ground, begin + 31 * day);
    auth.sessions.forget_old(ground.as_system());
    CHECK(count() == 1);
    go_to(ground, begin + 29 * day + 60 * day + minute);  // idle since 30 days, and a month on top
    auth.sessions.forget_old(ground.as_system());
    CHECK(count() == 0);
  });
}

TEST_CASE("the rules of a password") {
  struct Case {
    std::string text;
    const char* code;
  };
  std::string wide;
  for (int i = 0; i < 200; ++i) wide += "\u00e4";
  for (const auto& one : std::vector<Case>{{"ten letter", ""}, {"nine char", "bad_password"}, {std::string(200, 'x'), ""}, {std::string(201, 'x'), "bad_password"}, {wide, ""}, {wide + "x", "bad_password"}, {"Ann@Example.com", "bad_password"}}) {
    CAPTURE(one.text);
    CHECK(code_of([&] { check_password(one.text, ann); }) == one.code);
  }
}

}  // namespace polyshop::auth
