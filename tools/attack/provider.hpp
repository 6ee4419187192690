#pragma once

#include "attack/ledger.hpp"
#include "kernel/http/client.hpp"
#include "live/process.hpp"

// The sandbox's side of a payment for which the shopper has to act.
namespace polyshop::attack {

live::Variables provider_settings();  // a shop needs them to take notices

// Completes a cart with tok_require_action; answers the key that its notice is to name. Throws Problem where the shop asks for no action.
std::string begin_action(http::Client& client, const Attempt& attempt);
// Says how the action ended; answers the status.
int send_notice(http::Client& client, const std::string& key, bool is_approved);

}  // namespace polyshop::attack
