#include "locations.hpp"

#include <fmt/format.h>

#include "store.hpp"

namespace polyshop::inventory {
namespace {

constexpr std::size_t locations_max = 200;
constexpr std::int64_t priority_max = 1'000'000;

// False where the code is taken.
bool insert(Tx& tx, StockLocation& location, const std::optional<Range<0, 1'000'000>>& priority) {
  const auto all = store::list_locations(tx);
  if (all.size() >= locations_max) throw Problem::conflict("too_many_locations", fmt::format("A shop has at most {} stock locations.", locations_max));
  location.priority = priority ? static_cast<std::int64_t>(*priority) : std::min(all.back().priority + 1, priority_max);
  return store::insert_location(tx, location);
}

}  // namespace

StockLocation Locations::create(const Call& call, const CreateLocation& wanted) {
  if (!is_location_code(wanted.code)) throw Problem::invalid("malformed_code", "A location's code has letters, digits, hyphens, dots and underscores only.", "/code");
  return node_.db.write(call, [&](Tx& tx) {
    StockLocation location{LocationId::make(tx.now()), wanted.code, wanted.name, 0, 1};
    if (!insert(tx, location, wanted.priority)) throw Problem::conflict("code_taken", fmt::format("The code {} belongs to another location.", location.code), "/code");
    return location;
  });
}

StockLocation Locations::change(const Call& call, const LocationId& id, std::int64_t version, const ChangeLocation& change) {
  return node_.db.write(call, [&](Tx& tx) {
    auto location = store::find_location(tx, id);
    if (!location) throw Problem::not_found("stock location", id.view());
    if (change.name) location->name = *change.name;
    if (change.priority) location->priority = *change.priority;
    location->version = version;
    if (!store::update_location(tx, *location)) throw Problem::precondition_failed("The location has changed since you read it; read it again and repeat your change.");
    ++location->version;
    return *location;
  });
}

StockLocation Locations::get(const Call& call, const LocationId& id) {
  auto location = node_.db.read(call, [&](Tx& tx) { return store::find_location(tx, id); });
  if (!location) throw Problem::not_found("stock location", id.view());
  return std::move(*location);
}

std::vector<StockLocation> Locations::list(const Call& call) {
  return node_.db.read(call, [](Tx& tx) { return store::list_locations(tx); });
}

bool is_location_code(std::string_view code) {
  return !code.empty() && code.size() <= 60 &&
         std::ranges::all_of(code, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'; });
}

LocationId location_of_code(Tx& tx, const std::string& code) {
  if (const auto id = store::find_location_by_code(tx, code)) return *id;
  StockLocation location{LocationId::make(tx.now()), code, code, 0, 1};
  if (insert(tx, location, {})) return location.id;
  return store::find_location_by_code(tx, code).value();  // somebody else made it meanwhile
}

}  // namespace polyshop::inventory
