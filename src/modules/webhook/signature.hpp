#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/types/id.hpp"

// Standard Webhooks, https://www.standardwebhooks.com: what proves to a receiver who sent a message.
namespace polyshop::webhook {

std::string make_secret();  // "whsec_" and 32 random bytes as base64

// The value of webhook-signature: "v1," and the HMAC-SHA256 of id, time in seconds and body by each of the secrets.
std::string signature_of(const std::vector<std::string>& secrets, std::string_view id, Timestamp time_ms, std::string_view body);

}  // namespace polyshop::webhook
