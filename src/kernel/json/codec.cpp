#include "kernel/json/codec.hpp"

#include <charconv>

#include <fmt/format.h>

namespace polyshop::json {

void Faults::add(std::string code, std::string detail, bool is_malformed) {
  malformed_ |= is_malformed;
  constexpr std::size_t errors_max = 100;  // a hostile body must not grow an answer without bound
  if (errors_.size() < errors_max) errors_.push_back({pointer_, std::move(code), std::move(detail)});
}

void Faults::raise() const {
  if (errors_.empty()) return;
  const auto& first = errors_.front();
  Problem problem(malformed_ ? 400 : 422, malformed_ ? "malformed_request" : "validation_failed",
                  errors_.size() == 1 ? fmt::format("{}: {}", first.pointer.empty() ? "The body" : first.pointer, first.detail)
                                      : fmt::format("{} members are not right; see errors.", errors_.size()));
  problem.errors = errors_;
  throw problem;
}

Faults::Step::Step(Faults& faults, std::string_view key) : faults_(faults), size_(faults.pointer_.size()) {
  faults_.pointer_ += '/';
  for (const char c : key) {  // RFC 6901, section 3
    if (c == '~')
      faults_.pointer_ += "~0";
    else if (c == '/')
      faults_.pointer_ += "~1";
    else
      faults_.pointer_ += c;
  }
}
Faults::Step::Step(Faults& faults, std::size_t index) : faults_(faults), size_(faults.pointer_.size()) {
  faults_.pointer_ += fmt::format("/{}", index);
}

void write_string(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out += hex[c >> 4];
        out += hex[c & 15];
    }
  }
  out.append(text, plain);
  out += '"';
}

void write_integer(std::string& out, std::int64_t number) {
  char digits[24];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
  out.append(digits, end);
}

void write_double(std::string& out, double number) {
  char digits[40];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
  out.append(digits, end);
}

bool read_integer(const Value& value, std::int64_t min, std::int64_t max, std::int64_t& out, Faults& faults) {
  if (value.is_int64())
    out = value.get_int64();
  else if (value.is_uint64() || value.is_double()) {
    faults.add("out_of_range", fmt::format("Send a whole number from {} to {}.", min, max));
    return false;
  } else {
    faults.add("wrong_type", "Send a whole number.");
    return false;
  }
  if (out < min || out > max) {
    faults.add("out_of_range", fmt::format("Send a whole number from {} to {}.", min, max));
    return false;
  }
  return true;
}

bool read_string(const Value& value, std::string_view& out, Faults& faults) {
  if (!value.is_string()) {
    faults.add("wrong_type", "Send a string.");
    return false;
  }
  out = value.get_string();
  if (out.find('\0') != std::string_view::npos) {  // PostgreSQL cannot keep it, so nobody may send it
    faults.add("forbidden_character", "Leave out the character U+0000.");
    return false;
  }
  return true;
}

bool check_length(std::string_view text, std::size_t min, std::size_t max, Faults& faults) {
  const auto length = code_points(text);
  if (length >= min && length <= max) return true;
  faults.add(length < min ? "too_short" : "too_long", fmt::format("Send {} to {} characters; these are {}.", min, max, length));
  return false;
}

void unknown_key(Faults& faults, std::string_view key, std::string_view known) {
  faults.add("unknown_key", fmt::format("\"{}\" is not known here. Known are: {}.", key, known.empty() ? "none" : known), true);
}
void missing_key(Faults& faults) { faults.add("required", "This member is required."); }

}  // namespace polyshop::json
