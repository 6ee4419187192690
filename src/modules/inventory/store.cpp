#include "store.hpp"

namespace polyshop::inventory::store {
namespace {

struct Found {
  std::int64_t violations = 0;
  std::string example;
};
BOOST_DESCRIBE_STRUCT(Found, (), (violations, example))

struct AvailableRow {
  std::string sku;
  std::int64_t available = 0;
};
BOOST_DESCRIBE_STRUCT(AvailableRow, (), (sku, available))

// An optional filter keeps SQLite from an index, so that a SKU that is asked for stands once more, by itself.
constexpr auto levels = db::shared(R"(SELECT sku, location_id, on_hand, reserved, on_hand - reserved AS available FROM stock_level
                                      WHERE (sku, location_id) > (:after_sku, :after_location) AND (cast(:sku as text) IS NULL OR sku = :sku)
                                        AND (cast(:location as text) IS NULL OR location_id = :location) )"_part);
constexpr auto by_sku = " ORDER BY sku, location_id LIMIT :limit"_part;

}  // namespace

bool insert_location(Tx& tx, const StockLocation& location) {
  return tx.exec("INSERT INTO stock_location (id, code, name, priority, version) VALUES (:id, :code, :name, :priority, :version) ON CONFLICT (code) DO NOTHING"_sql, location) == 1;
}

bool update_location(Tx& tx, const StockLocation& location) {
  return tx.exec("UPDATE stock_location SET name = :name, priority = :priority, version = version + 1 WHERE id = :id AND version = :version"_sql, location) == 1;
}

std::optional<StockLocation> find_location(Tx& tx, const LocationId& id) {
  return tx.find<StockLocation>("SELECT id, code, name, priority, version FROM stock_location WHERE id = :id"_sql, id);
}

std::optional<LocationId> find_location_by_code(Tx& tx, const std::string& code) { return tx.find<LocationId>("SELECT id FROM stock_location WHERE code = :code"_sql, code); }

std::vector<StockLocation> list_locations(Tx& tx) { return tx.list<StockLocation>("SELECT id, code, name, priority, version FROM stock_location ORDER BY priority, id"_sql); }

void lock_item(Tx& tx, const std::string& sku) {
  tx.exec("INSERT INTO stock_item (sku, available, band, version) VALUES (:sku, 0, 'sold_out', 0) ON CONFLICT (sku) DO UPDATE SET version = stock_item.version"_sql, sku);
}

std::optional<Item> change_available(Tx& tx, const std::string& sku, std::int64_t delta) {
  return tx.find<Item>("UPDATE stock_item SET available = available + cast(:delta as bigint) WHERE sku = :sku AND available + cast(:delta as bigint) >= 0 RETURNING available, band"_sql, delta, sku);
}

std::int64_t update_band(Tx& tx, const std::string& sku, Band band) {
  return tx.get<std::int64_t>("UPDATE stock_item SET band = :band, version = version + 1 WHERE sku = :sku RETURNING version"_sql, band, sku);
}

std::optional<std::int64_t> find_available(Tx& tx, const std::string& sku) { return tx.find<std::int64_t>("SELECT available FROM stock_item WHERE sku = :sku"_sql, sku); }

std::map<std::string, std::int64_t> find_available_of(Tx& tx, const db::Json<std::vector<std::string>>& skus) {
  std::map<std::string, std::int64_t> available;
  for (auto& row : tx.list<AvailableRow>(db::one_of("SELECT i.sku, i.available FROM json_each(:skus) AS wanted CROSS JOIN stock_item AS i WHERE i.sku = wanted.value"_sqlite,
                                                    "SELECT i.sku, i.available FROM stock_item AS i WHERE i.sku = ANY (ARRAY(SELECT jsonb_array_elements_text(cast(:skus as jsonb))))"_postgresql),
                                         skus))
    available.emplace(std::move(row.sku), row.available);
  return available;
}

std::vector<std::string> list_strayed_bands(Tx& tx, std::int64_t low_stock_at, std::int64_t limit) {
  return tx.list<std::string>(R"(SELECT sku FROM stock_item
                                 WHERE band <> CASE WHEN available = 0 THEN 'sold_out' WHEN available <= cast(:low as bigint) THEN 'low' ELSE 'in_stock' END ORDER BY sku LIMIT :limit)"_sql,
                              low_stock_at, limit);
}

std::vector<BandOfSku> list_bands(Tx& tx, const std::string& after, std::int64_t limit) {
  return tx.list<BandOfSku>("SELECT sku, band, version FROM stock_item WHERE sku > :after ORDER BY sku LIMIT :limit"_sql, after, limit);
}

