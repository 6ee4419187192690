#pragma once

#include <functional>

#include "program/facades.hpp"

namespace polyshop::demo {

// What a demo shop has, and how much of it was made now.
struct Report {
  std::size_t categories = 0;
  std::size_t products = 0;
  std::size_t variants = 0;
  std::size_t products_made = 0;
};

// Who can sign in to it.
struct Accounts {
  std::string password_hash;                    // of all of them
  std::vector<std::string> staff_permissions;
};
inline constexpr const char* staff_email = "demo@polyshop.example";
inline constexpr std::array<const char*, 2> customer_emails{"anna.becker@example.com", "emily.carter@example.org"};

// Fills a fresh shop: a catalogue with prices in EUR and GBP and stock, taxes, delivery to everywhere, ten customers, of whom
// two can sign in, and a member of staff. Where it was filled before, only what is missing is made: nothing that somebody has
// changed since is changed back. Throws Problem 409 `shop_not_empty` where the shop has products that are not the demo's.
Report fill(const Facades& shop, const Accounts& accounts, const std::function<Call()>& call);

}  // namespace polyshop::demo
