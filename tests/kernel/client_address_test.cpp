#include "kernel/http/client_address.hpp"

#include <doctest/doctest.h>

#include "kernel/types/problem.hpp"

namespace polyshop::http {

TEST_CASE("only a trusted proxy is believed about whom it forwards") {
  struct Case {
    const char* peer;
    const char* forwarded_for;
    const char* client;
  };
  const ClientAddress nobody({});
  CHECK(nobody.of("203.0.113.9", "198.51.100.7") == "203.0.113.9");

  const ClientAddress address({"10.0.0.0/8", "192.0.2.1", "fd00::/8"});
  for (const auto& [peer, forwarded_for, client] : {
           Case{"203.0.113.9", "198.51.100.7", "203.0.113.9"},                      // not one of ours: what it says does not count
           Case{"10.1.2.3", "198.51.100.7", "198.51.100.7"},
           Case{"10.1.2.3", "", "10.1.2.3"},
           Case{"192.0.2.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"},             // what the client itself sent stands before
           Case{"192.0.2.2", "198.51.100.7", "192.0.2.2"},                          // beside the single address
           Case{"10.1.2.3", "198.51.100.7, 10.9.9.9 ,\t10.8.8.8", "198.51.100.7"},  // through several of ours
           Case{"10.1.2.3", "10.9.9.9, 10.8.8.8", "10.9.9.9"},                      // nobody but ours
           Case{"10.1.2.3", "198.51.100.7, unknown", "10.1.2.3"},                   // no address: the last one known
           Case{"fd12::1", "2001:db8::5", "2001:db8::5"},
           Case{"::ffff:10.1.2.3", "198.51.100.7", "198.51.100.7"},
       }) {
    CAPTURE(peer);
    CAPTURE(forwarded_for);
    CHECK(address.of(peer, forwarded_for) == client);
  }
}

TEST_CASE("an IPv6 client is counted by its /64") {
  CHECK(ClientAddress::counted_as("198.51.100.7") == "198.51.100.7");
  CHECK(ClientAddress::counted_as("2001:db8:1:2:3:4:5:6") == ClientAddress::counted_as("2001:db8:1:2::9"));
  CHECK(ClientAddress::counted_as("2001:db8:1:2::9") != ClientAddress::counted_as("2001:db8:1:3::9"));
}

TEST_CASE("what is no network is refused by name") {
  for (const auto* text : {"10.0.0.0/33", "example.com", "", "10.0.0", "::1/200"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(ClientAddress({text}), Problem);
  }
}

}  // namespace polyshop::http
