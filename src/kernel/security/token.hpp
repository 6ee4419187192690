#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kernel/types/id.hpp"

namespace polyshop {

// 256 random bits from the operating system, as 43 base64url characters. What a session is opened with.
std::string make_token();
// One that begins with its time as an id does, in ten characters more, so that what is kept by the tokens of many lies in the order in which they
// came. What a guest's cart is opened with.
std::string make_timed_token(Timestamp now);
std::string_view time_of_token(std::string_view token);  // those ten characters; empty where a token does not begin with its time
void fill_random(std::span<std::byte> bytes);

std::string sha256_hex(std::string_view text);             // 64 lower-case hex characters; how a token is kept
std::string hmac_sha256(std::string_view key, std::string_view text);  // 32 raw bytes
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);
// Takes as long whatever the difference is.
bool equals_in_constant_time(std::string_view a, std::string_view b);

}  // namespace polyshop
