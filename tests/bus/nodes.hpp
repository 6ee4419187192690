#pragma once

#include "ground.hpp"

// The bus on real databases: a source that publishes and a consumer that counts, in a table that the tests make for it.
namespace polyshop::bus {

using tests::Ground;
using tests::on_each_engine;

struct Counted {
  static constexpr std::string_view event_name = "source.counted.v1";
  std::string name;
  std::int64_t amount = 0;
  std::int64_t version = 0;
  std::string aggregate() const { return name; }
};
BOOST_DESCRIBE_STRUCT(Counted, (), (name, amount, version))

struct Nodes {
  explicit Nodes(Ground& on) : ground(on), source(on.platform(), "source"), consumer(on.platform(), "consumer") { source.publishes<Counted>(); }
  void open() {
    ground.open();
    consumer.db.write(ground.as_system(), [](Tx& tx) { tx.exec("CREATE TABLE taken (name text NOT NULL, amount bigint NOT NULL)"_sql); });
  }
  void publish(const std::string& name, std::int64_t amount) {
    source.db.write(ground.as_system(), [&](Tx& tx) { tx.publish(Counted{name, amount, 1}); });
  }
  static void take(Tx& tx, const Counted& counted) { tx.exec("INSERT INTO taken (name, amount) VALUES (:name, :amount)"_sql, counted.name, counted.amount); }
  std::vector<std::int64_t> taken(const std::string& name) {
    return consumer.db.read(ground.as_system(), [&](Tx& tx) { return tx.list<std::int64_t>("SELECT amount FROM taken WHERE name = :name ORDER BY amount"_sql, name); });
  }
  std::int64_t count() {
    return consumer.db.read(ground.as_system(), [&](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM taken"_sql); });
  }
  Ground& ground;
  Node source;
  Node consumer;
};

}  // namespace polyshop::bus
