#include "module.hpp"

#include "store.hpp"

namespace polyshop::webhook {
namespace {

bool allows_private(Config& config) {
  return config.boolean("webhook.allow_private", false, "Whether webhooks may also go to addresses that are not the internet's, such as this machine, and over http://. For development and tests: whoever may name an endpoint could reach what only this machine can.");
}

}  // namespace

Module::Module(Platform& platform)
    : node_(platform, "webhook"), allow_private_(allows_private(platform.config)), endpoints_(node_, allow_private_), deliveries_(node_, {.allow_private = allow_private_}) {
  add_routes(node_.routes(), endpoints_, deliveries_);
}

void Module::tell_of(const std::vector<bus::Node*>& sources) {
  for (auto* source : sources) {
    if (source->log.kinds().empty()) continue;
    auto& events = node_.subscribe(*source, bus::From::head);
    // Asked for once for all events of a kind that are taken together, which one thread does at a time.
    const auto listening = std::make_shared<std::vector<store::EndpointRow>>();
    for (const auto& [type, kind] : source->log.kinds()) {
      endpoints_.know(type);
      bus::Subscription::Handler handler;
      handler.prepare_all = [this, listening](const Call& call, const std::vector<const bus::Event*>&) { *listening = deliveries_.list_listening(call); };
      handler.apply = [this, listening](Tx& tx, const bus::Event& event, const std::any&) { deliveries_.queue(tx, event, *listening); };
      events.handle(type, std::move(handler));
    }
  }
}

// Answers that are being taken still need what goes before the node does.
Module::~Module() { node_.workers.stop(); }

}  // namespace polyshop::webhook
