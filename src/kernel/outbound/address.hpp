#pragma once

struct sockaddr;

namespace polyshop::outbound {

// Whether an address is one of the internet's: not this machine, a private or local network, or set aside for something else. An
// IPv6 address that carries an IPv4 one is judged by that.
bool is_public(const sockaddr& address);

}  // namespace polyshop::outbound
