#include "kernel/security/module_keys.hpp"

#include "kernel/security/token.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop {
namespace {

constexpr std::size_t key_size_min = 32;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

ModuleKeys ModuleKeys::parse(std::string_view text) {
  ModuleKeys keys;
  while (!trimmed(text).empty()) {
    const auto end = text.find(',');
    const auto part = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const auto equals = part.find('=');
    const auto module = trimmed(part.substr(0, equals));
    const auto key = equals == std::string_view::npos ? std::string_view() : trimmed(part.substr(equals + 1));
    if (module.empty() || key.size() < key_size_min)
      throw Problem::invalid("bad_module_keys", "Module keys are given as module=key, separated by commas; a key has at least 32 characters.");
    if (!keys.hashes_.emplace(module, sha256_hex(key)).second) throw Problem::invalid("bad_module_keys", "The module " + std::string(module) + " has two keys; give it one.");
  }
  return keys;
}

bool ModuleKeys::proves(std::string_view module, std::string_view key) const {
  const auto found = hashes_.find(module);
  return found != hashes_.end() && equals_in_constant_time(found->second, sha256_hex(key));
}

}  // namespace polyshop
