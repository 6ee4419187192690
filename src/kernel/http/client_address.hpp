#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace polyshop::http {

// Whom a request comes from. Behind a load balancer that is not the peer but what the balancer says in X-Forwarded-For;
// anybody else's X-Forwarded-For is not believed.
class ClientAddress {
 public:
  // Addresses and networks, such as 10.0.0.0/8 or ::1; throws Problem 422 `bad_setting` where one is neither.
  explicit ClientAddress(const std::vector<std::string>& trusted_proxies);
  ~ClientAddress();
  ClientAddress(ClientAddress&&) noexcept;

  // The last address of the field that is no trusted proxy's; the peer where it is none itself.
  std::string of(const std::string& peer, std::string_view forwarded_for) const;
  // Whom limits count: an IPv6 client has at least a /64 of addresses, so all of those are one.
  static std::string counted_as(const std::string& client);

 private:
  struct Networks;
  std::unique_ptr<const Networks> trusted_;
};

}  // namespace polyshop::http
