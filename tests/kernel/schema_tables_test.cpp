#include <doctest/doctest.h>

#include "kernel/db/schema_files.hpp"

using namespace polyshop::db;

TEST_CASE("the tables of a schema are what its migrations leave") {
  const SchemaFile files[] = {
      {"a/0001_a.sql", "-- CREATE TABLE comment (x text);\nCREATE TABLE one (name text DEFAULT 'CREATE TABLE text (x)'); CREATE INDEX one_name ON one (name);"},
      {"a/0002_b.sql", "CREATE TABLE IF NOT EXISTS two (a text); create virtual table words USING fts5 (a);\nCREATE TABLE gone (a text);"},
      {"a/0003_c.sql", "DROP TABLE IF EXISTS gone; ALTER TABLE two RENAME TO three; ALTER TABLE one RENAME COLUMN name TO title; ALTER TABLE one ADD COLUMN two text;"},
  };
  CHECK(tables_left_by(files) == std::vector<std::string>{"one", "three", "words"});
  const auto bus = tables_of("bus");
  CHECK(std::ranges::find(bus, "event_log") != bus.end());
  CHECK(std::ranges::find(bus, "event_staging") != bus.end());
  CHECK(tables_of("bu").empty());
}
