#pragma once

#include "suite/measure.hpp"

// The figures of docs/performance.md, each group with a shop of its own.
namespace polyshop::bench {

std::vector<Figure> measure_reading(Bench& bench);
std::vector<Figure> measure_search(Bench& bench);
std::vector<Figure> measure_checkout(Bench& bench);

}  // namespace polyshop::bench
