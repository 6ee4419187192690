#include "kernel/security/token.hpp"

#include <cerrno>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include "kernel/types/problem.hpp"

namespace polyshop {
namespace {

constexpr std::size_t digest_size = 32;
constexpr std::size_t token_size = 43;
constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view base64url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Without padding.
std::string encoded(std::string_view bytes, std::string_view alphabet) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char byte : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(byte);
    for (held += 8; held >= 6; held -= 6) text += alphabet[(bits >> (held - 6)) & 63];
  }
  if (held > 0) text += alphabet[(bits << (6 - held)) & 63];
  return text;
}

// OpenSSL 3 looks an algorithm up by name on every use of EVP_sha256(), which costs more than hashing a token.
const EVP_MD* sha256() {
  static EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (!found) die("OpenSSL offers no SHA-256");
  return found;
}

}  // namespace

void fill_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    // More than 256 bytes may be interrupted by a signal or come in parts.
    const auto got = getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) die("the operating system gives no random bytes");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

std::string make_token() {
  std::array<std::byte, 32> secret;
  fill_random(secret);
  return encoded({reinterpret_cast<const char*>(secret.data()), secret.size()}, base64url_alphabet);
}

std::string make_timed_token(Timestamp now) {
  const auto id = make_id_text(now);
  return std::string(id.data(), id_time_size) + make_token();
}

std::string_view time_of_token(std::string_view token) {
  const auto time = token.substr(0, id_time_size);
  return token.size() == id_time_size + token_size && is_id_time(time) ? time : std::string_view();
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, digest_size> digest;
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, sha256(), nullptr) != 1) die("SHA-256 failed");
  std::string hex;
  hex.reserve(2 * digest.size());
  for (const auto byte : digest) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string code(digest_size, '\0');
  // A null key would mean "the key used before" to OpenSSL.
  const void* const key_bytes = key.empty() ? "" : key.data();
  unsigned size = 0;
  if (!HMAC(sha256(), key_bytes, static_cast<int>(key.size()), bytes_of(text), text.size(),
            reinterpret_cast<unsigned char*>(code.data()), &size) ||
      size != digest_size)
    die("HMAC-SHA-256 failed");
  return code;
}

std::string to_base64(std::string_view bytes) {
  auto text = encoded(bytes, base64_alphabet);
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const auto value = base64_alphabet.find(c);
    if (value == std::string_view::npos) return {};
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes += static_cast<char>(bits >> held);
    }
  }
  // Bits left over must be zero, or two texts would stand for the same bytes.
  if ((bits & ((1U << held) - 1)) != 0) return {};
  return bytes;
}

bool equals_in_constant_time(std::string_view a, std::string_view b) {
  const bool same_size = a.size() == b.size();
  const auto& other = same_size ? b : a;
  return (CRYPTO_memcmp(a.data(), other.data(), a.size()) == 0) & same_size;
}

}  // namespace polyshop
