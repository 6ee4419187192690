#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace polyshop {

// 256 random bits from the operating system, as 43 base64url characters. What a session or a guest cart is opened with.
std::string make_token();
void fill_random(std::span<std::byte> bytes);

std::string sha256_hex(std::string_view text);             // 64 lower-case hex characters; how a token is kept
std::string hmac_sha256(std::string_view key, std::string_view text);  // 32 raw bytes
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);
// Takes as long whatever the difference is.
bool equals_in_constant_time(std::string_view a, std::string_view b);

}  // namespace polyshop
