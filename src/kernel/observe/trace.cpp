#include "kernel/observe/trace.hpp"

#include <algorithm>
#include <cstdint>
#include <random>

namespace polyshop {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::size_t traceparent_size = 55;

// Trace ids must be unlikely to meet, not hard to guess, and each request takes some: a call to the system would cost
// more than all the rest here.
std::uint64_t random_bits() {
  thread_local std::mt19937_64 generator = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  std::uint64_t bits;
  do {
    bits = generator();
  } while (bits == 0);  // an id of zeros is invalid
  return bits;
}

void write_hex(std::uint64_t bits, char* to) {
  for (int i = 15; i >= 0; --i, bits >>= 4) to[i] = hex_digits[bits & 15];
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;  // upper case is invalid, section 3.2.2
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return hex_value(c) >= 0; });
}

bool is_id(std::string_view text) { return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos; }

}  // namespace

Trace Trace::make() {
  Trace trace;
  write_hex(random_bits(), trace.trace_id.data());
  write_hex(random_bits(), trace.trace_id.data() + 16);
  write_hex(random_bits(), trace.span_id.data());
  return trace;
}

std::optional<Trace> Trace::parse(std::string_view traceparent) {
  if (traceparent.size() < traceparent_size) return {};
  const auto version = traceparent.substr(0, 2);
  const auto trace_id = traceparent.substr(3, 32);
  const auto span_id = traceparent.substr(36, 16);
  const auto flags = traceparent.substr(53, 2);
  if (!is_hex(version) || version == "ff") return {};
  if (traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-') return {};
  // A later version may add fields behind another dash; what it shares with ours is read.
  if (traceparent.size() > traceparent_size && (version == "00" || traceparent[traceparent_size] != '-')) return {};
  if (!is_id(trace_id) || !is_id(span_id) || !is_hex(flags)) return {};
  Trace trace;
  std::ranges::copy(trace_id, trace.trace_id.begin());
  std::ranges::copy(span_id, trace.span_id.begin());
  trace.sampled = (hex_value(flags[1]) & 1) != 0;
  return trace;
}

Trace Trace::child() const {
  Trace trace = *this;
  write_hex(random_bits(), trace.span_id.data());
  return trace;
}

std::string Trace::traceparent() const {
  std::string text;
  text.reserve(traceparent_size);
  text += "00-";
  text.append(trace_id.data(), trace_id.size());
  text += '-';
  text.append(span_id.data(), span_id.size());
  text += sampled ? "-01" : "-00";
  return text;
}

}  // namespace polyshop
