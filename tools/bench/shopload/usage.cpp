#include "shopload/usage.hpp"

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <unistd.h>

#include "kernel/types/problem.hpp"

namespace polyshop::load {
namespace {

double ticks() {
  static const auto value = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return value;
}

struct Entry {
  std::string name;
  pid_t parent = 0;
  double cpu_s = 0;
};

// The fields of /proc/PID/stat after the program's name, which may hold anything. A process that ends meanwhile has none: reading
// through an iterator would throw then.
Entry entry_of(const std::filesystem::path& folder) {
  std::ifstream file(folder / "stat");
  std::string text;
  std::getline(file, text, '\0');
  Entry entry;
  if (const auto end = text.rfind(')'); end != std::string::npos) {
    const auto begin = text.find('(') + 1;
    entry.name = text.substr(begin, end - begin);
    std::istringstream fields(text.substr(end + 1));
    std::string state;
    std::string skipped;
    double user = 0;
    double system = 0;
    fields >> state >> entry.parent;
    for (int i = 0; i < 9; ++i) fields >> skipped;
    fields >> user >> system;
    entry.cpu_s = (user + system) / ticks();
  }
  return entry;
}

void add_memory(pid_t process, Usage& usage) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  for (std::string word; status >> word;) {
    std::int64_t kib = 0;
    if (word == "VmRSS:" && status >> kib) usage.resident_bytes += kib * 1024;
    if (word == "VmHWM:" && status >> kib) usage.peak_bytes += kib * 1024;
    if (word == "RssAnon:" && status >> kib) usage.anonymous_bytes += kib * 1024;
  }
}

std::map<pid_t, Entry> all_processes() {
  std::map<pid_t, Entry> all;
  for (const auto& folder : std::filesystem::directory_iterator("/proc"))
    if (const auto name = folder.path().filename().string(); name.find_first_not_of("0123456789") == std::string::npos) all[std::stoi(name)] = entry_of(folder.path());
  return all;
}

// The kernel's threads, which write what somebody gave them to write, and PostgreSQL: they work for who is measured.
double serving_cpu_s() {
  constexpr pid_t kernel = 2;
  double cpu_s = 0;
  for (const auto& [id, entry] : all_processes())
    if (id == kernel || entry.parent == kernel || entry.name == "postgres") cpu_s += entry.cpu_s;
  return cpu_s;
}

}  // namespace

Usage usage_of(pid_t process) {
  auto all = all_processes();
  std::set<pid_t> wanted{process};
  for (bool grows = true; grows;) {
    grows = false;
    for (const auto& [id, entry] : all)
      if (wanted.contains(entry.parent) && wanted.insert(id).second) grows = true;
  }
  Usage usage;
  for (const auto id : wanted) {
    usage.cpu_s += all[id].cpu_s;
    add_memory(id, usage);
  }
  return usage;
}

MachineUsage machine_usage() {
  std::ifstream file("/proc/stat");
  std::string name;
  std::array<double, 8> times{};  // user, nice, system, idle, waiting for disks, interrupts, soft interrupts, stolen
  file >> name;
  for (auto& time : times) file >> time;
  return {(times[0] + times[1] + times[2]) / ticks() - serving_cpu_s(), times[7] / ticks()};
}

void pin_to(const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const auto processor : processors) CPU_SET(static_cast<std::size_t>(processor), &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) throw Problem::invalid("no_processor", fmt::format("Nothing can be bound to processor {}: {}.", fmt::join(processors, ", "), std::system_category().message(errno)));
}

}  // namespace polyshop::load
