#include "kernel/outbound/address.hpp"

#include <array>
#include <cstdint>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace polyshop::outbound {
namespace {

struct Block {
  std::uint32_t network;
  int bits;
};

constexpr std::uint32_t ipv4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) { return a << 24 | b << 16 | c << 8 | d; }

// IANA's registry of special-purpose addresses, as of 2026: what is not globally reachable.
constexpr Block not_public[] = {{ipv4(0, 0, 0, 0), 8},      {ipv4(10, 0, 0, 0), 8},     {ipv4(100, 64, 0, 0), 10},   {ipv4(127, 0, 0, 0), 8},  {ipv4(169, 254, 0, 0), 16},
                                {ipv4(172, 16, 0, 0), 12},  {ipv4(192, 0, 0, 0), 24},   {ipv4(192, 0, 2, 0), 24},    {ipv4(192, 88, 99, 0), 24}, {ipv4(192, 168, 0, 0), 16},
                                {ipv4(198, 18, 0, 0), 15},  {ipv4(198, 51, 100, 0), 24}, {ipv4(203, 0, 113, 0), 24}, {ipv4(224, 0, 0, 0), 4},  {ipv4(240, 0, 0, 0), 4}};

bool is_public_ipv4(std::uint32_t address) {
  for (const auto& block : not_public)
    if ((address ^ block.network) >> (32 - block.bits) == 0) return false;
  return true;
}

std::uint32_t word(const unsigned char* bytes) { return ipv4(bytes[0], bytes[1], bytes[2], bytes[3]); }

bool is_public_ipv6(const unsigned char* bytes) {
  const auto first = word(bytes);
  // Mapped (::ffff:0:0/96) and translated (64:ff9b::/96) IPv4.
  const bool is_mapped = first == 0 && word(bytes + 4) == 0 && word(bytes + 8) == 0xffff;
  const bool is_translated = first == 0x0064ff9b && word(bytes + 4) == 0 && word(bytes + 8) == 0;
  if (is_mapped || is_translated) return is_public_ipv4(word(bytes + 12));
  if (first >> 29 != 1) return false;                             // only 2000::/3 is anybody's
  if (first >> 9 == 0x20010000U >> 9 || first == 0x20010db8) return false;  // 2001::/23 (Teredo and others), documentation
  if (first >> 16 == 0x2002) return is_public_ipv4(word(bytes + 2));        // 6to4
  return first >> 12 != 0x3fff0000U >> 12;                        // documentation, 3fff::/20
}

}  // namespace

bool is_public(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    return is_public_ipv4(ntohl(in.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    return is_public_ipv6(in.sin6_addr.s6_addr);
  }
  return false;
}

}  // namespace polyshop::outbound
