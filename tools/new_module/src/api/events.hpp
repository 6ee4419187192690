#pragma once

#include "@module@/facade.hpp"

namespace polyshop::@module@ {

// An entry exists that did not before.
struct EntryAdded {
  static constexpr std::string_view event_name = "@module@.entry_added.v1";
  EntryId id;
  std::int64_t version = 0;
  std::string aggregate() const { return id.str(); }
};
BOOST_DESCRIBE_STRUCT(EntryAdded, (), (id, version))

}  // namespace polyshop::@module@
