#pragma once

#include <string>
#include <string_view>

#include "shopload/shopper.hpp"

// Bytes of requests, and checks that answers have in common.
namespace polyshop::load {

struct Secrets {
  std::string_view cart_token{};
  std::string_view key{};       // Idempotency-Key
  std::string_view bearer{};
  std::string_view if_match{};
  std::string_view if_none_match{};
};

void write_request(std::string& out, std::string_view method, const Ground& ground, std::string_view target, const Secrets& secrets = {}, std::string_view body = {});

// A key that no other request has.
std::string make_key(Ground& ground);

// Throws Fault "<what>: <status>" where the status is another, and where a 2xx body is not an object of JSON by its type and ends.
void expect(const Answer& answer, int status, std::string_view what);
void expect(bool is_right, const Answer& answer, std::string_view what);

void check_product(const Answer& answer, const GoodsProduct& product);
void check_list(const Answer& answer, const GoodsList& list, std::string_view what);

}  // namespace polyshop::load
