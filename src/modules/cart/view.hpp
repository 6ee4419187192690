#pragma once

#include "carts.hpp"

// How a cart is shown, as pure functions of what the other modules answered.
namespace polyshop::cart {

struct Parts {
  std::map<std::string, catalog::SellableVariant> variants;  // by SKU; one that is missing is not for sale any more
  std::map<std::string, std::int64_t> available;
  pricing::Quote quote;
};

Cart assembled(const store::CartRow& row, const std::vector<store::LineRow>& lines, const Parts& parts);
void add_delivery(Cart& cart, const shipping::DeliveryOption& option, const pricing::Quote& quote);
// What is missing before the cart can be completed, and what has changed since the shopper looked.
void add_requirements(Cart& cart, const Parts& parts);
std::int64_t weight_of(const Cart& cart);  // grams

}  // namespace polyshop::cart
