#pragma once

#include <functional>
#include <string>

namespace polyshop::tests {

// Runs a function in a child of this process and answers what it wrote to standard error before it aborted, or nothing where
// it came to its end. The child has only the thread that forks: the function makes whatever else it needs.
std::string last_words(const std::function<void()>& body);

}  // namespace polyshop::tests
