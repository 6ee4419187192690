#pragma once

#include <optional>
#include <string>

#include "shopload/generator.hpp"

// What came of a run, for people and for programs.
namespace polyshop::load {

// What the server used while it was measured.
struct ServerUse {
  double cpu_s = 0;
  std::int64_t resident_bytes = 0;
  std::int64_t peak_bytes = 0;
};

std::string table_of(const LoadResult& result);
std::string table_of(const ServerUse& use, const LoadResult& first);
// {"loads":[...],"server":{...}}; durations are in milliseconds.
std::string json_of(const std::vector<LoadResult>& results, const std::optional<ServerUse>& use);

}  // namespace polyshop::load
