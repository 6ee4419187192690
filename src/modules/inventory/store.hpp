#pragma once

#include "inventory/facade.hpp"
#include "kernel/db/database.hpp"
#include "stock.hpp"

// Every SQL statement of the inventory, one function each.
//
// Locks are taken in one order, so that no two transactions can wait for each other: reservations, then for each SKU in its
// order stock_item and then its levels in the order of locations. What is available of a SKU (on_hand - reserved of any of
// its levels) changes only while its stock_item is locked.
namespace polyshop::inventory::store {

struct Item {
  std::int64_t available = 0;
  Band band = Band::sold_out;
};
BOOST_DESCRIBE_STRUCT(Item, (), (available, band))

struct OnHand {
  std::int64_t on_hand = 0;
  std::int64_t reserved = 0;
};
BOOST_DESCRIBE_STRUCT(OnHand, (), (on_hand, reserved))

struct Free {
  LocationId location_id;
  std::int64_t free = 0;
};
BOOST_DESCRIBE_STRUCT(Free, (), (location_id, free))

bool insert_location(Tx& tx, const StockLocation& location);  // false where the code is taken
bool update_location(Tx& tx, const StockLocation& location);  // writes version + 1 where the stored version is location.version
std::optional<StockLocation> find_location(Tx& tx, const LocationId& id);
std::optional<LocationId> find_location_by_code(Tx& tx, const std::string& code);
std::vector<StockLocation> list_locations(Tx& tx);  // the one to take from first is first

void lock_item(Tx& tx, const std::string& sku);  // makes it where it is missing
// Adds to what is available and locks the SKU; nothing where less than nothing would be left, or it was never stocked.
std::optional<Item> change_available(Tx& tx, const std::string& sku, std::int64_t delta);
std::int64_t update_band(Tx& tx, const std::string& sku, Band band);  // answers the version it has now
std::optional<std::int64_t> find_available(Tx& tx, const std::string& sku);
std::map<std::string, std::int64_t> find_available_of(Tx& tx, const db::Json<std::vector<std::string>>& skus);  // of those that there are
std::vector<std::string> list_strayed_bands(Tx& tx, std::int64_t low_stock_at, std::int64_t limit);  // SKUs whose band is not that of what is available
std::vector<BandOfSku> list_bands(Tx& tx, const std::string& after, std::int64_t limit);

std::optional<LocationId> take_at_one(Tx& tx, const std::string& sku, std::int64_t quantity);  // reserves at the first location that has all of it
std::vector<Free> list_free(Tx& tx, const std::string& sku);                                   // locations that have any, the first to take from first
bool take_at(Tx& tx, const Part& part);    // reserves; false where there is less
bool give_back(Tx& tx, const Part& part);  // reserved no more; false where less was reserved
bool ship(Tx& tx, const Part& part);       // what was reserved leaves; false where less was reserved
bool change_on_hand(Tx& tx, const std::string& sku, const LocationId& location, std::int64_t delta);  // false where less than what is reserved would be left
std::optional<std::int64_t> find_on_hand(Tx& tx, const std::string& sku, const LocationId& location);
OnHand lock_level(Tx& tx, const std::string& sku, const LocationId& location);  // makes it where it is missing
std::vector<Level> list_levels(Tx& tx, const LevelPosition& after, const std::optional<std::string>& sku, const std::optional<LocationId>& location, std::int64_t limit);

void insert_movement(Tx& tx, const Movement& movement);
std::vector<Movement> list_movements(Tx& tx, const std::optional<MovementId>& before, const std::optional<std::string>& sku, std::int64_t limit);  // the latest first
std::optional<Adjustment> find_adjustment(Tx& tx, const AdjustmentId& id);
std::vector<Adjustment> list_adjustments(Tx& tx, const std::optional<AdjustmentId>& before, std::int64_t limit);  // the latest first

bool insert_reservation(Tx& tx, const Reservation& reservation);  // false where the reference has one that is open, held or consumed
void insert_line(Tx& tx, const ReservationId& id, const Part& part);
std::vector<Part> list_lines(Tx& tx, const ReservationId& id);  // by SKU and location
// The transitions: nothing where the reference has no reservation in the state to start from.
std::optional<Reservation> hold(Tx& tx, const std::string& reference);     // open -> held
std::optional<Reservation> let_expire(Tx& tx, const std::string& reference);  // held -> open
std::optional<Reservation> consume(Tx& tx, const std::string& reference);  // open or held -> consumed
std::optional<Reservation> release(Tx& tx, const std::string& reference);  // open or held -> released
std::optional<Reservation> restock(Tx& tx, const std::string& reference);  // consumed -> released
std::optional<ReservationId> expire_next(Tx& tx);                          // open and past its time -> expired
std::optional<Reservation> find_reservation(Tx& tx, const std::string& reference);  // the one that has its goods, else the latest
std::vector<ReservationEntry> list_reservations(Tx& tx, const std::optional<ReservationId>& before, const std::optional<ReservationState>& state, std::int64_t limit);  // the latest first

std::vector<AuditFinding> audit(Tx& tx);

}  // namespace polyshop::inventory::store
