#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <fstream>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "live/shop.hpp"
#include "live/shopper.hpp"

// How fast a filled shop starts, and how much memory it takes when nobody asks it anything.
namespace polyshop::bench {
namespace {

using std::chrono::steady_clock;

constexpr double start_s_max = 1;
constexpr double resident_mib_max = 64;
constexpr auto idle_for = std::chrono::seconds(5);

double resident_mib(pid_t process) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  for (std::string word; status >> word;)
    if (word == "VmRSS:") {
      double kib = 0;
      status >> kib;
      return kib / 1024;
    }
  throw Problem(500, "no_process", "The shop's memory cannot be read: the process is gone.");
}

struct Run {
  double start_s = 0;
  double resident = 0;
};

// From before the program is run to the first 200 of a list of products. It learns its port from the log, as an operator would.
Run measure(const std::filesystem::path& program, const std::filesystem::path& data) {
  live::Shop shop(program, data, {});
  Run run;
  const auto start = steady_clock::now();
  shop.serve();
  live::Connection(shop.port()).send(http::Method::get, "/v1/store/products", {}, {}, 200);
  run.start_s = std::chrono::duration<double>(steady_clock::now() - start).count();
  for (const auto until = steady_clock::now() + idle_for; steady_clock::now() < until; live::stop_if_interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  run.resident = resident_mib(shop.process());
  if (shop.stop() != 0) throw Problem(500, "not_stopped", fmt::format("polyshop serve did not stop well; its log ends with\n{}", shop.end_of_log()));
  return run;
}

bool print_row(std::string_view name, std::vector<double> values, double limit) {
  std::ranges::sort(values);
  const auto median = values[values.size() / 2];
  fmt::print("{:<32}{:>10.2f}{:>10.2f}{:>10.2f}{:>10.2f}{}\n", name, values.front(), median, values.back(), limit, median > limit ? "  over the limit" : "");
  return median <= limit;
}

int run(int argc, char** argv) {
  CLI::App app{"Measures how long a filled demo shop takes from its start to its first answer, and its memory after five idle seconds, against limits. Exits with 1 where a median is over its limit."};
  int runs = 5;
  auto program = live::program_beside_this();
  app.add_option("--runs", runs, "How often to measure")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--polyshop", program, "The program; the one built together with this unless given")->type_name("FILE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  live::take_signals();
  try {
    const live::Folder folder("polyshop-bench-start");
    const auto data = folder.path() / "shop";
    live::Shop(program, data, {}).command({"demo"});
    // What the demo's events still have to do is no part of a start.
    live::Shop(program, data, {}).command({"audit"});
    std::vector<double> starts;
    std::vector<double> residents;
    for (int i = 0; i < runs; ++i) {
      const auto measured = measure(program, data);
      starts.push_back(measured.start_s);
      residents.push_back(measured.resident);
    }
    fmt::print("{:<32}{:>10}{:>10}{:>10}{:>10}\n", fmt::format("{} runs", runs), "min", "median", "max", "limit");
    const bool is_fast = print_row("start to first 200, s", starts, start_s_max);
    const bool is_small = print_row("idle resident memory, MiB", residents, resident_mib_max);
    return is_fast && is_small ? 0 : 1;
  } catch (const Problem& problem) {
    fmt::print(stderr, "start: {}\n", problem.detail);
  } catch (const std::exception& error) {
    fmt::print(stderr, "start: {}\n", error.what());
  }
  return 1;
}

}  // namespace
}  // namespace polyshop::bench

int main(int argc, char** argv) { return polyshop::bench::run(argc, argv); }
