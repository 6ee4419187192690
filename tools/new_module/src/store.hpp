#pragma once

#include "@module@/facade.hpp"
#include "kernel/db/database.hpp"

// Every SQL statement of @module@, one function each.
namespace polyshop::@module@::store {

void insert_entry(Tx& tx, const Entry& entry);
std::optional<Entry> find_entry(Tx& tx, const EntryId& id);

}  // namespace polyshop::@module@::store
