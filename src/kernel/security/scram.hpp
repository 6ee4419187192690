#pragma once

#include <string>
#include <string_view>

namespace polyshop {

// What PostgreSQL keeps of a role's password, SCRAM-SHA-256 as of RFC 7677 with 4096 rounds: "SCRAM-SHA-256$4096:...". The
// server can check the password with it and never sees it. Passwords are printable ASCII here, for which SASLprep changes
// nothing; another one is Problem 422 `bad_password`. `salt` is 16 random bytes.
std::string scram_verifier(std::string_view password, std::string_view salt);
std::string scram_verifier(std::string_view password);  // with a fresh salt

}  // namespace polyshop
