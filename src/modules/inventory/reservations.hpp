#pragma once

#include "stock.hpp"

namespace polyshop::inventory {

struct ListReservations {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<ReservationState> filter_state;
};
BOOST_DESCRIBE_STRUCT(ListReservations, (), (limit, cursor, filter_state))

// A reservation as staff see it.
struct ReservationWithLines : ReservationEntry {
  std::vector<Part> lines;
};
BOOST_DESCRIBE_STRUCT(ReservationWithLines, (ReservationEntry), (lines))

// Goods set aside for an order. A reservation is open until it is held, consumed, released, or its time is up; a reference
// has at most one that is open, held or consumed, and to reserve again for it answers that one, for ever.
class Reservations {
 public:
  Reservations(bus::Node& node, Bands& bands, Timestamp ttl_ms) : node_(node), bands_(bands), ttl_ms_(ttl_ms) {}

  Reservation reserve(const Call& call, const ReserveStock& wanted);
  Reservation hold(const Call& call, const std::string& reference);
  Reservation let_expire(const Call& call, const std::string& reference);
  Nothing consume(const Call& call, std::vector<std::string> references);
  Reservation release(const Call& call, const std::string& reference);
  Reservation restock(const Call& call, const std::string& reference);
  // Ends what is open and past its time; answers how many. Safe to run in several instances at once.
  std::int64_t expire(const Call& call);
  http::Listed<ReservationWithLines> list(const Call& call, const ListReservations& wanted);

 private:
  std::optional<Reservation> find_in(const Call& call, const std::string& reference, ReservationState state);
  std::optional<Reservation> consume_one(Tx& tx, const std::string& reference);
  std::vector<Part> allocate(Tx& tx, const std::string& sku, std::int64_t quantity);
  void give_back(Tx& tx, const std::vector<Part>& parts);

  bus::Node& node_;
  Bands& bands_;
  const Timestamp ttl_ms_;
};

}  // namespace polyshop::inventory
