#include "module.hpp"

#include "@module@/events.hpp"

namespace polyshop::@module@ {

Module::Module(Platform& platform) : node_(platform, "@module@"), entries_(node_) {
  node_.publishes<EntryAdded>();

  facade_.add_entry = [this](const Call& call, const AddEntry& wanted) { return entries_.add(call, wanted); };
  facade_.get_entry = [this](const Call& call, const GetEntry& wanted) { return entries_.get(call, wanted.id); };

  add_routes(node_.routes(), entries_);
}

}  // namespace polyshop::@module@
