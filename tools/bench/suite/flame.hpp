#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace polyshop::bench {

// Where time went: a function, how many samples were in it or below, and the functions that it called.
struct Frame {
  std::int64_t samples = 0;
  std::string object;  // the program, library or kernel that it is of
  std::map<std::string, Frame, std::less<>> called{};
};

// What `perf script -F comm,ip,sym,dso` prints, as one tree; the first level below its root are threads by their names.
Frame frames_of(std::string_view script);

// A flame graph: a frame is as wide as its share, its callers lie below it, its colour says of what it is. Its full name shows
// when pointed at.
std::string flame_graph(const Frame& root, std::string_view title);

// The functions that most samples were in themselves, a line each.
std::string top_of(const Frame& root, std::size_t lines);

}  // namespace polyshop::bench
