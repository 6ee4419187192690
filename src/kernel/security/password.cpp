#include "kernel/security/password.hpp"

#include <array>
#include <cstddef>
#include <new>

#include <argon2.h>
#include <fmt/format.h>

#include "kernel/observe/log.hpp"
#include "kernel/security/token.hpp"
#include "kernel/types/problem.hpp"
#include "kernel/types/text.hpp"

namespace polyshop {
namespace {

constexpr std::size_t salt_size = 16;
constexpr std::size_t hash_size = 32;
constexpr unsigned lanes = 1;  // the pool runs several hashes at once; a hash with threads of its own would gain nothing

}  // namespace

void check_password(const std::string& password, const std::string& email, const std::string& pointer) {
  const auto length = code_points(password);
  if (length < 10 || length > 200) throw Problem::invalid("bad_password", fmt::format("A password has 10 to 200 characters; this one has {}.", length), pointer);
  const auto lower = [](std::string text) {
    for (auto& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return text;
  };
  if (lower(password) == lower(email)) throw Problem::invalid("bad_password", "Choose a password other than your e-mail address.", pointer);
}

PasswordHasher::PasswordHasher(std::size_t threads, std::size_t queue_max, Cost cost)
    : cost_(cost), dummy_(hash_now(make_token())), workers_("password", threads, queue_max) {}

bool PasswordHasher::hash(std::string password, std::move_only_function<void(std::string hash)> done) {
  return workers_.submit([this, password = std::move(password), done = std::move(done)]() mutable { done(hash_now(password)); });
}

bool PasswordHasher::verify(std::string password, std::string hash, std::move_only_function<void(bool matches)> done) {
  return workers_.submit([this, password = std::move(password), hash = std::move(hash), done = std::move(done)]() mutable {
    done(verify_now(password, hash));
  });
}

std::string PasswordHasher::hash_now(std::string_view password) const {
  std::array<std::byte, salt_size> salt;
  fill_random(salt);
  std::string encoded(argon2_encodedlen(cost_.passes, cost_.memory_kib, lanes, salt_size, hash_size, Argon2_id), '\0');
  // However long a password is, only the first BLAKE2b reads it: its length costs next to nothing.
  const int status = argon2id_hash_encoded(cost_.passes, cost_.memory_kib, lanes, password.data(), password.size(), salt.data(),
                                           salt.size(), hash_size, encoded.data(), encoded.size());
  if (status == ARGON2_MEMORY_ALLOCATION_ERROR) throw std::bad_alloc();
  // The rest are parameters out of range, which the settings' bounds exclude.
  if (status != ARGON2_OK) die(fmt::format("argon2id refuses to hash: {}", argon2_error_message(status)));
  encoded.resize(encoded.find('\0'));  // the length that was asked for is an upper bound
  return encoded;
}

bool PasswordHasher::verify_now(std::string_view password, std::string_view hash) const {
  const bool known = !hash.empty();
  const std::string encoded(known ? hash : std::string_view(dummy_));
  const int status = argon2id_verify(encoded.c_str(), password.data(), password.size());
  if (status != ARGON2_OK && status != ARGON2_VERIFY_MISMATCH)
    log::error("a password could not be verified", {{"reason", argon2_error_message(status)}});
  return known && status == ARGON2_OK;
}

}  // namespace polyshop
