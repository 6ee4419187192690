#include "reservations.hpp"

#include <fmt/format.h>

#include "store.hpp"

namespace polyshop::inventory {
namespace {

constexpr std::size_t lines_max = 1000;
constexpr std::size_t references_max = 1000;
// A transaction that expires reservations ends after so many, or so many lines: others wait for it.
constexpr std::size_t expired_max = 50;
constexpr std::size_t expired_lines_max = 500;

using Sums = std::map<std::string, std::int64_t>;  // by SKU, which is the order of locks

// The lines of several reservations, each SKU at each location once and in the order of locks.
class PartSums {
 public:
  void add(const Part& part) { sums_[{part.sku, part.location_id}] += part.quantity; }
  std::size_t size() const { return sums_.size(); }
  std::vector<Part> parts() const {
    std::vector<Part> parts;
    for (const auto& [place, quantity] : sums_) parts.push_back({place.first, place.second, quantity});
    return parts;
  }

 private:
  std::map<std::pair<std::string, LocationId>, std::int64_t> sums_;
};

Sums summed(const ReserveStock& wanted) {
  if (wanted.reference.empty() || wanted.reference.size() > 200) throw Problem::invalid("bad_reference", "Name whose reservation it is, in 1 to 200 bytes.", "/reference");
  if (wanted.lines.empty() || wanted.lines.size() > lines_max) throw Problem::invalid("lines_out_of_range", fmt::format("Reserve 1 to {} lines at once.", lines_max), "/lines");
  Sums sums;
  for (const auto& line : wanted.lines) {
    if (line.quantity < 1 || line.quantity > quantity_max) throw Problem::invalid("quantity_out_of_range", "A quantity is 1 to 1,000,000,000.", line.pointer);
    sums[line.sku] += line.quantity;
  }
  return sums;
}

Problem sold_out(const std::vector<StockLine>& lines, const std::set<std::string>& short_skus) {
  auto problem = Problem::conflict("sold_out", "There is not enough stock. Lower the quantity of these lines or remove them.");
  for (const auto& line : lines)
    if (short_skus.contains(line.sku)) problem.errors.push_back({line.pointer, "sold_out", fmt::format("There is not enough of {} for this quantity.", line.sku)});
  return problem;
}

// It came into the state that was asked for, but only after the statement that looked for it.
Problem changing() { return Problem::unavailable("reservation_changing", "The reservation is being changed by somebody else. Try again."); }

Problem ended(const Reservation& reservation) {
  return Problem::conflict("reservation_ended", fmt::format("The reservation was {}. Reserve again.", json::enum_name(reservation.state)));
}

Reservation existing(Tx& tx, const std::string& reference) {
  auto reservation = store::find_reservation(tx, reference);
  if (!reservation) throw Problem::not_found("reservation for", reference);
  return std::move(*reservation);
}

// The goods of a reference are set aside once: other goods under it would be an order of which some are not.
Reservation repeated(Tx& tx, const std::string& reference, const Sums& sums) {
  auto reservation = store::find_reservation(tx, reference);
  if (!reservation || reservation->state == ReservationState::released || reservation->state == ReservationState::expired) throw changing();
  Sums reserved;
  for (const auto& part : store::list_lines(tx, reservation->id)) reserved[part.sku] += part.quantity;
  if (reserved != sums) throw Problem::conflict("reference_reused", "This reference has a reservation of other goods. Release it before you reserve anew.");
  return std::move(*reservation);
}

Movement movement_of(Tx& tx, const Part& part, std::int64_t delta, MovementReason reason, const ReservationId& id, const std::string& actor) {
  return {MovementId::make(tx.now()), part.sku, part.location_id, delta, reason, id.str(), {}, actor, tx.now()};
}

}  // namespace

// None of these keeps a result for its key: each answers a repetition by how the reservation stands.

Reservation Reservations::reserve(const Call& call, const ReserveStock& wanted) {
  const auto sums = summed(wanted);  // two lines may share a SKU
  return node_.db.write(call.unkeyed(), [&](Tx& tx) {
    const Reservation reservation{ReservationId::make(tx.now()), wanted.reference, wanted.held ? ReservationState::held : ReservationState::open, tx.now() + ttl_ms_};
    if (!store::insert_reservation(tx, reservation)) return repeated(tx, wanted.reference, sums);
    std::set<std::string> short_skus;
    for (const auto& [sku, quantity] : sums) {
      if (!bands_.change(tx, sku, -quantity))
        short_skus.insert(sku);
      else if (short_skus.empty())
        for (const auto& part : allocate(tx, sku, quantity)) store::insert_line(tx, reservation.id, part);
    }
    if (!short_skus.empty()) throw sold_out(wanted.lines, short_skus);
    return reservation;
  });
}

// From one location where one has it all, so that it leaves in one parcel; else from as few as priority gives. The SKU is
// locked and has enough, so nobody can take from under this.
std::vector<Part> Reservations::allocate(Tx& tx, const std::string& sku, std::int64_t quantity) {
  if (const auto location = store::take_at_one(tx, sku, quantity)) return {{sku, *location, quantity}};
  std::vector<Part> parts;
  for (const auto& free : store::list_free(tx, sku)) {
    if (quantity == 0) break;
    parts.push_back({sku, free.location_id, std::min(free.free, quantity)});
    quantity -= parts.back().quantity;
  }
  if (quantity > 0) throw broken("less is free at the locations than is available", sku);
  std::ranges::sort(parts, {}, &Part::location_id);  // the order of locks
  for (const auto& part : parts)
    if (!store::take_at(tx, part)) throw broken("less is free at a location than it said", sku);
  return parts;
}

// What is so already takes no transaction that writes.
std::optional<Reservation> Reservations::find_in(const Call& call, const std::string& reference, ReservationState state) {
  auto found = node_.db.read_once(call, [&](Tx& tx) { return store::find_reservation(tx, reference); });
  return found && found->state == state ? found : std::nullopt;
}

Reservation Reservations::hold(const Call& call, const std::string& reference) {
  if (auto held = find_in(call, reference, ReservationState::held)) return *held;
  return node_.db.write(call.unkeyed(), [&](Tx& tx) {
    // Past its time it may still be held, as long as its goods were not given back.
    if (auto held = store::hold(tx, reference)) return *held;
    auto reservation = existing(tx, reference);
    if (reservation.state == ReservationState::open) throw changing();
    if (reservation.state != ReservationState::held) throw ended(reservation);
    return reservation;
  });
}

Reservation Reservations::let_expire(const Call& call, const std::string& reference) {
  if (auto open = find_in(call, reference, ReservationState::open)) return *open;
  return node_.db.write(call.unkeyed(), [&](Tx& tx) {
    if (auto open = store::let_expire(tx, reference)) return *open;
    auto reservation = existing(tx, reference);
    if (reservation.state == ReservationState::held) throw changing();
    return reservation;
  });
}

// Nothing where it is consumed already.
std::optional<Reservation> Reservations::consume_one(Tx& tx, const std::string& reference) {
  if (auto consumed = store::consume(tx, reference)) return consumed;
  const auto reservation = existing(tx, reference);
  if (reservation.state == ReservationState::open || reservation.state == ReservationState::held) throw changing();
  if (reservation.state != ReservationState::consumed) throw ended(reservation);
  return {};
}

Nothing Reservations::consume(const Call& call, std::vector<std::string> references) {
  if (references.empty() || references.size() > references_max) throw Problem::invalid("references_out_of_range", fmt::format("Name 1 to {} reservations at once.", references_max), "/references");
  std::ranges::sort(references);  // the order of locks
  return node_.db.write(call.unkeyed(), [&](Tx& tx) {
    PartSums leaving;
    for (const auto& reference : references) {
      const auto consumed = consume_one(tx, reference);
      if (!consumed) continue;
      for (const auto& part : store::list_lines(tx, consumed->id)) {
        leaving.add(part);
        store::insert_movement(tx, movement_of(tx, part, -part.quantity, MovementReason::sold, consumed->id, actor_of(call)));
      }
    }
    // What is available stays: the goods were set aside before.
    for (const auto& part : leaving.parts())
      if (!store::ship(tx, part)) throw broken("less is reserved than a reservation has", part.sku);
    return Nothing();
  });
}

Reservation Reservations::release(const Call& call, const std::string& reference) {
  return node_.db.write(call.unkeyed(), [&](Tx& tx) {
    const auto released = store::release(tx, reference);
    if (!released) {
      auto reservation = store::find_reservation(tx, reference);
      if (!reservation) return Reservation{{}, reference, ReservationState::released, 0};
      if (reservation->state == ReservationState::open || reservation->state == ReservationState::held) throw changing();
      return *reservation;
    }
    give_back(tx, store::list_lines(tx, released->id));
    return *released;
  });
}

Reservation Reservations::restock(const Call& call, const std::string& reference) {
  return node_.db.write(call.unkeyed(), [&](Tx& tx) {
    const auto returned = store::restock(tx, reference);
    if (!returned) {
      auto reservation = existing(tx, reference);
      if (reservation.state == ReservationState::consumed) throw changing();
      if (reservation.state == ReservationState::open || reservation.state == ReservationState::held)
        throw Problem::conflict("reservation_not_consumed", "The goods of this reservation have not left. Release it instead.");
      return reservation;
    }
    for (const auto& part : store::list_lines(tx, returned->id)) {
      if (!bands_.change(tx, part.sku, part.quantity) || !store::change_on_hand(tx, part.sku, part.location_id, part.quantity))
        throw broken("a consumed reservation has no level", part.sku);
      store::insert_movement(tx, movement_of(tx, part, part.quantity, MovementReason::cancelled, returned->id, actor_of(call)));
    }
    return *returned;
  });
}

// `parts` in the order of SKU and location, each once.
void Reservations::give_back(Tx& tx, const std::vector<Part>& parts) {
  for (auto part = parts.begin(); part != parts.end();) {
    const auto end = std::find_if(part, parts.end(), [&](const auto& p) { return p.sku != part->sku; });
    std::int64_t quantity = 0;
    for (auto p = part; p != end; ++p) quantity += p->quantity;
    if (!bands_.change(tx, part->sku, quantity)) throw broken("a reserved SKU has no stock", part->sku);
    for (; part != end; ++part)
      if (!store::give_back(tx, *part)) throw broken("less is reserved than a reservation has", part->sku);
  }
}

std::int64_t Reservations::expire(const Call& call) {
  std::int64_t expired = 0;
  for (std::int64_t batch = 1; batch > 0; expired += batch)
    batch = node_.db.write(call.unkeyed(), [&](Tx& tx) {
      PartSums expiring;
      std::int64_t reservations = 0;
      for (std::size_t i = 0; i < expired_max && expiring.size() < expired_lines_max; ++i) {
        const auto id = store::expire_next(tx);
        if (!id) break;
        ++reservations;
        for (const auto& part : store::list_lines(tx, *id)) expiring.add(part);
      }
      give_back(tx, expiring.parts());
      return reservations;
    });
  return expired;
}

http::Listed<ReservationWithLines> Reservations::list(const Call& call, const ListReservations& wanted) {
  const auto before = http::cursor_as<ReservationId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  http::Listed<ReservationWithLines> page;
  node_.db.read(call, [&](Tx& tx) {
    page = {};
    for (auto& entry : store::list_reservations(tx, before, wanted.filter_state, limit + 1)) {
      if (static_cast<std::int64_t>(page.data.size()) == limit) {
        page.next_cursor = http::cursor_of(page.data.back().id);
        break;
      }
      auto lines = store::list_lines(tx, entry.id);
      page.data.push_back({std::move(entry), std::move(lines)});
    }
  });
  return page;
}

}  // namespace polyshop::inventory
