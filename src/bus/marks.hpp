#pragma once

#include "bus/event.hpp"

namespace polyshop::bus {

// Where a subscription stands in the log of its source.
struct CursorMark {
  std::string subscription;
  std::string source;
  std::int64_t epoch = 1;  // of the source's log
  std::int64_t position = 0;
};
BOOST_DESCRIBE_STRUCT(CursorMark, (), (subscription, source, epoch, position))

// What a module's database says of its log and of its places in those of others: what a backup keeps and a restore compares.
struct Marks {
  std::int64_t epoch = 1;
  std::int64_t head = 0;
  std::vector<CursorMark> cursors;
  std::vector<std::string> migrations;  // that its tables come from, such as "bus/0001_bus"
};
BOOST_DESCRIBE_STRUCT(Marks, (), (epoch, head, cursors, migrations))

Marks read_marks(Tx& tx);
LogEpoch epoch_since(Tx& tx, std::int64_t epoch);
void begin_epoch(Tx& tx, std::int64_t epoch);  // after what the log holds now
void set_cursor(Tx& tx, const CursorMark& cursor);

}  // namespace polyshop::bus
