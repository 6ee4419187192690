#pragma once

#include "kernel/facade/operation.hpp"

namespace polyshop::@module@ {

using EntryId = Id<"@prefix@">;

struct Entry {
  EntryId id;
  Text<1, 200> title;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (id, title, version, created_ms))

struct AddEntry {
  Text<1, 200> title;
};
BOOST_DESCRIBE_STRUCT(AddEntry, (), (title))

struct GetEntry {
  EntryId id;
};
BOOST_DESCRIBE_STRUCT(GetEntry, (), (id))

struct Facade {
  Command<AddEntry, Entry> add_entry;
  Query<GetEntry, Entry> get_entry;
};
BOOST_DESCRIBE_STRUCT(Facade, (), (add_entry, get_entry))

}  // namespace polyshop::@module@
