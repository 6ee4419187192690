#pragma once

#include <string>
#include <string_view>

#include "kernel/types/problem.hpp"

namespace polyshop::json {

// A Problem as `application/problem+json` (RFC 9457).
std::string problem_text(const Problem& problem, std::string_view instance, std::string_view request_id);
// And back, from another process.
Problem problem_from_text(std::string_view text, int status);

}  // namespace polyshop::json
