#include "signature.hpp"

#include <array>

#include <fmt/format.h>

#include "kernel/security/token.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::webhook {
namespace {

constexpr std::string_view prefix = "whsec_";

}  // namespace

std::string make_secret() {
  std::array<std::byte, 32> bytes;
  fill_random(bytes);
  return std::string(prefix) + to_base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string signature_of(const std::vector<std::string>& secrets, std::string_view id, Timestamp time_ms, std::string_view body) {
  const auto signed_text = fmt::format("{}.{}.{}", id, time_ms / 1000, body);
  std::string signature;
  for (const auto& secret : secrets) {
    const auto key = from_base64(std::string_view(secret).substr(prefix.size()));
    if (!key) die("a webhook's secret is not as it was made");
    if (!signature.empty()) signature += ' ';
    signature += "v1," + to_base64(hmac_sha256(*key, signed_text));
  }
  return signature;
}

}  // namespace polyshop::webhook
