#include "store.hpp"

namespace polyshop::@module@::store {

void insert_entry(Tx& tx, const Entry& entry) {
  tx.exec("INSERT INTO @module@_entry (id, title, version, created_ms) VALUES (:id, :title, :version, :created_ms)"_sql, entry);
}

std::optional<Entry> find_entry(Tx& tx, const EntryId& id) {
  return tx.find<Entry>("SELECT id, title, version, created_ms FROM @module@_entry WHERE id = :id"_sql, id);
}

}  // namespace polyshop::@module@::store
