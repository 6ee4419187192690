#include "kernel/runtime/failpoint.hpp"

#include <charconv>
#include <chrono>
#include <csignal>
#include <limits>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "kernel/json/codec.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::failpoint {
namespace {

struct Armed {
  std::string name;
  std::string scope;  // empty: every one
  Mode mode = Mode::error;
  std::int64_t after = 0;
  std::int64_t times = 1;
  std::int64_t ms = 0;
};

struct Counts {
  std::int64_t reached = 0;
  std::int64_t acted = 0;
};

void end_process() {
  ::kill(::getpid(), SIGKILL);
  ::pause();
}

std::function<void()> crash = end_process;
std::function<void(std::int64_t)> delay = [](std::int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); };
std::mutex mutex;
std::vector<Armed> all;
std::map<std::string, Counts, std::less<>> counted;

Problem not_understood(std::string_view what) {
  return Problem::invalid("bad_failpoint", fmt::format("\"{}\" is not understood. Write NAME[/SCOPE]=MODE[,after=N][,times=N][,ms=N], several separated by \";\".", what));
}

std::string_view cut(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  auto part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  while (part.starts_with(' ')) part.remove_prefix(1);
  while (part.ends_with(' ')) part.remove_suffix(1);
  return part;
}

Armed parse(const std::string_view text) {
  auto rest = text;
  Armed armed;
  auto place = cut(rest, '=');
  armed.name = cut(place, '/');
  armed.scope = place;
  if (std::ranges::find(names, armed.name) == names.end()) throw Problem::invalid("bad_failpoint", fmt::format("There is no failpoint \"{}\"; src/kernel/runtime/failpoint.hpp lists them.", armed.name));
  const auto mode = json::enum_value<Mode>(cut(rest, ','));
  if (!mode) throw not_understood(text);
  armed.mode = *mode;
  if (armed.mode == Mode::delay || armed.mode == Mode::jump || armed.mode == Mode::on) armed.times = std::numeric_limits<std::int64_t>::max();
  while (!rest.empty()) {
    auto value = cut(rest, ',');
    const auto key = cut(value, '=');
    auto* number = key == "after" ? &armed.after : key == "times" ? &armed.times : key == "ms" ? &armed.ms : nullptr;
    if (!number) throw not_understood(text);
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *number);
    if (error != std::errc() || end != value.data() + value.size()) throw not_understood(text);
  }
  return armed;
}

}  // namespace

void arm(std::string_view text) {
  std::vector<Armed> wanted;
  while (!text.empty())
    if (const auto one = cut(text, ';'); !one.empty()) wanted.push_back(parse(one));
  std::int64_t offset_ms = 0;
  for (const auto& armed : wanted)
    if (armed.mode == Mode::jump) offset_ms += armed.ms;
  const std::lock_guard lock(mutex);
  all = std::move(wanted);
  counted.clear();
  clock_offset_ms = offset_ms;
  is_any_armed = !all.empty();
}

void imitate(std::function<void()> crash_as, std::function<void(std::int64_t)> delay_as) {
  crash = std::move(crash_as);
  delay = std::move(delay_as);
}

void act(std::string_view name, std::string_view scope) {
  std::optional<Armed> found;
  {
    const std::lock_guard lock(mutex);
    auto& counts = counted[std::string(name)];
    ++counts.reached;
    for (auto& armed : all) {
      if (armed.name != name || (!armed.scope.empty() && armed.scope != scope)) continue;
      if (armed.after-- > 0 || armed.times <= 0) continue;
      --armed.times;
      ++counts.acted;
      found = armed;
      break;
    }
  }
  if (!found) return;
  switch (found->mode) {
    case Mode::crash: crash(); break;
    case Mode::error: throw std::runtime_error(fmt::format("the failpoint {} was reached", name));
    case Mode::unavailable: throw Problem::unavailable("failpoint", fmt::format("The failpoint {} was reached. Try again.", name));
    case Mode::delay: delay(found->ms); break;
    case Mode::jump:
    case Mode::on: break;
  }
}

bool is_switched_on(std::string_view name) {
  const std::lock_guard lock(mutex);
  return std::ranges::any_of(all, [&](const auto& armed) { return armed.name == name && armed.mode == Mode::on; });
}

std::vector<Reached> counts() {
  const std::lock_guard lock(mutex);
  std::vector<Reached> rows;
  for (const auto& [name, counts] : counted) rows.push_back({name, counts.reached, counts.acted});
  return rows;
}

}  // namespace polyshop::failpoint
