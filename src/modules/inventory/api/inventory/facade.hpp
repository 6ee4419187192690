#pragma once

#include "kernel/facade/operation.hpp"
#include "kernel/types/import_result.hpp"

namespace polyshop::inventory {

using LocationId = Id<"loc">;
using ReservationId = Id<"rsv">;

// How much there is, as a storefront says it.
enum class Band { sold_out, low, in_stock };
BOOST_DESCRIBE_ENUM(Band, sold_out, low, in_stock)

struct GetAvailability {
  std::vector<std::string> skus;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(GetAvailability, (), (skus))

// What can be sold of a SKU now, over all locations; one that was never stocked has 0.
struct Availability {
  std::string sku;
  std::int64_t available = 0;
  Band band = Band::sold_out;
};
BOOST_DESCRIBE_STRUCT(Availability, (), (sku, available, band))

struct StockLine {
  std::string sku;
  std::int64_t quantity = 0;  // 1 or more
  std::string pointer;        // to the caller's line, for the Problem
};
BOOST_DESCRIBE_STRUCT(StockLine, (), (sku, quantity, pointer))

struct ReserveStock {
  std::string reference;         // whose it is: an order's id. One open or held reservation per reference.
  std::vector<StockLine> lines;  // may name a SKU twice
  bool held = false;             // at once, by who will release it or let it expire
};
BOOST_DESCRIBE_STRUCT(ReserveStock, (), (reference, lines, held))

enum class ReservationState { open, held, consumed, released, expired };
BOOST_DESCRIBE_ENUM(ReservationState, open, held, consumed, released, expired)

struct Reservation {
  ReservationId id;
  std::string reference;
  ReservationState state = ReservationState::open;
  Timestamp expires_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Reservation, (), (id, reference, state, expires_ms))

struct OfReference {
  std::string reference;
};
BOOST_DESCRIBE_STRUCT(OfReference, (), (reference))

struct OfReferences {
  std::vector<std::string> references;  // 1 to 1,000
};
BOOST_DESCRIBE_STRUCT(OfReferences, (), (references))

struct ImportedStock {
  std::int64_t line = 0;
  std::string sku;
  std::int64_t quantity = 0;            // what is on hand, 0 or more: a count, not a difference
  std::optional<std::string> location;  // by code; the default location where absent; made where missing
};
BOOST_DESCRIBE_STRUCT(ImportedStock, (), (line, sku, quantity, location))

struct ImportStock {
  bool dry_run = false;
  std::vector<ImportedStock> rows;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(ImportStock, (), (dry_run, rows))

struct ExportBands {
  std::string after;         // a SKU
  std::int64_t limit = 500;  // at most 1,000
};
BOOST_DESCRIBE_STRUCT(ExportBands, (), (after, limit))

struct BandOfSku {
  std::string sku;
  Band band = Band::sold_out;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(BandOfSku, (), (sku, band, version))

// What the auditor counts (promise 1); all zero in a sound shop.
struct AuditFinding {
  std::string check;
  std::int64_t violations = 0;
  std::string example;
};
BOOST_DESCRIBE_STRUCT(AuditFinding, (), (check, violations, example))

struct Facade {
  Query<GetAvailability, std::vector<Availability>> get_availability;  // one for each SKU asked for
  Command<ReserveStock, Reservation> reserve;    // 409 `sold_out` with the pointer of every line that is short; all or nothing
  Command<OfReference, Reservation> hold;        // open -> held, which cannot expire; 409 `reservation_ended` where it has ended
  Command<OfReference, Reservation> let_expire;  // held -> open, as if it had never been held; one that has ended stays as it is
  Command<OfReferences, Nothing> consume;        // held or open -> consumed: the goods leave; all or nothing, 409 `reservation_ended` where one has ended otherwise
  Command<OfReference, Reservation> release;     // open or held -> released; one that never was or has ended stays as it is
  Command<OfReference, Reservation> restock;     // consumed -> released, with a movement that brings the goods back: a cancellation
  Command<ImportStock, ImportResult> import_stock;
  Query<ExportBands, std::vector<BandOfSku>> export_bands;  // in the order of SKUs
  Query<Nothing, std::vector<AuditFinding>> audit;
};
BOOST_DESCRIBE_STRUCT(Facade, (), (get_availability, reserve, hold, let_expire, consume, release, restock, import_stock, export_bands, audit))

}  // namespace polyshop::inventory
