#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

// What a benchmark's shop sells: any number of products, the same every time.
namespace polyshop::bench {

// Writes products.csv and stock.csv, as polyshop imports them, into a folder: products of two variants with prices in EUR and
// a million of each on hand, in 24 categories. A name is an adjective, a noun and the word of a series; a series has forty
// products however many there are in all. A description has thirty words of two thousand, some far more often than others.
void write_catalogue(const std::filesystem::path& folder, std::int64_t products);

// Of a product, 0 the first.
std::string handle_of(std::int64_t product);

// The word of a series, 0 the first; none is the beginning of another.
std::string series_word(std::int64_t series);
constexpr std::int64_t series_size = 40;

}  // namespace polyshop::bench
