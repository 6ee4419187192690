#pragma once

#include <map>
#include <string>
#include <string_view>

namespace polyshop {

// The keys by which modules in other processes prove who they are.
class ModuleKeys {
 public:
  // "search=KEY, order=KEY"; empty text: nobody. Throws Problem 422 `bad_module_keys` where it is malformed, a module stands
  // twice or a key is shorter than 32 characters. Never repeats a key in a message.
  static ModuleKeys parse(std::string_view text);
  bool proves(std::string_view module, std::string_view key) const;

 private:
  std::map<std::string, std::string, std::less<>> hashes_;  // SHA-256, so that all comparisons are of the same length
};

}  // namespace polyshop