std::optional<LocationId> take_at_one(Tx& tx, const std::string& sku, std::int64_t quantity) {
  return tx.find<LocationId>(R"(UPDATE stock_level SET reserved = reserved + cast(:quantity as bigint)
                                WHERE sku = :sku AND on_hand - reserved >= cast(:quantity as bigint)
                                  AND location_id = (SELECT l.location_id FROM stock_level AS l JOIN stock_location AS p ON p.id = l.location_id
                                                     WHERE l.sku = :sku AND l.on_hand - l.reserved >= cast(:quantity as bigint) ORDER BY p.priority, p.id LIMIT 1)
                                RETURNING location_id)"_sql,
                             quantity, sku);
}

std::vector<Free> list_free(Tx& tx, const std::string& sku) {
  return tx.list<Free>(R"(SELECT l.location_id, l.on_hand - l.reserved AS free FROM stock_level AS l JOIN stock_location AS p ON p.id = l.location_id
                          WHERE l.sku = :sku AND l.on_hand > l.reserved ORDER BY p.priority, p.id)"_sql,
                       sku);
}

bool take_at(Tx& tx, const Part& part) {
  return tx.exec(R"(UPDATE stock_level SET reserved = reserved + cast(:quantity as bigint)
                    WHERE sku = :sku AND location_id = :location_id AND on_hand - reserved >= cast(:quantity as bigint))"_sql,
                 part) == 1;
}

bool give_back(Tx& tx, const Part& part) {
  return tx.exec(R"(UPDATE stock_level SET reserved = reserved - cast(:quantity as bigint)
                    WHERE sku = :sku AND location_id = :location_id AND reserved >= cast(:quantity as bigint))"_sql,
                 part) == 1;
}

bool ship(Tx& tx, const Part& part) {
  return tx.exec(R"(UPDATE stock_level SET on_hand = on_hand - cast(:quantity as bigint), reserved = reserved - cast(:quantity as bigint)
                    WHERE sku = :sku AND location_id = :location_id AND reserved >= cast(:quantity as bigint))"_sql,
                 part) == 1;
}

bool change_on_hand(Tx& tx, const std::string& sku, const LocationId& location, std::int64_t delta) {
  return tx.exec(R"(UPDATE stock_level SET on_hand = on_hand + cast(:delta as bigint)
                    WHERE sku = :sku AND location_id = :location AND on_hand + cast(:delta as bigint) >= reserved)"_sql,
                 delta, sku, location) == 1;
}

std::optional<std::int64_t> find_on_hand(Tx& tx, const std::string& sku, const LocationId& location) {
  return tx.find<std::int64_t>("SELECT on_hand FROM stock_level WHERE sku = :sku AND location_id = :location"_sql, sku, location);
}

OnHand lock_level(Tx& tx, const std::string& sku, const LocationId& location) {
  return tx.get<OnHand>(R"(INSERT INTO stock_level (sku, location_id, on_hand, reserved) VALUES (:sku, :location, 0, 0)
                           ON CONFLICT (sku, location_id) DO UPDATE SET reserved = stock_level.reserved RETURNING on_hand, reserved)"_sql,
                        sku, location);
}

std::vector<Level> list_levels(Tx& tx, const LevelPosition& after, const std::optional<std::string>& sku, const std::optional<LocationId>& location, std::int64_t limit) {
  const auto list = [&](auto statement) { return tx.list<Level>(statement, after.sku, after.location_id, sku, location, limit); };
  return sku ? list(db::sql(levels + "AND sku = :sku"_part + by_sku)) : list(db::sql(levels + by_sku));
}

void insert_movement(Tx& tx, const Movement& movement) {
  tx.exec(R"(INSERT INTO stock_movement (id, sku, location_id, delta, reason, reference, note, actor, time_ms)
             VALUES (:id, :sku, :location_id, :delta, :reason, :reference, :note, :actor, :time_ms))"_sql,
          movement);
}

// Two statements, since an optional filter would keep SQLite from the index, and this table is the largest.
std::vector<Movement> list_movements(Tx& tx, const std::optional<MovementId>& before, const std::optional<std::string>& sku, std::int64_t limit) {
  const auto id = before ? before->str() : after_all_ids;
  if (sku)
    return tx.list<Movement>(R"(SELECT id, sku, location_id, delta, reason, reference, note, actor, time_ms FROM stock_movement
                                WHERE sku = :sku AND id < :before ORDER BY id DESC LIMIT :limit)"_sql,
                             *sku, id, limit);
  return tx.list<Movement>("SELECT id, sku, location_id, delta, reason, reference, note, actor, time_ms FROM stock_movement WHERE id < :before ORDER BY id DESC LIMIT :limit"_sql, id, limit);
}

