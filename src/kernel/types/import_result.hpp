#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <boost/describe.hpp>

namespace polyshop {

// A row of a file that is not right, and so was left aside.
struct ImportFault {
  std::int64_t line = 0;  // of the file
  std::string code;
  std::string detail;
};
BOOST_DESCRIBE_STRUCT(ImportFault, (), (line, code, detail))

// What became of a batch of rows: all without a fault took effect.
struct ImportResult {
  std::int64_t created = 0;
  std::int64_t changed = 0;
  std::int64_t unchanged = 0;
  std::vector<ImportFault> faults;
};
BOOST_DESCRIBE_STRUCT(ImportResult, (), (created, changed, unchanged, faults))

}  // namespace polyshop
