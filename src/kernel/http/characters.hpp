#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

// Which bytes may stand where in a message, as one table: the parsers look a byte up once instead of comparing it.
namespace polyshop::http {

enum CharacterClass : std::uint8_t {
  token_character = 1,  // RFC 9110 tchar
  name_character = 2,   // a tchar without '_', which gateways confuse with '-'
  path_character = 4,   // RFC 3986 pchar and '/', without '%'
  query_character = 8,  // the same with '?', '[' and ']': filter[status]=open is written so everywhere
  text_character = 16,  // in a field's value: HTAB, blank, visible ASCII and bytes over 0x7f
  host_character = 32,  // in a name or an IPv4 address
};

inline constexpr auto character_classes = [] {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&](std::string_view characters, int add) {
    for (const unsigned char c : characters) classes[c] = static_cast<std::uint8_t>(classes[c] | add);
  };
  mark("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.",
       token_character | name_character | path_character | query_character | host_character);
  mark("_", token_character | path_character | query_character | host_character);
  mark("!#$%&'*+^`|~", token_character | name_character);
  mark("~!$&'()*+,;=:@/", path_character | query_character);
  mark("?[]", query_character);
  mark("\t", text_character);
  for (int c = 0x20; c < 0x100; ++c)
    if (c != 0x7f) classes[static_cast<std::size_t>(c)] |= text_character;
  return classes;
}();

inline bool is(char c, CharacterClass wanted) { return character_classes[static_cast<unsigned char>(c)] & wanted; }

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// 0 to 15, or -1 for what is no hexadecimal digit.
inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

inline bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return is(c, token_character); });
}

}  // namespace polyshop::http
