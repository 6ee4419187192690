#pragma once

#include "kernel/db/database.hpp"
#include "shipping/facade.hpp"

// Every SQL statement of shipping, one function each.
namespace polyshop::shipping::store {

void insert_zone(Tx& tx, const Zone& zone);
bool update_zone(Tx& tx, const Zone& zone);   // writes version + 1 where the stored version is zone.version
bool delete_zone(Tx& tx, const ZoneId& id, std::int64_t version);
bool lock_zone(Tx& tx, const ZoneId& id);     // nobody else changes it until the transaction ends; false where there is none
std::optional<Zone> find_zone(Tx& tx, const ZoneId& id);
std::vector<Zone> list_zones(Tx& tx, const std::optional<ZoneId>& after, std::int64_t limit);

std::optional<std::string> insert_countries(Tx& tx, const Zone& zone);  // answers the first country that lies in another zone
void delete_countries(Tx& tx, const ZoneId& id);

void insert_method(Tx& tx, const Method& method);
bool update_method(Tx& tx, const Method& method);
bool delete_method(Tx& tx, const MethodId& id, std::int64_t version);
std::optional<Method> find_method(Tx& tx, const MethodId& id);
std::vector<Method> list_methods(Tx& tx, const std::optional<MethodId>& after, const std::optional<ZoneId>& zone, std::int64_t limit);
std::vector<Method> list_methods_to(Tx& tx, const std::string& country);  // of the country's zone, in their position
std::int64_t count_methods(Tx& tx, const ZoneId& zone);

}  // namespace polyshop::shipping::store
