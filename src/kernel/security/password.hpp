#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "kernel/runtime/workers.hpp"

namespace polyshop {

// What a password must be: 10 to 200 characters, and not the e-mail address. Throws Problem 422 `bad_password`.
void check_password(const std::string& password, const std::string& email, const std::string& pointer = "/password");

// argon2id hashes in the PHC string format, computed in a small pool of their own: one costs some 30 ms of a core, and a
// flood of logins must not starve the rest. The callback is called on a thread of the pool.
class PasswordHasher {
 public:
  struct Cost {
    unsigned memory_kib = 19 * 1024;  // OWASP's recommendation for argon2id: 19 MiB, t=2, p=1
    unsigned passes = 2;
  };
  PasswordHasher(std::size_t threads, std::size_t queue_max, Cost cost);

  // False where the pool is full: answer 503.
  bool hash(std::string password, std::move_only_function<void(std::string hash)> done);
  // An empty hash stands for an unknown user: a dummy is verified, which takes as long, and the answer is false.
  bool verify(std::string password, std::string hash, std::move_only_function<void(bool matches)> done);

  // The same on the calling thread, for the command line.
  std::string hash_now(std::string_view password) const;
  bool verify_now(std::string_view password, std::string_view hash) const;
  void stop() { workers_.stop(); }

 private:
  const Cost cost_;
  const std::string dummy_;
  Workers workers_;
};

}  // namespace polyshop
