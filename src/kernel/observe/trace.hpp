#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace polyshop {

// W3C Trace Context, level 1.
struct Trace {
  std::array<char, 32> trace_id{};  // lower-case hex
  std::array<char, 16> span_id{};
  bool sampled = false;

  static Trace make();
  static std::optional<Trace> parse(std::string_view traceparent);  // nothing where the field is invalid: start a new one
  Trace child() const;                                              // same trace, a new span
  std::string traceparent() const;
  bool exists() const { return trace_id[0] != 0; }  // a default one does not
  std::string_view id() const { return {trace_id.data(), trace_id.size()}; }
};

}  // namespace polyshop
