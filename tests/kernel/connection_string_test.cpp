#include <cstdio>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/db/database_settings.hpp"
#include "kernel/db/provision.hpp"

namespace polyshop {
namespace {

std::string problem_of(const auto& run) {
  try {
    run();
  } catch (const Problem& problem) {
    return problem.code + ": " + problem.detail;
  }
  return "none";
}

Config config_of(const Config::Values& settings) { return Config::load({}, {}, settings); }

}  // namespace

TEST_CASE("connection strings and URLs say the same") {
  for (const auto* text : {"postgresql://shop_order:secret@db:5433/shop?sslmode=require", "host=db port=5433 user=shop_order password=secret dbname=shop sslmode=require"}) {
    const auto target = db::target_of(text);
    CHECK(target.server() == "db:5433");
    CHECK(target.database == "shop");
    CHECK(target.role == "shop_order");
    CHECK(target.password == "secret");
    const auto elsewhere = db::target_of(db::with_setting(text, "dbname", "it's \\here"));
    CHECK(elsewhere.database == "it's \\here");
    CHECK(elsewhere.password == "secret");
    CHECK(db::with_setting(text, "dbname", "x").find("sslmode='require'") != std::string::npos);
  }
  CHECK(db::target_of("user=shop").database == "shop");
  const auto refused = problem_of([] { db::target_of("postgresql://shop:word%zz@db"); });
  CHECK(refused.starts_with("bad_connection_string"));
  CHECK(refused.find("word") == std::string::npos);
}

TEST_CASE("a password comes from the URL, else from the role's file") {
  const auto folder = std::filesystem::temp_directory_path() / "polyshop_password_files";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "shop_order") << "from the file\r\nnot this\n";
  const auto files = (folder / "{role}").string();
  CHECK(db::target_of(db::with_password("user=shop_order", files)).password == "from the file");
  CHECK(db::target_of(db::with_password("user=shop_order password=given", files)).password == "given");
  CHECK(db::with_password("user=shop_order", "") == "user=shop_order");
  CHECK(problem_of([&] { db::with_password("user=other", files); }).find("other cannot be read: No such file") != std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a module's settings stand over the shared ones, and {module} is its name") {
  auto config = config_of({{"database.engine", "postgresql"},
                           {"database.url", "postgresql://shop_{module}@db/shop"},
                           {"database.migrate_url", "postgresql://shop_{module}_owner@db/shop"},
                           {"database.payment.url", "postgresql://pay@vault/{module}"},
                           {"database.search.engine", "sqlite"}});
  const auto shared = shared_database(config, "data");
  const auto order = database_of_module(config, shared, "order");
  CHECK(order.url == "postgresql://shop_order@db/shop");
  CHECK(order.migrate_url == "postgresql://shop_order_owner@db/shop");
  const auto payment = database_of_module(config, shared, "payment");
  CHECK(payment.url == "postgresql://pay@vault/payment");
  CHECK(payment.migrate_url == "");  // the shared one leads elsewhere
  CHECK(database_of_module(config, shared, "search").engine == Engine::sqlite);
  config.finish();
}

TEST_CASE("database settings that cannot work are refused with their name") {
  const auto settings = [](const Config::Values& values) {
    auto config = config_of(values);
    database_of_module(config, shared_database(config, "data"), "order");
  };
  CHECK(problem_of([&] { settings({{"database.engine", "postgresql"}}); }).find("neither database.url nor database.order.url is set") != std::string::npos);
  CHECK(problem_of([&] { settings({{"database.order.url", "user=shop"}}); }).find("order is kept in SQLite. Set database.order.engine") != std::string::npos);
  CHECK(problem_of([&] { settings({{"database.order.engine", "postgresql"}, {"database.order.url", "nonsense"}}); }).starts_with("bad_setting: database.order.url: A connection string cannot be read"));
}

TEST_CASE("places whose roles do not keep modules apart are not provisioned") {
  const auto place = [](std::string module, const std::string& url, const std::string& migrate_url) { return db::Place{std::move(module), db::target_of(url), db::target_of(migrate_url), false}; };
  const auto refused = [](const std::vector<db::Place>& places) { return problem_of([&] { db::provision_steps(places, {}, false); }); };
  CHECK(refused({place("order", "user=a dbname=s host=db", "user=a dbname=s host=db")}).find("order: it runs and migrates as a") != std::string::npos);
  CHECK(refused({place("order", "user=a dbname=s host=db", "user=b dbname=t host=db")}).find("Let both lead to the same database") != std::string::npos);
  const auto order = place("order", "user=a dbname=s host=db", "user=b dbname=s host=db");
  CHECK(refused({order, place("cart", "user=c dbname=s host=db", "user=b dbname=s host=db")}).find("cart: its role b is also the one of order") != std::string::npos);
  CHECK(refused({order, place("cart", "user=a dbname=s host=other", "user=b dbname=s host=other")}) == "none");  // another server's roles
}

TEST_CASE("the script for psql quotes names and holds no password unless a verifier is given") {
  const std::vector<db::Place> places{{"order", db::target_of(R"(user='o"rder' password=secret dbname=shop host=db)"), db::target_of("user=owner password=secret dbname=shop host=db"), true}};
  const auto script = db::psql_script(db::provision_steps(places, {}, true));
  CHECK(script.find("secret") == std::string::npos);
  CHECK(script.find("PASSWORD") == std::string::npos);
  CHECK(script.find(R"(GRANT USAGE ON SCHEMA "order" TO "o""rder";)") != std::string::npos);
  CHECK(script.find(R"(REVOKE ALL ON DATABASE "postgres" FROM PUBLIC;)") != std::string::npos);
  CHECK(script.find("\n\\connect \"shop\"\n") != std::string::npos);
  CHECK(db::psql_script(db::provision_steps(places, {{"owner", "SCRAM-SHA-256$x"}}, false)).find(R"(ALTER ROLE "owner" PASSWORD 'SCRAM-SHA-256$x';)") != std::string::npos);
}

}  // namespace polyshop
