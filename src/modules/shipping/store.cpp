#include "store.hpp"

namespace polyshop::shipping::store {
namespace {

struct ZoneRow {
  ZoneId id;
  std::string name;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(ZoneRow, (), (id, name, version))

struct MethodRow {
  MethodId id;
  ZoneId zone_id;
  db::Json<std::map<std::string, Text<1, 200>>> names;
  RateKind kind = RateKind::flat;
  db::Json<std::vector<Rate>> rates;
  std::int64_t position = 0;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(MethodRow, (), (id, zone_id, names, kind, rates, position, version))

const std::string every_other = "*";

Zone zone_of(Tx& tx, ZoneRow&& row) {
  return {row.id, std::move(row.name), tx.list<std::string>("SELECT country FROM shipping_zone_country WHERE zone_id = :zone AND country <> '*' ORDER BY country"_sql, row.id), row.version};
}

MethodRow row_of(const Method& m) { return {m.id, m.zone_id, {m.names}, m.kind, {m.rates}, m.position, m.version}; }

std::vector<Method> methods_of(std::vector<MethodRow>&& rows) {
  std::vector<Method> methods;
  for (auto& row : rows) methods.push_back({row.id, row.zone_id, std::move(row.names.value), row.kind, std::move(row.rates.value), row.position, row.version});
  return methods;
}

}  // namespace

void insert_zone(Tx& tx, const Zone& zone) { tx.exec("INSERT INTO shipping_zone (id, name, version) VALUES (:id, :name, :version)"_sql, zone.id, zone.name, zone.version); }

bool update_zone(Tx& tx, const Zone& zone) {
  return tx.exec("UPDATE shipping_zone SET name = :name, version = version + 1 WHERE id = :id AND version = :version"_sql, zone.name, zone.id, zone.version) == 1;
}

bool delete_zone(Tx& tx, const ZoneId& id, std::int64_t version) { return tx.exec("DELETE FROM shipping_zone WHERE id = :id AND version = :version"_sql, id, version) == 1; }

bool lock_zone(Tx& tx, const ZoneId& id) { return tx.exec("UPDATE shipping_zone SET version = version WHERE id = :id"_sql, id) == 1; }

std::optional<Zone> find_zone(Tx& tx, const ZoneId& id) {
  auto row = tx.find<ZoneRow>("SELECT id, name, version FROM shipping_zone WHERE id = :id"_sql, id);
  if (!row) return {};
  return zone_of(tx, std::move(*row));
}

std::vector<Zone> list_zones(Tx& tx, const std::optional<ZoneId>& after, std::int64_t limit) {
  std::vector<Zone> zones;
  for (auto& row : tx.list<ZoneRow>("SELECT id, name, version FROM shipping_zone WHERE id > :after ORDER BY id LIMIT :limit"_sql, after ? after->str() : std::string(), limit))
    zones.push_back(zone_of(tx, std::move(row)));
  return zones;
}

std::optional<std::string> insert_countries(Tx& tx, const Zone& zone) {
  for (const auto& country : zone.countries.empty() ? std::vector{every_other} : zone.countries)
    if (tx.exec("INSERT INTO shipping_zone_country (country, zone_id) VALUES (:country, :zone) ON CONFLICT (country) DO NOTHING"_sql, country, zone.id) == 0) return country;
  return {};
}

void delete_countries(Tx& tx, const ZoneId& id) { tx.exec("DELETE FROM shipping_zone_country WHERE zone_id = :zone"_sql, id); }

void insert_method(Tx& tx, const Method& method) {
  tx.exec(R"(INSERT INTO shipping_method (id, zone_id, names, kind, rates, position, version)
             VALUES (:id, :zone_id, :names, :kind, :rates, :position, :version))"_sql,
          row_of(method));
}

bool update_method(Tx& tx, const Method& method) {
  return tx.exec(R"(UPDATE shipping_method SET zone_id = :zone_id, names = :names, kind = :kind, rates = :rates, position = :position, version = version + 1
                    WHERE id = :id AND version = :version)"_sql,
                 row_of(method)) == 1;
}

bool delete_method(Tx& tx, const MethodId& id, std::int64_t version) { return tx.exec("DELETE FROM shipping_method WHERE id = :id AND version = :version"_sql, id, version) == 1; }

std::optional<Method> find_method(Tx& tx, const MethodId& id) {
  auto found = methods_of(tx.list<MethodRow>("SELECT id, zone_id, names, kind, rates, position, version FROM shipping_method WHERE id = :id"_sql, id));
  if (found.empty()) return {};
  return std::move(found.front());
}

std::vector<Method> list_methods(Tx& tx, const std::optional<MethodId>& after, const std::optional<ZoneId>& zone, std::int64_t limit) {
  return methods_of(tx.list<MethodRow>(R"(SELECT id, zone_id, names, kind, rates, position, version FROM shipping_method
                                          WHERE id > :after AND (cast(:zone as text) IS NULL OR zone_id = :zone) ORDER BY id LIMIT :limit)"_sql,
                                       after ? after->str() : std::string(), zone, limit));
}

std::vector<Method> list_methods_to(Tx& tx, const std::string& country) {
  // '*' sorts before every country, so the zone that names this one comes first.
  return methods_of(tx.list<MethodRow>(R"(SELECT id, zone_id, names, kind, rates, position, version FROM shipping_method
                                          WHERE zone_id = (SELECT zone_id FROM shipping_zone_country WHERE country IN (:country, '*') ORDER BY country DESC LIMIT 1)
                                          ORDER BY position, id)"_sql,
                                       country));
}

std::int64_t count_methods(Tx& tx, const ZoneId& zone) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM shipping_method WHERE zone_id = :zone"_sql, zone); }

}  // namespace polyshop::shipping::store
