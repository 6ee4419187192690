#include "zones.hpp"

#include <set>

#include <fmt/format.h>

#include "store.hpp"

namespace polyshop::shipping {
namespace {

std::vector<std::string> checked(const std::vector<Text<2, 2>>& countries) {
  std::set<std::string> sorted;
  for (std::size_t i = 0; i < countries.size(); ++i) {
    const auto& country = countries[i];
    const auto pointer = fmt::format("/countries/{}", i);
    if (country.size() != 2 || !std::ranges::all_of(country, [](char c) { return c >= 'A' && c <= 'Z'; }))
      throw Problem::invalid("unknown_country", "Name a country by two capitals as of ISO 3166-1, such as DE.", pointer);
    if (!sorted.insert(country).second) throw Problem::invalid("country_twice", fmt::format("The country {} stands twice.", country.str()), pointer);
  }
  return {sorted.begin(), sorted.end()};
}

void put_countries(Tx& tx, const Zone& zone) {
  if (const auto taken = store::insert_countries(tx, zone))
    throw Problem::conflict("country_taken", zone.countries.empty() ? "Another zone takes the countries that no zone names; name some here." : fmt::format("The country {} lies in another zone.", *taken), "/countries");
}

Problem changed() { return Problem::precondition_failed("The zone has changed since you read it; read it again and repeat your change."); }

}  // namespace

Zone Zones::create(const Call& call, const CreateZone& wanted) {
  const Zone zone{ZoneId::make(call.now), wanted.name, checked(wanted.countries), 1};
  return node_.db.write(call, [&](Tx& tx) {
    store::insert_zone(tx, zone);
    put_countries(tx, zone);
    return zone;
  });
}

Zone Zones::change(const Call& call, const ZoneId& id, std::int64_t version, const ChangeZone& change) {
  std::optional<std::vector<std::string>> countries;
  if (change.countries.value) countries = checked(*change.countries.value);
  return node_.db.write(call, [&](Tx& tx) {
    auto zone = store::find_zone(tx, id);
    if (!zone) throw Problem::not_found("zone", id.view());
    if (zone->version != version) throw changed();
    if (change.name.value) zone->name = *change.name.value;
    if (!store::update_zone(tx, *zone)) throw changed();
    if (countries) {
      zone->countries = *countries;
      store::delete_countries(tx, id);
      put_countries(tx, *zone);
    }
    ++zone->version;
    return *zone;
  });
}

void Zones::remove(const Call& call, const ZoneId& id, std::int64_t version) {
  node_.db.write(call, [&](Tx& tx) {
    if (!store::lock_zone(tx, id)) throw Problem::not_found("zone", id.view());
    if (const auto methods = store::count_methods(tx, id)) throw Problem::conflict("zone_in_use", fmt::format("{} methods send there; remove them first.", methods));
    if (!store::delete_zone(tx, id, version)) throw changed();
  });
}

Zone Zones::get(const Call& call, const ZoneId& id) {
  auto zone = node_.db.read(call, [&](Tx& tx) { return store::find_zone(tx, id); });
  if (!zone) throw Problem::not_found("zone", id.view());
  return std::move(*zone);
}

http::Listed<Zone> Zones::list(const Call& call, const ListZones& wanted) {
  const auto after = http::cursor_as<ZoneId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  http::Listed<Zone> page;
  page.data = node_.db.read(call, [&](Tx& tx) { return store::list_zones(tx, after, limit + 1); });
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

}  // namespace polyshop::shipping
