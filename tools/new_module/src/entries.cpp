#include "entries.hpp"

#include "@module@/events.hpp"
#include "store.hpp"

namespace polyshop::@module@ {

Entry Entries::add(const Call& call, const AddEntry& wanted) {
  const Entry entry{EntryId::make(call.now), wanted.title, 1, call.now};
  return node_.db.write(call, [&](Tx& tx) {
    store::insert_entry(tx, entry);
    tx.publish(EntryAdded{entry.id, entry.version});
    return entry;
  });
}

Entry Entries::get(const Call& call, const EntryId& id) {
  auto entry = node_.db.read(call, [&](Tx& tx) { return store::find_entry(tx, id); });
  if (!entry) throw Problem::not_found("entry", id.view());
  return std::move(*entry);
}

}  // namespace polyshop::@module@
