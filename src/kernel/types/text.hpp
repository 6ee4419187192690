#pragma once

#include <string>
#include <string_view>

namespace polyshop {

// Length in Unicode code points; the text is known to be UTF-8.
std::size_t code_points(std::string_view utf8);
bool is_utf8(std::string_view bytes);

// Text of Min to Max code points. The codec checks the bounds where text enters; inside the program it is a string.
template <std::size_t Min, std::size_t Max>
struct Text : std::string {
  static constexpr std::size_t size_min = Min;
  static constexpr std::size_t size_max = Max;
  using std::string::string;
  Text() = default;
  Text(std::string text) : std::string(std::move(text)) {}
  Text(std::string_view text) : std::string(text) {}
  const std::string& str() const { return *this; }
};

template <class T>
inline constexpr bool is_text = false;
template <std::size_t Min, std::size_t Max>
inline constexpr bool is_text<Text<Min, Max>> = true;

// An integer from Min to Max.
template <long long Min, long long Max>
struct Range {
  static constexpr long long min = Min;
  static constexpr long long max = Max;
  long long value = Min;
  Range() = default;
  constexpr Range(long long value) : value(value) {}
  constexpr operator long long() const { return value; }
};
template <class T>
inline constexpr bool is_range = false;
template <long long Min, long long Max>
inline constexpr bool is_range<Range<Min, Max>> = true;

}  // namespace polyshop
