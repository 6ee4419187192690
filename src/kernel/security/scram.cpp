#include "kernel/security/scram.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "kernel/security/token.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop {
namespace {

constexpr int rounds = 4096;
constexpr std::size_t digest_size = 32;
constexpr std::size_t salt_size = 16;

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

std::string scram_verifier(std::string_view password, std::string_view salt) {
  if (password.empty() || !std::ranges::all_of(password, [](char c) { return c >= ' ' && c <= '~'; }))
    throw Problem::invalid("bad_password", "The password of a database role must consist of printable ASCII characters.");
  std::string salted(digest_size, '\0');
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()), rounds, EVP_sha256(), static_cast<int>(salted.size()), bytes_of(salted)) != 1)
    die("PBKDF2 failed");
  const auto client_key = hmac_sha256(salted, "Client Key");
  std::string stored_key(digest_size, '\0');
  if (EVP_Digest(client_key.data(), client_key.size(), bytes_of(stored_key), nullptr, EVP_sha256(), nullptr) != 1) die("SHA-256 failed");
  return fmt::format("SCRAM-SHA-256${}:{}${}:{}", rounds, to_base64(salt), to_base64(stored_key), to_base64(hmac_sha256(salted, "Server Key")));
}

std::string scram_verifier(std::string_view password) {
  std::string salt(salt_size, '\0');
  fill_random(std::as_writable_bytes(std::span(salt)));
  return scram_verifier(password, salt);
}

}  // namespace polyshop
