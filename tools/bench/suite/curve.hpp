#pragma once

#include "suite/measure.hpp"

namespace polyshop::bench {

// What is offered at a rate, and on how many connections at most: as many as shoppers who are slow need.
struct Offer {
  std::string_view scenario;
  std::size_t shoppers;
};

// Offers it at 10 to 110 % of its peak, in visits a second, and adds a point for each.
void measure_curve(Bench& bench, load::Ground& ground, const FilledShop& shop, const Offer& what, double peak, Curve& curve);

constexpr double judged_fraction = 0.7;  // of the peak, at which latencies are judged
// The latency of every step where so many visits a second are offered.
std::map<std::string, load::Histogram> latencies_at(Bench& bench, load::Ground& ground, int port, pid_t server, const Offer& what, double rate);

// The p99 of writing 4 KiB and waiting for the disk, in ms, in a folder.
double fsync_p99_ms(const std::filesystem::path& folder);

// A drawing of the curves: latency and what was achieved over what was offered. It names no font or colour scheme of anybody.
std::string svg_of(const Curve& curve);

}  // namespace polyshop::bench
