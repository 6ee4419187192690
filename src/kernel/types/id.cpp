#include "kernel/types/id.hpp"

#include <random>

namespace polyshop {
namespace {

constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

// Cheap and unguessable enough for an id, which is never a secret; tokens come from kernel/security.
std::uint64_t random_bits() {
  thread_local std::mt19937_64 generator = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return generator();
}

// The first character carries three bits.
bool is_base32(std::string_view text) {
  return text[0] <= '7' && std::ranges::all_of(text, [](char c) { return alphabet.find(c) != std::string_view::npos; });
}

}  // namespace

IdText make_id_text(Timestamp now) {
  // Within a millisecond a thread's ids still ascend: rand_a is a counter that starts anew with each millisecond.
  thread_local Timestamp last_ms = -1;
  thread_local std::uint64_t counter = 0;
  if (now != last_ms) {
    last_ms = now;
    counter = random_bits() & 0x7ff;
  } else {
    counter = (counter + 1) & 0xfff;
  }
  const std::uint64_t high = (static_cast<std::uint64_t>(now) << 16) | 0x7000 | counter;
  const std::uint64_t low = (random_bits() >> 2) | 0x8000000000000000ULL;
  IdText text;
  // 128 bits in 26 characters: the first carries 3 bits, the others 5.
  for (int i = 25; i >= 0; --i) {
    const int shift = (25 - i) * 5;
    std::uint64_t bits;
    if (shift >= 64)
      bits = high >> (shift - 64);
    else if (shift > 59)
      bits = (low >> shift) | (high << (64 - shift));
    else
      bits = low >> shift;
    text[static_cast<std::size_t>(i)] = alphabet[bits & 31];
  }
  return text;
}

bool is_id_text(std::string_view text) { return text.size() == 26 && is_base32(text); }

bool is_id_time(std::string_view text) { return text.size() == id_time_size && is_base32(text); }

}  // namespace polyshop
