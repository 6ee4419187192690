#include "attack/tally.hpp"

#include <fstream>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "kernel/json/codec.hpp"
#include "kernel/runtime/clock.hpp"

namespace polyshop::attack {

struct TallyRow {
  std::int64_t runs = 0;
  std::int64_t faults = 0;
  std::int64_t checked = 0;
  std::int64_t failures = 0;
  std::vector<std::int64_t> seeds;
  std::string last;  // day
};
BOOST_DESCRIBE_STRUCT(TallyRow, (), (runs, faults, checked, failures, seeds, last))

using Tally = std::map<std::string, TallyRow>;

void add_to_tally(const std::filesystem::path& file, const std::string& test, const Run& run, std::int64_t failures) {
  // Tests on both engines end when they end: one after the other they add what they did.
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0 || ::flock(lock, LOCK_EX) != 0) throw Problem::unavailable("writing_failed", fmt::format("The tally {} cannot be written: {}.", file.string(), std::system_category().message(errno)));
  const std::shared_ptr<void> unlocked(nullptr, [lock](void*) { ::close(lock); });
  Tally tally;
  if (std::ifstream in(file); in) {
    std::stringstream text;
    text << in.rdbuf();
    if (!text.view().empty()) tally = json::from_text<Tally>(text.str(), json::Mode::strict);
  }
  auto& row = tally[fmt::format("{} {}", test, run.engine)];
  row.runs += run.runs;
  row.faults += run.faults;
  row.checked += run.checked;
  row.failures += failures;
  row.seeds.push_back(static_cast<std::int64_t>(run.seed));
  row.last = format_time(SystemClock().now()).substr(0, 10);
  // A line a test, so that a change of one is a change of one line.
  std::string text = "{";
  for (const auto& [name, one] : tally) text += fmt::format("{}\n  \"{}\": {}", text == "{" ? "" : ",", name, json::to_text(one));
  std::ofstream out(file);
  out << text << "\n}\n";
  if (!out.flush()) throw Problem::unavailable("writing_failed", fmt::format("The tally {} cannot be written.", file.string()));
}

std::vector<std::uint64_t> kept_seeds(const std::filesystem::path& file, const std::string& test, const std::string& engine) {
  std::vector<std::uint64_t> seeds;
  std::ifstream in(file);
  std::string name;
  std::string on;
  for (std::uint64_t seed = 0; in >> name >> on >> seed;)
    if (name == test && on == engine) seeds.push_back(seed);
  return seeds;
}

void keep_seed(const std::filesystem::path& file, const std::string& test, const Run& run) {
  const auto kept = kept_seeds(file, test, run.engine);
  if (std::ranges::find(kept, run.seed) == kept.end()) std::ofstream(file, std::ios::app) << fmt::format("{} {} {}\n", test, run.engine, run.seed);
}

}  // namespace polyshop::attack