std::optional<Adjustment> find_adjustment(Tx& tx, const AdjustmentId& id) {
  return tx.find<Adjustment>(R"(SELECT reference AS id, sku, location_id, delta, reason, note, actor, time_ms FROM stock_movement
                                WHERE reason IN ('received', 'damaged', 'lost', 'found', 'returned', 'correction') AND reference = :id)"_sql,
                             id);
}

std::vector<Adjustment> list_adjustments(Tx& tx, const std::optional<AdjustmentId>& before, std::int64_t limit) {
  return tx.list<Adjustment>(R"(SELECT reference AS id, sku, location_id, delta, reason, note, actor, time_ms FROM stock_movement
                                WHERE reason IN ('received', 'damaged', 'lost', 'found', 'returned', 'correction') AND reference < :before
                                ORDER BY reference DESC LIMIT :limit)"_sql,
                             before ? before->str() : after_all_ids, limit);
}

bool insert_reservation(Tx& tx, const Reservation& reservation) {
  return tx.exec(R"(INSERT INTO reservation (id, reference, state, expires_ms, created_ms) VALUES (:id, :reference, :state, :expires_ms, :now)
                    ON CONFLICT (reference) WHERE state IN ('open', 'held', 'consumed') DO NOTHING)"_sql,
                 reservation, tx.now()) == 1;
}

void insert_line(Tx& tx, const ReservationId& id, const Part& part) {
  tx.exec("INSERT INTO reservation_line (reservation_id, sku, location_id, quantity) VALUES (:reservation, :sku, :location_id, :quantity)"_sql, part, id);
}

std::vector<Part> list_lines(Tx& tx, const ReservationId& id) {
  return tx.list<Part>("SELECT sku, location_id, quantity FROM reservation_line WHERE reservation_id = :id ORDER BY sku, location_id"_sql, id);
}

// Where a statement says one state only, SQLite would look through all that are in it; the rule of the unique index said once more leads it to that.
std::optional<Reservation> hold(Tx& tx, const std::string& reference) {
  return tx.find<Reservation>(R"(UPDATE reservation SET state = 'held'
                                 WHERE reference = :reference AND state = 'open' AND state IN ('open', 'held', 'consumed') RETURNING id, reference, state, expires_ms)"_sql,
                              reference);
}

std::optional<Reservation> let_expire(Tx& tx, const std::string& reference) {
  return tx.find<Reservation>(R"(UPDATE reservation SET state = 'open'
                                 WHERE reference = :reference AND state = 'held' AND state IN ('open', 'held', 'consumed') RETURNING id, reference, state, expires_ms)"_sql,
                              reference);
}

std::optional<Reservation> consume(Tx& tx, const std::string& reference) {
  return tx.find<Reservation>(R"(UPDATE reservation SET state = 'consumed', ended_ms = :now
                                 WHERE reference = :reference AND state IN ('open', 'held') RETURNING id, reference, state, expires_ms)"_sql,
                              tx.now(), reference);
}

std::optional<Reservation> release(Tx& tx, const std::string& reference) {
  return tx.find<Reservation>(R"(UPDATE reservation SET state = 'released', ended_ms = :now
                                 WHERE reference = :reference AND state IN ('open', 'held') RETURNING id, reference, state, expires_ms)"_sql,
                              tx.now(), reference);
}

std::optional<Reservation> restock(Tx& tx, const std::string& reference) {
  return tx.find<Reservation>(R"(UPDATE reservation SET state = 'released', ended_ms = :now
                                 WHERE reference = :reference AND state = 'consumed' AND state IN ('open', 'held', 'consumed') RETURNING id, reference, state, expires_ms)"_sql,
                              tx.now(), reference);
}

// Instances share the work: what another one is ending, or what is being held just now, is passed over.
std::optional<ReservationId> expire_next(Tx& tx) {
  return tx.find<ReservationId>(db::one_of(R"(UPDATE reservation SET state = 'expired', ended_ms = :now
                                              WHERE id = (SELECT id FROM reservation INDEXED BY reservation_due WHERE state = 'open' AND expires_ms <= :now ORDER BY expires_ms LIMIT 1)
                                                AND state = 'open' RETURNING id)"_sqlite,
                                           R"(UPDATE reservation SET state = 'expired', ended_ms = cast(:now as bigint)
                                              WHERE id = (SELECT id FROM reservation WHERE state = 'open' AND expires_ms <= cast(:now as bigint) ORDER BY expires_ms LIMIT 1 FOR UPDATE SKIP LOCKED)
                                                AND state = 'open' RETURNING id)"_postgresql),
                                tx.now());
}

