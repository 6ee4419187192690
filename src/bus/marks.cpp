#include "bus/marks.hpp"

#include <fmt/format.h>

#include "kernel/runtime/failpoint.hpp"

namespace polyshop::bus {
namespace {

struct Applied {
  std::string owner;
  std::int64_t number = 0;
  std::string name;
};
BOOST_DESCRIBE_STRUCT(Applied, (), (owner, number, name))

}  // namespace

Marks read_marks(Tx& tx) {
  Marks marks;
  marks.epoch = tx.get<std::int64_t>("SELECT max(epoch) AS epoch FROM log_epoch"_sql);
  marks.head = tx.get<std::int64_t>("SELECT coalesce(max(position), 0) AS head FROM event_log"_sql);
  marks.cursors = tx.list<CursorMark>("SELECT name AS subscription, source, epoch, position FROM subscription ORDER BY name"_sql);
  for (const auto& one : tx.list<Applied>("SELECT owner, number, name FROM schema_migration ORDER BY owner, number"_sql)) marks.migrations.push_back(fmt::format("{}/{:04}_{}", one.owner, one.number, one.name));
  return marks;
}

LogEpoch epoch_since(Tx& tx, std::int64_t epoch) {
  return tx.get<LogEpoch>(R"(SELECT (SELECT max(epoch) FROM log_epoch) AS epoch, coalesce(min(after_position), 9223372036854775807) AS common FROM log_epoch WHERE epoch > :epoch)"_sql, epoch);
}

void begin_epoch(Tx& tx, std::int64_t epoch) {
  tx.exec("INSERT INTO log_epoch (epoch, after_position) SELECT :epoch, coalesce(max(position), 0) FROM event_log"_sql, epoch);
  failpoint::reach("log.epoch_begun");
}

void set_cursor(Tx& tx, const CursorMark& cursor) { tx.exec("UPDATE subscription SET epoch = :epoch, position = :position WHERE name = :subscription"_sql, cursor); }

}  // namespace polyshop::bus
