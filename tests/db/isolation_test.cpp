#include <cstdlib>
#include <filesystem>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "kernel/db/isolation.hpp"
#include "kernel/db/provision.hpp"
#include "kernel/security/scram.hpp"

// What polyshop provision makes and what the self-test at start refuses, on a real server; and files that modules share.
namespace polyshop::tests {
namespace {

const char* server() { return std::getenv("POLYSHOP_TEST_POSTGRESQL"); }

std::string unique_name() {
  const auto id = make_id_text(SystemClock().now());
  return "polyshop_test_" + std::string(id.begin(), id.end());
}

// Modules with two roles each, on the test server; everything is dropped again.
class Provisioned {
 public:
  enum class Shape { schema_each, database_each, server_each };

  explicit Provisioned(Shape shape = Shape::schema_each) : name_(unique_name()) {
    for (const auto* module : {"catalog", "order", "payment"}) {
      auto connection = std::string(server()) + " dbname=" + name_;
      if (shape != Shape::schema_each) connection += fmt::format("_{}", module);
      if (shape == Shape::server_each && std::string_view(module) == "payment") connection += " host=localhost";  // the same machine under another name
      DatabaseOptions options;
      options.engine = Engine::postgresql;
      options.url = fmt::format("{} user={}", connection, role(module));
      options.migrate_url = options.url + "_owner";
      options.lanes = 1;
      databases_.push_back(std::make_unique<Database>(module, options, clock_, metrics_));
      places_.push_back({module, db::target_of(options.url), db::target_of(options.migrate_url)});
    }
  }
  ~Provisioned() {
    for (auto& database : databases_) database->close();
    for (const auto& place : places_) administer(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", place.runs.database));
    for (const auto& place : places_) administer(fmt::format("DROP ROLE IF EXISTS {}, {}", place.runs.role, place.migrates.role));
  }

  void provision(const std::map<std::string, std::string>& verifiers = {}) {
    std::map<std::string, std::vector<db::ProvisionStep>> by_server;
    for (auto& step : db::provision_steps(places_, verifiers, false)) by_server[step.server].push_back(std::move(step));
    servers = by_server.size();
    for (const auto& [name, steps] : by_server) db::run_provision(steps, server());
  }
  void open() {
    for (auto& database : databases_) {
      database->migrate();
      database->open();
    }
  }
  std::vector<db::IsolationFault> faults() {
    std::vector<db::IsolationFault> all;
    for (std::size_t i = 0; i < databases_.size(); ++i) {
      std::vector<std::string> foreign;
      for (const auto& place : places_)
        if (place.runs.server() == places_[i].runs.server() && place.runs.database != places_[i].runs.database) foreign.push_back(place.runs.database);
      std::ranges::move(db::isolation_faults(*databases_[i], foreign, false), std::back_inserter(all));
    }
    return all;
  }
  std::string role(std::string_view module) const { return fmt::format("{}_{}", name_, module); }
  Database& database(std::string_view module) { return **std::ranges::find_if(databases_, [&](const auto& one) { return one->module() == module; }); }
  const db::Place& place(std::string_view module) const { return *std::ranges::find(places_, module, &db::Place::module); }

  void administer(const std::string& sql) { run_as(server(), sql); }
  void administer_in(std::string_view module, const std::string& sql) { run_as(db::with_setting(server(), "dbname", place(module).runs.database), sql); }
  // Whether a role gets through with it.
  static bool may(const std::string& connection, const std::string& sql) {
    try {
      run_as(connection, sql);
      return true;
    } catch (const db::SessionError&) {
      return false;
    }
  }
  std::size_t servers = 0;

 private:
  static void run_as(const std::string& connection, const std::string& sql) { db::open_session({Engine::postgresql, connection, "public", false})->script(sql); }
  const std::string name_;
  ManualClock clock_;
  Metrics metrics_;
  std::vector<std::unique_ptr<Database>> databases_;
  std::vector<db::Place> places_;
};

std::string text_of(const std::vector<db::IsolationFault>& faults) {
  std::string text;
  for (const auto& fault : faults) text += fmt::format("{}: {}. {}.\n", fault.module, fault.what, fault.remedy);
  return text;
}

}  // namespace

TEST_CASE("a provisioned role runs its module and reaches nothing else, in every shape" * doctest::skip(!server())) {
  using Shape = Provisioned::Shape;
  for (const auto shape : {Shape::schema_each, Shape::database_each, Shape::server_each}) {
    CAPTURE(static_cast<int>(shape));
    Provisioned shop(shape);
    shop.provision();
    CHECK(shop.servers == (shape == Shape::server_each ? 2 : 1));
    shop.open();
    shop.provision();  // again, with tables there
    CHECK(text_of(shop.faults()) == "");

    const auto& order = shop.database("order");
    const auto runs = order.options().url, owns = order.options().migrate_url;
    auto& database = shop.database("order");
    const auto count = database.write({}, [](Tx& tx) { return tx.exec("UPDATE event_head SET position = position + 1"_postgresql); });
    CHECK(count == 1);
    // A later migration's table, and its identity column, whose sequence needs no right.
    REQUIRE(Provisioned::may(owns, R"(CREATE TABLE "order".later (id bigint GENERATED ALWAYS AS IDENTITY, name text))"));
    CHECK(Provisioned::may(runs, R"(INSERT INTO "order".later (name) VALUES ('a'); UPDATE "order".later SET name = 'b'; DELETE FROM "order".later)"));

    CHECK(!Provisioned::may(runs, R"(CREATE TABLE "order".mine (id bigint))"));
    CHECK(!Provisioned::may(runs, "CREATE TABLE public.mine (id bigint)"));
    CHECK(!Provisioned::may(runs, "CREATE TEMPORARY TABLE mine (id bigint)"));
    CHECK(!Provisioned::may(runs, "CREATE SCHEMA mine"));
    CHECK(!Provisioned::may(runs, R"(TRUNCATE "order".later)"));
    CHECK(!Provisioned::may(runs, R"(DROP TABLE "order".later)"));
    CHECK(!Provisioned::may(runs, fmt::format("SET ROLE {}_owner", shop.role("order"))));
    if (shape == Shape::schema_each) {
      CHECK(!Provisioned::may(runs, "SELECT 1 FROM payment.payment"));
      CHECK(!Provisioned::may(owns, "SELECT 1 FROM payment.payment"));
      CHECK(!Provisioned::may(owns, "CREATE TABLE payment.mine (id bigint)"));
    } else {
      CHECK(!Provisioned::may(db::with_setting(runs, "dbname", shop.place("payment").runs.database), "SELECT 1"));
      CHECK(!Provisioned::may(db::with_setting(owns, "dbname", shop.place("payment").runs.database), "SELECT 1"));
    }
    if (shape == Shape::database_each) {
      const auto foreign = shop.place("payment").runs.database;
      shop.administer(fmt::format("GRANT CONNECT ON DATABASE {} TO PUBLIC", foreign));
      CHECK(text_of(shop.faults()).find(fmt::format("has CONNECT on the DATABASE {0}, as PUBLIC has. REVOKE CONNECT ON DATABASE {0} FROM PUBLIC", foreign)) != std::string::npos);
    }
  }
}

TEST_CASE("every right too many is named with what takes it away" * doctest::skip(!server())) {
  Provisioned shop;
  shop.provision();
  shop.open();
  REQUIRE(text_of(shop.faults()) == "");
  const auto order = shop.role("order"), payment = shop.role("payment"), database = shop.place("order").runs.database;
  struct Case {
    std::string grant;
    std::string what;
    std::string remedy;
  };
  const std::vector<Case> cases{
      {"ALTER ROLE {order} SUPERUSER", "is SUPERUSER", "ALTER ROLE {order} NOSUPERUSER"},
      {"ALTER ROLE {order} CREATEDB", "is CREATEDB", "ALTER ROLE {order} NOCREATEDB"},
      {"ALTER ROLE {order} CREATEROLE", "is CREATEROLE", "ALTER ROLE {order} NOCREATEROLE"},
      {"ALTER ROLE {order} REPLICATION", "is REPLICATION", "ALTER ROLE {order} NOREPLICATION"},
      {"ALTER ROLE {order} BYPASSRLS", "is BYPASSRLS", "ALTER ROLE {order} NOBYPASSRLS"},
      {"GRANT pg_read_all_data TO {order}", "is a member of pg_read_all_data", "REVOKE pg_read_all_data FROM {order}"},
      {"GRANT pg_write_server_files TO {order}", "is a member of pg_write_server_files", "REVOKE pg_write_server_files FROM {order}"},
      {"GRANT {payment} TO {order}", "is a member of {payment}", "REVOKE {payment} FROM {order}"},
      {"GRANT {order}_owner TO {order}", "is a member of {order}_owner", "REVOKE {order}_owner FROM {order}"},
      {"GRANT USAGE ON SCHEMA payment TO {order}", "has USAGE on the SCHEMA payment", "REVOKE USAGE ON SCHEMA payment FROM {order}"},
      {"GRANT USAGE ON SCHEMA payment TO PUBLIC", "has USAGE on the SCHEMA payment, as PUBLIC has", "REVOKE USAGE ON SCHEMA payment FROM PUBLIC"},
      {"GRANT USAGE ON SCHEMA public TO PUBLIC", "has USAGE on the SCHEMA public", "REVOKE USAGE ON SCHEMA public FROM PUBLIC"},
      {"GRANT SELECT ON payment.payment TO {order}", "has SELECT on the TABLE payment.payment", "REVOKE SELECT ON TABLE payment.payment FROM {order}"},
      {"GRANT SELECT ON payment.payment TO PUBLIC", "has SELECT on the TABLE payment.payment, as PUBLIC has", "REVOKE SELECT ON TABLE payment.payment FROM PUBLIC"},
      {"GRANT UPDATE (version) ON payment.payment TO {order}", "has UPDATE (version) on the TABLE payment.payment", "REVOKE UPDATE (version) ON TABLE payment.payment FROM {order}"},
      {"GRANT USAGE ON SEQUENCE payment.event_staging_number_seq TO {order}", "has USAGE on the SEQUENCE payment.event_staging_number_seq", "REVOKE USAGE ON SEQUENCE payment.event_staging_number_seq FROM {order}"},
      {"ALTER TABLE payment.payment_refund OWNER TO {order}", "owns the TABLE payment.payment_refund", "ALTER TABLE payment.payment_refund OWNER TO"},
      {"GRANT CREATE ON SCHEMA \"order\" TO {order}", "has CREATE on the SCHEMA \"order\"", "REVOKE CREATE ON SCHEMA \"order\" FROM {order}"},
      {"GRANT TRUNCATE ON \"order\".shop_order TO {order}", "has TRUNCATE on the TABLE \"order\".shop_order", "REVOKE TRUNCATE ON TABLE \"order\".shop_order FROM {order}"},
      {"ALTER TABLE \"order\".shop_order OWNER TO {order}", "owns the TABLE \"order\".shop_order", "ALTER TABLE \"order\".shop_order OWNER TO"},
      {"GRANT CREATE ON DATABASE {database} TO {order}", "has CREATE on the DATABASE {database}", "REVOKE CREATE ON DATABASE {database} FROM {order}"},
      {"GRANT TEMPORARY ON DATABASE {database} TO PUBLIC", "has TEMPORARY on the DATABASE {database}, as PUBLIC has", "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC"},
      {"CREATE FUNCTION public.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM payment.payment'", "has EXECUTE on the ROUTINE public.peek(), as PUBLIC has", "REVOKE EXECUTE ON ROUTINE public.peek() FROM PUBLIC"},
      {"GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {order}", "has EXECUTE on the ROUTINE pg_read_file(text)", "REVOKE EXECUTE ON ROUTINE pg_read_file(text) FROM {order}"},
      {"GRANT EXECUTE ON FUNCTION pg_ls_dir(text) TO PUBLIC", "has EXECUTE on the ROUTINE pg_ls_dir(text), as PUBLIC has", "REVOKE EXECUTE ON ROUTINE pg_ls_dir(text) FROM PUBLIC"},
      {"GRANT SELECT ON pg_authid TO {order}", "has SELECT on the TABLE pg_catalog.pg_authid", "REVOKE SELECT ON TABLE pg_catalog.pg_authid FROM {order}"},
      {"GRANT SELECT ON pg_statistic TO PUBLIC", "has SELECT on the TABLE pg_catalog.pg_statistic, as PUBLIC has", "REVOKE SELECT ON TABLE pg_catalog.pg_statistic FROM PUBLIC"},
      {"REVOKE INSERT ON \"order\".shop_order FROM {order}", "lacks rights on its own table \"order\".shop_order", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \"order\" TO {order}"},
  };
  const auto filled = [&](std::string text) {
    for (const auto& [name, value] : {std::pair("order", order), std::pair("payment", payment), std::pair("database", database)}) text = db::with_value(text, name, value);
    return text;
  };
  for (const auto& one : cases) {
    CAPTURE(one.grant);
    shop.administer_in("order", filled(one.grant));
    const auto text = text_of(shop.faults());
    CAPTURE(text);
    CHECK(text.find("order: the role " + order + " " + filled(one.what)) != std::string::npos);
    CHECK(text.find(filled(one.remedy)) != std::string::npos);
    // The remedy is a statement that works; one that changes an owner names nobody.
    auto remedy = filled(one.remedy);
    if (remedy.ends_with("OWNER TO")) remedy += fmt::format(" {}_owner", one.grant.find("payment") == std::string::npos ? order : payment);
    shop.administer_in("order", remedy);
    if (remedy.find(" OWNER TO ") != std::string::npos) shop.provision();  // who owned it has lost the rights it had before
    REQUIRE(text_of(shop.faults()) == "");
  }
}

TEST_CASE("a session that does not commit durably, or looks into another schema, is refused" * doctest::skip(!server())) {
  Provisioned shop;
  shop.provision();
  shop.open();
  auto& order = shop.database("order");  // has one lane, so the settings are those of the session that is looked at
  order.read({}, [](Tx& tx) { return tx.get<std::string>("SELECT set_config('synchronous_commit', 'off', false) AS value"_postgresql); });
  CHECK(text_of(shop.faults()).starts_with("order: synchronous_commit is off"));
  CHECK(text_of(db::isolation_faults(order, {}, true)).starts_with("order: synchronous_commit is off"));  // in development too
  order.read({}, [](Tx& tx) { return tx.get<std::string>("SELECT set_config('synchronous_commit', 'on', false) AS value"_postgresql); });
  order.read({}, [](Tx& tx) { return tx.get<std::string>("SELECT set_config('search_path', 'pg_catalog', false) AS value"_postgresql); });
  CHECK(text_of(shop.faults()).find("its tables are looked for in the schema \"pg_catalog\"") != std::string::npos);
}

TEST_CASE("a role that only runs leaves missing migrations to the one that owns the tables" * doctest::skip(!server())) {
  Provisioned shop;
  shop.provision();
  auto options = shop.database("order").options();
  options.migrate_url.clear();
  ManualClock clock;
  Metrics metrics;
  Database only_runs("order", options, clock, metrics);
  try {
    only_runs.migrate();
    FAIL("it migrated");
  } catch (const Problem& problem) {
    CHECK(problem.code == "may_not_migrate");
    CHECK(problem.detail.find(shop.role("order")) != std::string::npos);
  }
  CHECK(!shop.database("order").migrate().empty());
  CHECK(only_runs.migrate().empty());
  CHECK(only_runs.plan().empty());
}

TEST_CASE("tables of a shop that ran with one role come to the role that migrates" * doctest::skip(!server())) {
  Provisioned shop;
  shop.provision();
  shop.open();
  shop.administer_in("order", R"(ALTER TABLE "order".shop_order OWNER TO CURRENT_USER; ALTER SCHEMA "order" OWNER TO CURRENT_USER)");
  REQUIRE(!Provisioned::may(shop.database("order").options().migrate_url, R"(ALTER TABLE "order".shop_order ADD COLUMN added text)"));
  shop.provision();
  CHECK(Provisioned::may(shop.database("order").options().migrate_url, R"(ALTER TABLE "order".shop_order ADD COLUMN added text)"));
}

TEST_CASE("an administrator who is no superuser can provision" * doctest::skip(!server())) {
  Provisioned shop;
  const auto administrator = shop.role("admin");
  shop.administer(fmt::format("CREATE ROLE {} LOGIN CREATEDB CREATEROLE", administrator));
  std::vector<db::Place> places{shop.place("catalog"), shop.place("order"), shop.place("payment")};
  for (int i = 0; i < 2; ++i) db::run_provision(db::provision_steps(places, {}, false), fmt::format("{} dbname=postgres user={}", server(), administrator));
  shop.open();
  CHECK(text_of(shop.faults()) == "");
  for (auto* module : {"catalog", "order", "payment"}) shop.database(module).close();
  shop.administer(fmt::format("DROP DATABASE {} WITH (FORCE)", places[0].runs.database));
  shop.administer(fmt::format("DROP ROLE {}", administrator));
}

TEST_CASE("the server keeps the verifier it is given" * doctest::skip(!server())) {
  Provisioned shop;
  const auto verifier = scram_verifier("correct horse");
  shop.provision({{shop.role("order"), verifier}});
  const auto session = db::open_session({Engine::postgresql, server(), "public", false});
  Tx tx(*session, 0, nullptr);
  CHECK(tx.get<std::string>("SELECT rolpassword FROM pg_authid WHERE rolname = :role"_postgresql, shop.role("order")) == verifier);
}

TEST_CASE("a SQLite file belongs to one module, and no other can be attached to it") {
  const auto folder = std::filesystem::temp_directory_path() / unique_name();
  std::filesystem::create_directories(folder);
  ManualClock clock;
  Metrics metrics;
  DatabaseOptions options;
  options.folder = folder;
  Database catalog("catalog", options, clock, metrics), order("order", options, clock, metrics);
  const std::vector<Database*> both{&catalog, &order};
  catalog.migrate();
  CHECK(db::shared_places(both, false).empty());
  CHECK(db::isolation_faults(catalog, {}, false).empty());

  SUBCASE("a hard link") { std::filesystem::create_hard_link(catalog.file(), order.file()); }
  SUBCASE("a symbolic link") { std::filesystem::create_symlink("catalog.db", order.file()); }
  const auto faults = db::shared_places(both, true);  // there is no file shared for development either
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].module == "order");
  CHECK(faults[0].what.find("is the same as catalog's") != std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST_CASE("modules that connect as one role are found before anything is opened") {
  ManualClock clock;
  Metrics metrics;
  DatabaseOptions options;
  options.engine = Engine::postgresql;
  options.url = "postgresql://shop@db/shop";
  Database catalog("catalog", options, clock, metrics), order("order", options, clock, metrics);
  const auto faults = db::shared_places({&catalog, &order}, false);
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].what == "2 modules (catalog, order) connect as shop on db:5432");
  CHECK(db::shared_places({&catalog, &order}, true).empty());
}

}  // namespace polyshop::tests
