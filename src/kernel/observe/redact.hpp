#pragma once

#include <string>
#include <string_view>

// How log lines are kept free of secrets and addresses; log.hpp says what is replaced.
namespace polyshop::log {

inline constexpr std::string_view redaction = "***";

// Whether a value is a secret because of the name it stands under: "password", "session_token", "apiKey", "Set-Cookie".
bool names_secret(std::string_view key);

// False where redacted() would certainly change nothing, which costs about a nanosecond a byte to find out.
bool may_hold_secret(std::string_view text);

}  // namespace polyshop::log