std::optional<Reservation> find_reservation(Tx& tx, const std::string& reference) {
  return tx.find<Reservation>(R"(SELECT id, reference, state, expires_ms FROM reservation WHERE reference = :reference
                                 ORDER BY CASE WHEN state IN ('open', 'held', 'consumed') THEN 0 ELSE 1 END, id DESC LIMIT 1)"_sql,
                              reference);
}

// Two statements, for the same reason as above.
std::vector<ReservationEntry> list_reservations(Tx& tx, const std::optional<ReservationId>& before, const std::optional<ReservationState>& state, std::int64_t limit) {
  const auto id = before ? before->str() : after_all_ids;
  if (state)
    return tx.list<ReservationEntry>(R"(SELECT id, reference, state, expires_ms, created_ms, ended_ms FROM reservation
                                        WHERE state = :state AND id < :before ORDER BY id DESC LIMIT :limit)"_sql,
                                     *state, id, limit);
  return tx.list<ReservationEntry>("SELECT id, reference, state, expires_ms, created_ms, ended_ms FROM reservation WHERE id < :before ORDER BY id DESC LIMIT :limit"_sql, id, limit);
}

std::vector<AuditFinding> audit(Tx& tx) {
  std::vector<AuditFinding> findings;
  const auto add = [&](std::string check, Found&& found) { findings.push_back({std::move(check), found.violations, std::move(found.example)}); };
  add("stock_level_out_of_bounds", tx.get<Found>(R"(SELECT count(*) AS violations, coalesce(min(sku || ' at ' || location_id), '') AS example FROM stock_level
                                                    WHERE reserved < 0 OR reserved > on_hand)"_sql));
  add("on_hand_differs_from_movements", tx.get<Found>(R"(SELECT count(*) AS violations, coalesce(min(sku || ' at ' || location_id), '') AS example
      FROM (SELECT sku, location_id FROM (SELECT sku, location_id, on_hand AS n FROM stock_level UNION ALL SELECT sku, location_id, -delta FROM stock_movement) AS entries
            GROUP BY sku, location_id HAVING sum(n) <> 0) AS wrong)"_sql));
  add("reserved_differs_from_reservations", tx.get<Found>(R"(SELECT count(*) AS violations, coalesce(min(sku || ' at ' || location_id), '') AS example
      FROM (SELECT sku, location_id FROM (SELECT sku, location_id, reserved AS n FROM stock_level
                                          UNION ALL SELECT l.sku, l.location_id, -l.quantity FROM reservation AS r JOIN reservation_line AS l ON l.reservation_id = r.id WHERE r.state IN ('open', 'held')) AS entries
            GROUP BY sku, location_id HAVING sum(n) <> 0) AS wrong)"_sql));
  add("available_differs_from_levels", tx.get<Found>(R"(SELECT count(*) AS violations, coalesce(min(sku), '') AS example
      FROM (SELECT sku FROM (SELECT sku, available AS n FROM stock_item UNION ALL SELECT sku, reserved - on_hand FROM stock_level) AS entries GROUP BY sku HAVING sum(n) <> 0) AS wrong)"_sql));
  // Goods left once where a reservation was consumed, came back once where that was undone, and otherwise never left.
  add("reservation_ended_twice", tx.get<Found>(R"(SELECT count(DISTINCT reservation_id) AS violations, coalesce(min(reservation_id), '') AS example
      FROM (SELECT reservation_id FROM (SELECT l.reservation_id, l.sku, l.location_id, l.quantity AS n, 0 AS sold FROM reservation AS r JOIN reservation_line AS l ON l.reservation_id = r.id WHERE r.state = 'consumed'
                                        UNION ALL SELECT reference, sku, location_id, delta, CASE WHEN reason = 'sold' THEN 1 ELSE 0 END FROM stock_movement WHERE reason IN ('sold', 'cancelled')) AS entries
            GROUP BY reservation_id, sku, location_id HAVING sum(n) <> 0 OR sum(sold) > 1) AS wrong)"_sql));
  return findings;
}

}  // namespace polyshop::inventory::store
