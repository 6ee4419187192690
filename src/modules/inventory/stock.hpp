#pragma once

#include <set>

#include "bus/node.hpp"
#include "catalog/facade.hpp"
#include "inventory/facade.hpp"
#include "kernel/db/kept.hpp"

namespace polyshop::inventory {

using AdjustmentId = Id<"adj">;
using MovementId = Id<"mov">;

constexpr std::int64_t quantity_max = 1'000'000'000;
constexpr std::string_view main_location = "loc_0000000000e008000000000000";  // stands in the migration

struct StockLocation {
  LocationId id;
  std::string code;           // what files call it; never changes
  std::string name;
  std::int64_t priority = 0;  // goods are taken from the lowest first
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(StockLocation, (), (id, code, name, priority, version))

struct Level {
  std::string sku;
  LocationId location_id;
  std::int64_t on_hand = 0;
  std::int64_t reserved = 0;
  std::int64_t available = 0;
};
BOOST_DESCRIBE_STRUCT(Level, (), (sku, location_id, on_hand, reserved, available))

// A quantity of a SKU at a place.
struct Part {
  std::string sku;
  LocationId location_id;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(Part, (), (sku, location_id, quantity))

struct LevelPosition {
  std::string sku;
  std::string location_id;
};
BOOST_DESCRIBE_STRUCT(LevelPosition, (), (sku, location_id))

struct ListLevels {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<std::string> filter_sku;
  std::optional<LocationId> filter_location_id;
};
BOOST_DESCRIBE_STRUCT(ListLevels, (), (limit, cursor, filter_sku, filter_location_id))

enum class AdjustmentReason { received, damaged, lost, found, returned, correction };
BOOST_DESCRIBE_ENUM(AdjustmentReason, received, damaged, lost, found, returned, correction)

struct AdjustStock {
  Text<1, 64> sku;
  std::optional<LocationId> location_id;  // the default location where absent
  Range<-quantity_max, quantity_max> delta;
  AdjustmentReason reason = AdjustmentReason::correction;
  std::optional<Text<0, 500>> note;
};
BOOST_DESCRIBE_STRUCT(AdjustStock, (), (sku, location_id, delta, reason, note))

struct Adjustment {
  AdjustmentId id;
  std::string sku;
  LocationId location_id;
  std::int64_t delta = 0;
  AdjustmentReason reason = AdjustmentReason::correction;
  std::string note;
  std::string actor;
  Timestamp time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Adjustment, (), (id, sku, location_id, delta, reason, note, actor, time_ms))

struct ListAdjustments {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(ListAdjustments, (), (limit, cursor))

// Those of adjustments, and: count of an import, sold where a reservation was consumed, cancelled where that was undone.
enum class MovementReason { received, damaged, lost, found, returned, correction, count, sold, cancelled };
BOOST_DESCRIBE_ENUM(MovementReason, received, damaged, lost, found, returned, correction, count, sold, cancelled)

struct Movement {
  MovementId id;
  std::string sku;
  LocationId location_id;
  std::int64_t delta = 0;
  MovementReason reason = MovementReason::count;
  std::string reference;  // an adjustment's or a reservation's id; empty for a count
  std::string note;
  std::string actor;
  Timestamp time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Movement, (), (id, sku, location_id, delta, reason, reference, note, actor, time_ms))

struct ListMovements {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<std::string> filter_sku;
};
BOOST_DESCRIBE_STRUCT(ListMovements, (), (limit, cursor, filter_sku))

struct ReservationEntry {
  ReservationId id;
  std::string reference;
  ReservationState state = ReservationState::open;
  Timestamp expires_ms = 0;
  Timestamp created_ms = 0;
  std::optional<Timestamp> ended_ms;
};
BOOST_DESCRIBE_STRUCT(ReservationEntry, (), (id, reference, state, expires_ms, created_ms, ended_ms))

// What is available of a SKU and the band that it is in. Every change of it goes through here.
class Bands {
 public:
  Bands(bus::Node& node, std::int64_t low_stock_at) : node_(node), low_stock_at_(low_stock_at), available_(node.db, 20'000) {}

  Band of(std::int64_t available) const;
  // Adds to what is available, and says so where that is another band. False where less than nothing would be left or the
  // SKU was never stocked. Locks the SKU until the transaction ends.
  bool change(Tx& tx, const std::string& sku, std::int64_t delta);
  // As it is at the moment, in the order of the SKUs; 0 of one that was never stocked.
  std::vector<Availability> available(const Call& call, const std::vector<std::string>& skus);
  // Brings bands to what the setting says now, which may be another than when they were last changed.
  void settle(const Call& call);

 private:
  bus::Node& node_;
  const std::int64_t low_stock_at_;
  db::KeptEach<std::int64_t> available_;  // by SKU
};

// How much there is and where: levels, what changed them, and counts from files.
class Stock {
 public:
  Stock(bus::Node& node, Bands& bands, catalog::Facade catalog) : node_(node), bands_(bands), catalog_(std::move(catalog)) {}

  std::vector<Availability> get_availability(const Call& call, const GetAvailability& wanted);
  std::vector<BandOfSku> export_bands(const Call& call, const ExportBands& wanted);
  ImportResult import(const Call& call, const ImportStock& rows);
  std::vector<AuditFinding> audit(const Call& call);

  // A SKU must be in the catalog or have been stocked: goods outlive their product.
  Adjustment adjust(const Call& call, const AdjustStock& wanted);
  Adjustment get_adjustment(const Call& call, const AdjustmentId& id);
  http::Listed<Adjustment> list_adjustments(const Call& call, const ListAdjustments& wanted);
  http::Listed<Movement> list_movements(const Call& call, const ListMovements& wanted);
  http::Listed<Level> list_levels(const Call& call, const ListLevels& wanted);

 private:
  void add(Tx& tx, const Movement& movement);
  bool count(Tx& tx, const ImportedStock& row, const LocationId& location, const std::string& actor);
  std::vector<std::string> known_skus(const Call& call, std::vector<std::string> skus);  // in order

  bus::Node& node_;
  Bands& bands_;
  catalog::Facade catalog_;
};

std::string actor_of(const Call& call);
// The database says something that cannot be: logs it; to be thrown, so that nothing of the transaction stays.
Problem broken(std::string_view what, const std::string& sku);

}  // namespace polyshop::inventory
