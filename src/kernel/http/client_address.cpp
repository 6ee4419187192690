#include "kernel/http/client_address.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop::http {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> address_of(std::string_view text) {
  boost::system::error_code error;
  auto address = ip::make_address(text, error);
  if (error) return {};
  if (address.is_v6() && address.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

struct ClientAddress::Networks {
  std::vector<ip::network_v4> v4;
  std::vector<ip::network_v6> v6;

  void add(const std::string& text) {
    boost::system::error_code error;
    const bool is_v6 = text.find(':') != std::string::npos;
    const auto network = text.find('/') != std::string::npos ? text : text + (is_v6 ? "/128" : "/32");
    if (is_v6)
      v6.push_back(ip::make_network_v6(network, error));
    else
      v4.push_back(ip::make_network_v4(network, error));
    if (error) throw Problem::invalid("bad_setting", fmt::format("http.trusted_proxies holds \"{}\", which is no address and no network. Write 10.1.2.3, 10.0.0.0/8 or fd00::/8.", text));
  }
  bool hold(const ip::address& address) const {
    const auto is_in = [](const auto& network, const auto& one) { return std::decay_t<decltype(network)>(one, network.prefix_length()).canonical() == network.canonical(); };
    if (address.is_v4()) return std::ranges::any_of(v4, [&](const auto& network) { return is_in(network, address.to_v4()); });
    return std::ranges::any_of(v6, [&](const auto& network) { return is_in(network, address.to_v6()); });
  }
};

ClientAddress::ClientAddress(const std::vector<std::string>& trusted_proxies) {
  if (trusted_proxies.empty()) return;
  auto networks = std::make_unique<Networks>();
  for (const auto& one : trusted_proxies) networks->add(one);
  trusted_ = std::move(networks);
}
ClientAddress::~ClientAddress() = default;
ClientAddress::ClientAddress(ClientAddress&&) noexcept = default;

std::string ClientAddress::of(const std::string& peer, std::string_view forwarded_for) const {
  if (!trusted_ || forwarded_for.empty()) return peer;
  auto client = peer;
  // Every proxy adds whom it got the request from at the end: read from there for as long as it is one of ours that says so.
  while (true) {
    const auto address = address_of(client);
    if (!address || !trusted_->hold(*address) || forwarded_for.empty()) return client;
    const auto comma = forwarded_for.rfind(',');
    const auto last = trimmed(comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1));
    forwarded_for = comma == std::string_view::npos ? std::string_view() : forwarded_for.substr(0, comma);
    const auto next = address_of(last);
    if (!next) return client;
    client = next->to_string();
  }
}

std::string ClientAddress::counted_as(const std::string& client) {
  const auto address = address_of(client);
  if (!address || !address->is_v6()) return client;
  return ip::network_v6(address->to_v6(), 64).canonical().to_string();
}

}  // namespace polyshop::http
