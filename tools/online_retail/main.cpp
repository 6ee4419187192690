#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "kernel/types/problem.hpp"
#include "online_retail/derive.hpp"
#include "online_retail/files.hpp"

namespace polyshop::online_retail {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr std::size_t miscounts_shown = 20;  // one mistake may show on every line

// A month takes a tenth of a second; only who waits for longer is told how far it is, and only on a terminal.
class Progress {
 public:
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  void operator()(std::size_t bytes, std::uintmax_t size) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || size == 0 || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    fmt::print(stderr, "\rreading: {} %", bytes * 100 / size);
    shown_ = true;
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
};

void print_table(const Derivation& derivation, const std::filesystem::path& folder) {
  const auto row = [](std::string_view name, auto count) { fmt::print("{:<24}{:>12}\n", name, count); };
  row("lines in the file", derivation.lines);
  row("kept", derivation.orders.size());
  row("left aside", derivation.left_aside.size());
  for (const auto reason : reasons) row(fmt::format("  {}", code(reason)), derivation.count(reason));
  row("products", derivation.products.size());
  row("invoices", derivation.invoices());
  row("units", derivation.units());
  fmt::print("written to {}\n", folder.string());
}

int run(int argc, char** argv) {
  CLI::App app{"Derives products, stock and orders for `polyshop import` from a month of the UCI Online Retail data set."};
  std::string file;
  std::string out;
  app.add_option("FILE", file, "A CSV file of the data set, such as 2010-12.csv")->required();
  app.add_option("--out", out, "The folder to write to; build/online-retail/<name of FILE> unless given")->type_name("DIR");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  const auto folder = out.empty() ? "build/online-retail" / std::filesystem::path(file).stem() : std::filesystem::path(out);

  try {
    const auto derivation = [&] {
      Progress progress;
      return derive_file(file, std::ref(progress));
    }();
    write_files(derivation, folder);
    const auto miscounts = find_miscounts(derivation, folder);
    for (std::size_t i = 0; i < miscounts.size() && i < miscounts_shown; ++i)
      fmt::print(stderr, "online-retail: {}: {}.\n", folder.string(), miscounts[i]);
    if (!miscounts.empty()) {
      fmt::print(stderr,
                 "online-retail: {}: {} counts do not add up. Do not import these files; report it with the source file.\n",
                 folder.string(), miscounts.size());
      return exit_failed;
    }
    print_table(derivation, folder);
    return 0;
  } catch (const Problem& problem) {
    fmt::print(stderr, "online-retail: {}: {}\n", file, problem.detail);
  } catch (const std::exception& error) {
    fmt::print(stderr, "online-retail: {}: {}\n", file, error.what());
  }
  return exit_failed;
}

}  // namespace
}  // namespace polyshop::online_retail

int main(int argc, char** argv) { return polyshop::online_retail::run(argc, argv); }
