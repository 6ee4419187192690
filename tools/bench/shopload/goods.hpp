#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/types/money.hpp"

namespace polyshop::load {

struct GoodsVariant {
  std::string sku;
  std::int64_t price = 0;  // in minor units of Goods::currency
};

struct GoodsProduct {
  std::string id;
  std::vector<GoodsVariant> variants;
};

// A list that can be asked for, and how many products it must answer; at least one where that is 0.
struct GoodsList {
  std::string target;
  std::size_t products = 0;
};

// What a shop sells, as its API says, so that answers can be checked against it.
struct Goods {
  Currency currency;
  std::vector<GoodsProduct> products;
  std::vector<GoodsList> pages;     // the plain list, twenty products each, from the first on
  std::vector<GoodsList> filtered;  // by category, in order of price or name
  std::vector<std::string> words;   // each stands in a product's name
  std::string country;              // where everything is delivered to
  std::string delivery_method;
};

// Asks the shop on a port of this machine for at most `products_max` of its products that can be bought in the currency, and for
// a delivery to the country. Throws Problem where there is nothing to buy, nothing is delivered, or where taxes come on top of
// prices: totals could not be told beforehand then.
Goods find_goods(int port, Currency currency, const std::string& country, std::size_t products_max);

}  // namespace polyshop::load
