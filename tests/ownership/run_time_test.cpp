#include <cstdlib>
#include <filesystem>

#include <doctest/doctest.h>

#include "ground.hpp"
#include "ownership_check/postgresql_schemas.hpp"

// Violations that compile and run, as if nobody had checked them: what the program gives a module stops them.
namespace polyshop::ownership {
namespace {

bool is_refused(const std::function<void()>& violate) {
  try {
    violate();
    return false;
  } catch (const Problem& problem) {
    return problem.status == 500;
  }
}

// What works for one's own tables must fail for those of others for no other reason.
void check_common(Database& order, const Call& call) {
  CHECK(order.write(call, [](Tx& tx) { return tx.exec("UPDATE order_counter SET next = next + 1"_sql); }) == 1);
  CHECK(is_refused([&] { order.read(call, [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM stock_level"_sql); }); }));
  CHECK(is_refused([&] { order.read(call, [](Tx& tx) { return tx.get<std::int64_t>("WITH levels AS (SELECT sku FROM stock_level) SELECT count(*) AS n FROM levels, shop_order"_sql); }); }));
  CHECK(is_refused([&] { order.write(call, [](Tx& tx) { return tx.exec("DELETE FROM stock_location"_sql); }); }));
  CHECK(is_refused([&] { order.write(call, [](Tx& tx) { return tx.exec("INSERT INTO order_counter (next) SELECT count(*) FROM stock_item"_sql); }); }));
  CHECK(is_refused([&] { order.write(call, [](Tx& tx) { return tx.exec("CREATE VIEW order_view AS SELECT * FROM stock_level"_sql) + tx.get<std::int64_t>("SELECT count(*) AS n FROM order_view"_sql); }); }));
}

Call call_of(const Clock& clock) {
  Call call;
  call.actor = Actor::system("test");
  call.now = clock.now();
  return call;
}

}  // namespace

TEST_CASE("on SQLite a module's connection has its own file and no other") {
  const auto folder = std::filesystem::temp_directory_path() / ("polyshop_run_time_" + std::to_string(::getpid()));
  SystemClock clock;
  Metrics metrics;
  DatabaseOptions options;
  std::filesystem::create_directories(folder);
  options.folder = folder;
  const auto call = call_of(clock);
  {
    Database inventory("inventory", options, clock, metrics);
    Database order("order", options, clock, metrics);
    for (auto* database : {&inventory, &order}) {
      database->migrate();
      database->open();
    }
    check_common(order, call);
    const auto file = inventory.file().string();
    CHECK(is_refused([&] { order.read(call, [&](Tx& tx) { return tx.exec("ATTACH DATABASE :file AS other"_sqlite, file); }); }));
    CHECK(is_refused([&] { order.read(call, [&](Tx& tx) { return tx.exec("VACUUM INTO :file"_sqlite, file + ".copy"); }); }));
    CHECK(is_refused([&] { order.read(call, [&](Tx& tx) { return tx.get<std::string>("SELECT load_extension(:file) AS text"_sqlite, file); }); }));
    CHECK(is_refused([&] { order.read(call, [&](Tx& tx) { return tx.get<std::string>("SELECT readfile(:file) AS text"_sqlite, file); }); }));
    CHECK(is_refused([&] {
      order.write(call, [](Tx& tx) {
        tx.exec("PRAGMA writable_schema = ON"_sqlite);
        return tx.exec("UPDATE sqlite_master SET sql = replace(sql, 'shop_order', 'stock_level')"_sqlite);
      });
    }));
    CHECK(inventory.read(call, [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM stock_location"_sql); }) == 1);
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("on PostgreSQL a module's role has its own schema and no other") {
  const auto engines = tests::engines();
  if (std::ranges::find(engines, Engine::postgresql) == engines.end()) return;
  const Tree tree(POLYSHOP_OWNERSHIP_TREE);
  PostgresqlSchemas schemas(tree, std::getenv("POLYSHOP_TEST_POSTGRESQL"));
  const auto migrations = read_migrations(tree);
  for (const auto* module : {"inventory", "order"}) schemas.migrate(module, migrations);
  SystemClock clock;
  Metrics metrics;
  DatabaseOptions options;
  options.engine = Engine::postgresql;
  options.url = schemas.connection_of("order");
  options.lanes = 1;
  const auto call = call_of(clock);
  Database order("order", options, clock, metrics);
  order.open();
  check_common(order, call);
  CHECK(is_refused([&] { order.read(call, [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM inventory.stock_level"_postgresql); }); }));
  CHECK(is_refused([&] { order.write(call, [](Tx& tx) { return tx.exec("UPDATE inventory.stock_level SET reserved = 0"_postgresql); }); }));
  CHECK(is_refused([&] { order.read(call, [](Tx& tx) { return tx.get<std::string>("SELECT cast(query_to_xml('SELECT * FROM inventory.stock_level', true, false, '') AS text) AS text"_postgresql); }); }));
  CHECK(is_refused([&] { order.write(call, [](Tx& tx) { return tx.exec("SET ROLE postgres"_postgresql); }); }));
  CHECK(is_refused([&] { order.write(call, [](Tx& tx) { return tx.exec("CREATE TABLE inventory.order_level (sku text)"_postgresql); }); }));
  CHECK(is_refused([&] { order.read(call, [](Tx& tx) { return tx.get<std::string>("SELECT pg_read_file('PG_VERSION') AS text"_postgresql); }); }));
  CHECK(is_refused([&] {
    order.write(call, [](Tx& tx) {
      tx.exec("SET LOCAL search_path TO inventory"_postgresql);
      return tx.exec("DELETE FROM stock_location"_postgresql);
    });
  }));
  order.close();
}

}  // namespace polyshop::ownership
