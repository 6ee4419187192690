#pragma once

#include "suite/measure.hpp"

// The figures of docs/performance.md, each group with a shop of its own.
namespace polyshop::bench {

Findings measure_reading(Bench& bench);
Findings measure_search(Bench& bench);
Findings measure_checkout(Bench& bench);
Findings measure_checkout_postgresql(Bench& bench);  // on the server that POLYSHOP_TEST_POSTGRESQL names
Findings measure_flash(Bench& bench);
Findings measure_many_products(Bench& bench);
Findings measure_many_orders(Bench& bench);
Findings measure_resources(Bench& bench);
Findings measure_slow_module(Bench& bench);

}  // namespace polyshop::bench
