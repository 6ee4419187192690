#pragma once

#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "live/process.hpp"

namespace polyshop::live {

// What main() of a tool does: reads the command line into what `app` was given, heeds signals, runs, and turns a failure into a
// line on standard error. Answers the exit status: `run`'s, or `failed`; 2 where the command line is not right.
template <class Run>
int run_tool(CLI::App& app, int argc, char** argv, std::string_view name, int failed, Run run) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  take_signals();
  try {
    return run();
  } catch (const Problem& problem) {
    fmt::print(stderr, "{}: {}\n", name, problem.detail);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
  }
  return failed;
}

}  // namespace polyshop::live
