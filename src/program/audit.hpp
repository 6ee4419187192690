#pragma once

#include <string>
#include <vector>

#include <boost/describe.hpp>

namespace polyshop {

// One promise, checked: how often it is broken, and an example.
struct AuditRow {
  std::string promise;
  std::int64_t violations = 0;
  std::string example;
};
BOOST_DESCRIBE_STRUCT(AuditRow, (), (promise, violations, example))

struct AuditReport {
  std::vector<AuditRow> rows;
  std::int64_t violations() const {
    std::int64_t sum = 0;
    for (const auto& row : rows) sum += row.violations;
    return sum;
  }
};
BOOST_DESCRIBE_STRUCT(AuditReport, (), (rows))

}  // namespace polyshop
