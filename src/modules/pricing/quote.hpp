#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "pricing/facade.hpp"

// What a cart costs: a rule without a database, so that it can be shown as a table of cases.
namespace polyshop::pricing {

// A tax of the country the cart is sent to.
struct TaxRule {
  std::optional<catalog::CategoryId> category_id;  // none: the country's general tax
  std::string name;
  Decimal percent;
  bool inclusive = false;
};

using PriceList = std::unordered_map<std::string, std::int64_t>;  // in the cart's currency, by SKU

// Problem 422 `amount_out_of_range`, with a pointer, where an amount does not fit.
Quote quote(const QuoteCart& cart, const PriceList& prices, const std::vector<TaxRule>& taxes);

}  // namespace polyshop::pricing
