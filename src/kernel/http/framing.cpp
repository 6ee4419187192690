#include "kernel/http/framing.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "kernel/http/characters.hpp"
#include "kernel/types/text.hpp"

namespace polyshop::http {
namespace {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool is_port(std::string_view text) {
  unsigned port = 0;
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit)) return false;
  for (const char c : text) port = port * 10 + static_cast<unsigned>(c - '0');
  return port > 0 && port <= 65535;
}

// C0 and C1 controls and DEL, in text that is UTF-8, where only U+0080 to U+009F are a C2 and a byte below A0.
bool has_control_character(std::string_view utf8) {
  unsigned char before = 0;
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0)) return true;
    before = byte;
  }
  return false;
}

}  // namespace

std::string_view name_of(Method method) {
  switch (method) {
    case Method::get: return "GET";
    case Method::head: return "HEAD";
    case Method::post: return "POST";
    case Method::put: return "PUT";
    case Method::patch: return "PATCH";
    case Method::del: return "DELETE";
    case Method::options: return "OPTIONS";
    case Method::other: break;
  }
  return "other";
}

std::optional<std::string_view> Head::field(std::string_view name) const {
  for (const auto& field : fields)
    if (equals_ignoring_case(field.name, name)) return field.value;
  return {};
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

// Narrower than RFC 3986 on purpose: links and cookies are made of this text.
bool is_host(std::string_view text) {
  constexpr std::size_t name_size_max = 255;
  std::size_t size = 0;
  if (text.starts_with('[')) {
    char address[INET6_ADDRSTRLEN] = {};
    in6_addr parsed;
    size = std::min(text.find(']'), text.size() - 1) + 1;
    if (text[size - 1] != ']' || size - 2 >= sizeof address) return false;
    text.copy(address, size - 2, 1);
    if (inet_pton(AF_INET6, address, &parsed) != 1) return false;
  } else {
    for (char before = '.'; size < text.size() && is(text[size], host_character); before = text[size++])
      if (before == '.' && text[size] == '.') return false;
    if (size == 0 || size > name_size_max) return false;
  }
  return size == text.size() || (text[size] == ':' && is_port(text.substr(size + 1)));
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += plus_is_blank && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (text.size() - i < 3) return {};
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return {};
    decoded += static_cast<char>(high << 4 | low);
    i += 2;
  }
  if (!is_utf8(decoded) || has_control_character(decoded)) return {};
  return decoded;
}

}  // namespace polyshop::http
