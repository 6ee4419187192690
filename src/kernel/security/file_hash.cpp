#include "kernel/security/file_hash.hpp"

#include <array>
#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "kernel/types/problem.hpp"

namespace polyshop {

std::string sha256_hex_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) die("OpenSSL offers no SHA-256");
  std::array<char, 256 * 1024> part;
  while (file) {
    file.read(part.data(), part.size());
    EVP_DigestUpdate(context.get(), part.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (!file.eof()) throw Problem(500, "file_not_read", fmt::format("The file {} cannot be read.", path.string()));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &size);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace polyshop
