#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/types/problem.hpp"

namespace polyshop {

// A string usable as a template argument.
template <std::size_t N>
struct FixedString {
  char text[N]{};
  consteval FixedString(const char (&literal)[N]) {
    for (std::size_t i = 0; i < N; ++i) text[i] = literal[i];
  }
  constexpr std::string_view view() const { return {text, N - 1}; }
};

using Timestamp = std::int64_t;  // milliseconds since 1970-01-01 UTC

// The 26 lower-case base32 characters (Crockford's alphabet) of a UUIDv7, RFC 9562: they sort by time of creation.
using IdText = std::array<char, 26>;
IdText make_id_text(Timestamp now);
bool is_id_text(std::string_view text);
// The first ten characters of an id are the millisecond that it was made in.
constexpr std::size_t id_time_size = 10;
bool is_id_time(std::string_view text);
constexpr const char* after_all_ids = "~";  // sorts after every id: where a list that goes back in time begins

// An identifier such as `prod_01h...`: a prefix that says of what, and a UUIDv7. Trivially copyable; a default one is empty.
template <FixedString Prefix>
class Id {
 public:
  static constexpr std::string_view prefix = Prefix.view();
  static constexpr std::size_t size = Prefix.view().size() + 1 + 26;

  constexpr Id() = default;
  static Id make(Timestamp now) {
    Id id;
    auto at = std::copy(prefix.begin(), prefix.end(), id.text_.begin());
    *at++ = '_';
    const auto text = make_id_text(now);
    std::copy(text.begin(), text.end(), at);
    return id;
  }
  static std::optional<Id> parse(std::string_view text) {
    if (text.size() != size || !text.starts_with(prefix) || text[prefix.size()] != '_' ||
        !is_id_text(text.substr(prefix.size() + 1)))
      return {};
    Id id;
    std::copy(text.begin(), text.end(), id.text_.begin());
    return id;
  }
  // Another spelling of the same UUID: a payment that belongs to exactly one order can be found without a look-up.
  template <FixedString Other>
  static Id same_as(const Id<Other>& other) {
    Id id;
    auto at = std::copy(prefix.begin(), prefix.end(), id.text_.begin());
    *at++ = '_';
    const auto text = other.view().substr(Id<Other>::prefix.size() + 1);
    std::copy(text.begin(), text.end(), at);
    return id;
  }

  std::string_view view() const { return {text_.data(), text_[0] ? size : 0}; }
  std::string str() const { return std::string(view()); }
  explicit operator bool() const { return text_[0] != 0; }
  auto operator<=>(const Id&) const = default;

 private:
  std::array<char, size> text_{};
};

template <class T>
inline constexpr bool is_id = false;
template <FixedString P>
inline constexpr bool is_id<Id<P>> = true;

}  // namespace polyshop

template <polyshop::FixedString P>
struct std::hash<polyshop::Id<P>> {
  std::size_t operator()(const polyshop::Id<P>& id) const { return std::hash<std::string_view>{}(id.view()); }
};
