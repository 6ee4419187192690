#include "module.hpp"

namespace polyshop::shipping {

Module::Module(Platform& platform) : node_(platform, "shipping"), zones_(node_), methods_(node_) {
  facade_.get_options = [this](const Call& call, const GetOptions& wanted) { return methods_.options(call, wanted); };
  facade_.create_zone = [this](const Call& call, const CreateZone& wanted) { return zones_.create(call, wanted); };
  facade_.create_method = [this](const Call& call, const CreateMethod& wanted) { return methods_.create(call, wanted); };

  add_routes(node_.routes(), zones_, methods_);
}

}  // namespace polyshop::shipping
