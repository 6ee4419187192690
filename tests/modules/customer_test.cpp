#include <doctest/doctest.h>

#include <latch>
#include <thread>

#include "../../src/modules/auth/module.hpp"
#include "../../src/modules/customer/module.hpp"
#include "auth/events.hpp"
#include "ground.hpp"

namespace polyshop::customer {
namespace {

using http::Method;
using tests::Ground;
using tests::on_each_engine;

const std::string ann = "ann@example.com";
const std::string home = R"({"name":"Ann Poe","line1":"1 Hill","city":"Bonn","country":"DE","postal_code":"53111"})";

struct Said {
  std::string code;
};
BOOST_DESCRIBE_STRUCT(Said, (), (code))

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

struct Shop {
  Ground& ground;
  auth::Module users;
  Module module;
  auth::Facade auth;
  Facade customers;
  explicit Shop(Ground& at) : ground(at), users(at.platform()), module(at.platform(), users.node(), users.facade()) {
    ground.open();
    auth = users.node().use(users.facade(), "auth");
    customers = module.node().use(module.facade(), "customer");
  }

  http::Response sign_up(const std::string& email, const std::string& more = "") {
    return ground.send(Method::post, "/v1/store/customers", R"({"email":")" + email + R"(","password":"correct horse")" + more + "}", ground.call());
  }
  Registered registered(const std::string& email) {
    const auto response = sign_up(email, R"(,"first_name":"Ann","last_name":"Poe")");
    REQUIRE(response.status == 201);
    return as<Registered>(response);
  }
  Call as_customer(const Customer& customer) { return ground.as_customer(customer.user_id.str()); }
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

TEST_CASE("registering makes the account, the profile and a session in one call") {
  on_each([](Shop& shop) {
    const auto response = shop.sign_up("Ann@Example.com", R"(,"first_name":"Ann")");
    REQUIRE(response.status == 201);
    CHECK(field(response, "Location") == "/v1/store/customers/me");
    CHECK(field(response, "Cache-Control") == "no-store");
    const auto made = as<Registered>(response);
    CHECK(made.customer.email == ann);
    CHECK(made.customer.first_name == "Ann");
    const auto principal = shop.auth.authenticate(shop.ground.call(), {made.session.token});
    CHECK(principal.user_id == made.customer.user_id);
    CHECK(shop.customers.get_customer(shop.ground.call(), {made.customer.user_id}).id == made.customer.id);
    CHECK(shop.ground.send(Method::post, "/v1/auth/sessions", R"({"email":"ann@example.com","password":"correct horse"})", shop.ground.call()).status == 201);
    const auto again = shop.sign_up("ANN@example.com");
    CHECK(again.status == 409);
    CHECK(code(again) == "email_taken");
    CHECK(shop.count("SELECT count(*) AS n FROM customer"_sql) == 1);
    CHECK(shop.count("SELECT count(*) AS n FROM keyed_command"_sql) == 0);  // secrets went in and out
  });
}

TEST_CASE("the rules of a registration") {
  struct Case {
    const char* body;
    const char* code;
  };
  Ground ground(Engine::sqlite);
  Shop shop(ground);
  for (const auto& one : std::vector<Case>{{R"({"email":"nobody","password":"correct horse"})", "malformed_email"},
                                           {R"({"email":"a@b..c","password":"correct horse"})", "malformed_email"},
                                           {R"({"email":"ann@example.com","password":"nine char"})", "bad_password"},
                                           {R"({"email":"ann@example.com","password":"ann@example.com"})", "bad_password"},
                                           {R"({"email":"ann@example.com","password":"ANN@Example.com"})", "bad_password"},
                                           {R"({"email":"Ann@Example.com","password":"ann@example.com"})", "bad_password"}}) {
    CAPTURE(one.body);
    CHECK(code(ground.send(Method::post, "/v1/store/customers", one.body, ground.call())) == one.code);
  }
  CHECK(shop.count("SELECT count(*) AS n FROM customer"_sql) == 0);
}

TEST_CASE("auth and customer agree on what an e-mail address is") {
  for (const auto* text : {"a@b.c", "ann+shop@mail.example.co.uk", "", "ann", "@example.com", "ann@", "ann@example", "ann@.com", "ann@example.", "ann@b..c", "a@b@c.d", "a n@b.c", "a\tn@b.c", "<ann@b.c>", "a@b.c,d@e.f", "a;b@c.d"}) {
    CAPTURE(text);
    CHECK(is_email(text) == code_of([&] { auth::normal_email(text); }).empty());
  }
}

TEST_CASE("whichever path comes first, an account has one profile") {
  on_each([](Shop& shop) {
    // The request died between the account and the profile: the event finishes it.
    const auto user = shop.auth.create_user(shop.ground.as_system(), {{}, auth::UserKind::customer, ann, "", {}});
    shop.auth.create_user(shop.ground.as_system(), {{}, auth::UserKind::staff, "bob@example.com", "", {}});
    CHECK(code_of([&] { shop.customers.get_customer(shop.ground.call(), {user.id}); }) == "not_found");
    shop.ground.deliver_events();
    const auto profile = shop.customers.get_customer(shop.ground.call(), {user.id});
    CHECK(profile.email == ann);
    CHECK(shop.count("SELECT count(*) AS n FROM customer"_sql) == 1);  // staff are no customers

    // The request was first: the event changes nothing.
    const auto eve = shop.registered("eve@example.com").customer;
    shop.ground.deliver_events();
    const auto after = shop.customers.get_customer(shop.ground.call(), {eve.user_id});
    CHECK(after.id == eve.id);
    CHECK(after.first_name == "Ann");
    CHECK(after.version == 1);

    // The event was first: the request gives the names to the same row.
    auto late = profile;
    late.first_name = "Ann";
    const auto upserted = shop.module.node().db.write(shop.ground.call(), [&](Tx& tx) { return store::upsert_customer(tx, late); });
    CHECK(upserted.id == profile.id);
    CHECK(upserted.first_name == "Ann");
    CHECK(shop.count("SELECT count(*) AS n FROM customer"_sql) == 2);

    while (shop.users.node().log.sequence()) {}
    for (auto* node : shop.ground.platform().nodes)
      for (const auto& event : node->log.read_after(0, 100)) {
        CHECK(event.data.find('@') == std::string::npos);
        CHECK(event.data.find("Poe") == std::string::npos);
      }
  });
}

TEST_CASE("a customer reads and changes the own profile") {
  on_each([](Shop& shop) {
    const auto made = shop.registered(ann).customer;
    const auto call = shop.as_customer(made);
    const auto read = shop.ground.send(Method::get, "/v1/store/customers/me", "", call);
    CHECK(field(read, "ETag") == "\"1\"");
    auto changed = shop.ground.send(Method::patch, "/v1/store/customers/me", R"({"first_name":"Anna","last_name":null})", call);
    REQUIRE(changed.status == 200);
    CHECK(as<Customer>(changed).first_name == "Anna");
    CHECK(as<Customer>(changed).last_name.empty());
    CHECK(field(changed, "ETag") == "\"2\"");
    CHECK(shop.ground.send(Method::patch, "/v1/store/customers/me", R"({"phone":"1"})", call, {{"If-Match", "\"1\""}}).status == 412);
    CHECK(shop.ground.send(Method::patch, "/v1/store/customers/me", R"({"phone":"1"})", call, {{"If-Match", "\"2\""}}).status == 200);
    CHECK(shop.ground.send(Method::patch, "/v1/store/customers/me", R"({"email":"x@y.z"})", call).status == 400);
    CHECK(shop.ground.send(Method::get, "/v1/store/customers/me", "", shop.ground.call()).status == 401);
    CHECK(shop.ground.send(Method::get, "/v1/store/customers/me", "", shop.ground.as_staff({"customer.read"})).status == 403);
  });
}

TEST_CASE("a customer keeps addresses that nobody else sees") {
  on_each([](Shop& shop) {
    const auto call = shop.as_customer(shop.registered(ann).customer), bobs = shop.as_customer(shop.registered("bob@example.com").customer);
    const std::string all = "/v1/store/customers/me/addresses";
    const auto made = shop.ground.send(Method::post, all, home, call);
    REQUIRE(made.status == 201);
    const auto target = field(made, "Location");
    CHECK(code(shop.ground.send(Method::post, all, R"({"name":"A","line1":"1","city":"B","country":"XX"})", call)) == "unknown_country");
    const std::string moved = R"({"name":"A","line1":"1","city":"Berlin","country":"DE"})";
    CHECK(shop.ground.send(Method::put, target, moved, call, {{"If-Match", "\"1\""}}).status == 200);
    CHECK(shop.ground.send(Method::put, target, moved, call, {{"If-Match", "\"1\""}}).status == 412);
    CHECK(shop.ground.send(Method::get, target, "", call).body.find("Berlin") != std::string::npos);
    CHECK(shop.ground.send(Method::get, target, "", bobs).status == 404);
    CHECK(shop.ground.send(Method::put, target, moved, bobs).status == 404);
    CHECK(shop.ground.send(Method::del, target, "", bobs).status == 404);
    CHECK(shop.ground.send(Method::del, target, "", call).status == 204);
    CHECK(shop.ground.send(Method::get, target, "", call).status == 404);
  });
}

TEST_CASE("of several changes of one version of an address, one is made") {
  on_each([](Shop& shop) {
    const auto call = shop.as_customer(shop.registered(ann).customer);
    for (int round = 0; round < 5; ++round) {
      const auto made = shop.ground.send(Method::post, "/v1/store/customers/me/addresses", home, call);
      const auto target = field(made, "Location");
      std::latch start(4);
      std::atomic<int> done = 0, refused = 0;
      {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
          threads.emplace_back([&, i] {
            start.arrive_and_wait();
            const auto status = shop.ground.send(Method::put, target, R"({"name":"A","line1":"1","country":"DE","city":"City )" + std::to_string(i) + "\"}", call, {{"If-Match", "\"1\""}}).status;
            if (status == 200) ++done;
            if (status == 412) ++refused;
          });
      }
      CHECK(done == 1);
      CHECK(refused == 3);
      CHECK(field(shop.ground.send(Method::get, target, "", call), "ETag") == "\"2\"");
    }
  });
}

TEST_CASE("an address book has an end") {
  Ground ground(Engine::sqlite);
  Shop shop(ground);
  const auto call = shop.as_customer(shop.registered(ann).customer);
  for (int i = 0; i < 100; ++i) REQUIRE(ground.send(Method::post, "/v1/store/customers/me/addresses", home, call).status == 201);
  CHECK(code(ground.send(Method::post, "/v1/store/customers/me/addresses", home, call)) == "too_many_addresses");
}

TEST_CASE("staff find customers by address and name, and change profiles") {
  on_each([](Shop& shop) {
    const auto customer = shop.registered(ann).customer;
    shop.registered("bob@example.com");
    shop.ground.send(Method::post, "/v1/store/customers/me/addresses", home, shop.as_customer(customer));
    const auto call = shop.ground.as_staff({"customer.read", "customer.write"});
    const auto ids = [&](const std::string& query) {
      const auto response = shop.ground.send(Method::get, "/v1/admin/customers" + query, "", call);
      REQUIRE(response.status == 200);
      int found = 0;
      for (auto at = response.body.find("\"id\":"); at != std::string::npos; at = response.body.find("\"id\":", at + 1)) ++found;
      return found;
    };
    CHECK(ids("") == 2);
    CHECK(ids("?q=ANN@") == 1);
    CHECK(ids("?q=poe") == 2);
    CHECK(ids("?q=example") == 0);  // a prefix
    const auto first = shop.ground.send(Method::get, "/v1/admin/customers?limit=1", "", call);
    CHECK(first.body.find("\"has_more\":true") != std::string::npos);

    const auto target = "/v1/admin/customers/" + customer.id.str();
    const auto read = shop.ground.send(Method::get, target, "", call);
    CHECK(read.body.find("1 Hill") != std::string::npos);
    CHECK(field(read, "ETag") == "\"1\"");
    CHECK(shop.ground.send(Method::patch, target, R"({"phone":"1"})", call).status == 428);
    CHECK(shop.ground.send(Method::patch, target, R"({"phone":"1"})", call, {{"If-Match", "\"1\""}}).status == 200);
    CHECK(shop.ground.send(Method::patch, target, R"({"phone":"2"})", call, {{"If-Match", "\"1\""}}).status == 412);
    CHECK(shop.ground.send(Method::get, "/v1/admin/customers/" + CustomerId::make(1).str(), "", call).status == 404);
    CHECK(shop.ground.send(Method::patch, target, "{}", shop.ground.as_staff({"customer.read"})).status == 403);
    CHECK(shop.ground.send(Method::get, target, "", shop.as_customer(customer)).status == 403);
  });
}

TEST_CASE("an import is safe to repeat, changes nothing when dry, and leaves bad rows aside alone") {
  on_each([](Shop& shop) {
    Address address{Text<1, 200>("Ann Poe"), {}, Text<1, 200>("1 Hill"), {}, Text<1, 120>("Bonn"), {}, {}, Country("DE"), {}};
    auto abroad = address;
    abroad.country = Country("XX");
    ImportCustomers rows;
    rows.rows = {{2, "Ann@example.com", "Ann", "Poe", {}, address},
                 {3, "nobody", {}, {}, {}, {}},
                 {4, "bob@example.com", std::string(101, 'x'), {}, {}, {}},
                 {5, "bob@example.com", {}, {}, std::string(41, '1'), {}},
                 {6, "bob@example.com", {}, {}, {}, abroad},
                 {7, "eve@example.com", "Eve", {}, {}, {}},
                 {8, ann, "Ann", {}, {}, address}};
    rows.dry_run = true;
    const auto dry = shop.customers.import_customers(shop.ground.as_system(), rows);
    CHECK(dry.faults.size() == 4);
    CHECK(dry.created >= 2);
    CHECK(shop.count("SELECT count(*) AS n FROM customer"_sql) == 0);
    CHECK(shop.auth.find_user(shop.ground.call(), {auth::UserKind::customer, ann}).empty());

    rows.dry_run = false;
    const auto first = shop.customers.import_customers(shop.ground.as_system(), rows);
    CHECK(first.created == 2);
    CHECK(first.unchanged == 1);
    REQUIRE(first.faults.size() == 4);
    std::string faults;
    for (const auto& fault : first.faults) faults += std::to_string(fault.line) + " " + fault.code + ", ";
    CHECK(faults == "3 bad_email, 4 bad_name, 5 bad_phone, 6 unknown_country, ");
    shop.ground.deliver_events();
    const auto again = shop.customers.import_customers(shop.ground.as_system(), rows);
    CHECK(again.unchanged == 3);
    CHECK(again.created + again.changed == 0);
    CHECK(shop.count("SELECT count(*) AS n FROM customer"_sql) == 2);
    CHECK(shop.count("SELECT count(*) AS n FROM customer_address"_sql) == 1);

    rows.rows = {{2, ann, {}, "Roe", {}, {}}};
    CHECK(shop.customers.import_customers(shop.ground.as_system(), rows).changed == 1);
    const auto user = shop.auth.find_user(shop.ground.call(), {auth::UserKind::customer, ann}).at(0);
    const auto profile = shop.customers.get_customer(shop.ground.call(), {user.id});
    CHECK(profile.first_name == "Ann");
    CHECK(profile.last_name == "Roe");
    CHECK(shop.ground.send(Method::post, "/v1/auth/sessions", R"({"email":"ann@example.com","password":"correct horse"})", shop.ground.call()).status == 401);
    rows.rows.resize(1001);
    CHECK(code_of([&] { shop.customers.import_customers(shop.ground.as_system(), rows); }) == "too_many");
  });
}

TEST_CASE("an imported address that could not be read again is a fault of its row") {
  Ground ground(Engine::sqlite);  // with local facades: nothing has read the address strictly before
  Shop shop(ground);
  ImportCustomers rows;
  rows.rows = {{2, ann, "Ann", {}, {}, Address{Text<1, 200>("Ann"), {}, Text<1, 200>(""), {}, Text<1, 120>("Bonn"), {}, {}, Country("DE"), {}}}};
  const auto result = shop.customers.import_customers(ground.as_system(), rows);
  REQUIRE(result.faults.size() == 1);
  CHECK(result.faults[0].code == "bad_address");
  CHECK(result.created == 0);
  CHECK(shop.auth.find_user(ground.call(), {auth::UserKind::customer, ann}).empty());
}

}  // namespace polyshop::customer
