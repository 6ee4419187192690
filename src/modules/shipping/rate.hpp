#pragma once

#include "shipping/facade.hpp"

// What a method costs: rules without a database, so that they can be shown as a table of cases.
namespace polyshop::shipping {

// The price of sending something; nothing where the method is not offered for it: it has no rate in the currency, or the
// weight or the total lies beyond the last bound. A bound belongs to the step that names it.
std::optional<std::int64_t> price_of(RateKind kind, const std::vector<Rate>& rates, const GetOptions& wanted);

// Throws Problem 422 with a pointer for each rule of rates that is broken.
void check_rates(RateKind kind, const std::vector<Rate>& rates);

}  // namespace polyshop::shipping
