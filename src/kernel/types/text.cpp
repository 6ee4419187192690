#include "kernel/types/text.hpp"

#include <algorithm>

namespace polyshop {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::size_t code_points(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, [](char c) { return !continues(c); }));
}

bool is_utf8(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    const auto first = static_cast<unsigned char>(bytes[i]);
    if (first < 0x80) {
      ++i;
      continue;
    }
    const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || bytes.size() - i < size) return false;
    for (std::size_t k = 1; k < size; ++k)
      if (!continues(bytes[i + k])) return false;
    // The second byte is what tells longer spellings than needed, halves of UTF-16 pairs and points beyond U+10FFFF.
    const auto second = static_cast<unsigned char>(bytes[i + 1]);
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f))
      return false;
    i += size;
  }
  return true;
}

}  // namespace polyshop
