#include "suite/machine.hpp"

#include <fstream>

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "live/process.hpp"

namespace polyshop::bench {
namespace {

// What a program prints, in a line; what is missing is said so.
std::string output_of(const std::vector<std::string>& arguments) {
  if (::access(arguments.front().c_str(), X_OK) != 0) return arguments.front() + " is not installed";
  auto text = live::run(arguments, {}).output;
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(0, text.find('\n'));
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "an unknown processor";
}

}  // namespace

std::vector<std::string> machine_lines() {
  utsname system{};
  ::uname(&system);
  return {fmt::format("{} of {}", ::sysconf(_SC_NPROCESSORS_ONLN), processor()), fmt::format("Linux {}", system.release), output_of({"/usr/sbin/nginx", "-v"}), fmt::format("SQLite {}", sqlite3_libversion()), output_of({"/usr/bin/pgbench", "--version"})};
}

std::string commit_of(const std::filesystem::path& root) {
  constexpr const char* git = "/usr/bin/git";
  const auto folder = root.string();
  const auto commit = output_of({git, "-C", folder, "rev-parse", "--short", "HEAD"});
  return output_of({git, "-C", folder, "status", "--porcelain", "--untracked-files=no"}).empty() ? commit : commit + " with changes";
}

}  // namespace polyshop::bench
