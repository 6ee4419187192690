#include <csignal>

#include <fmt/format.h>

#include "attack/load.hpp"
#include "attack/tests.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::attack {
namespace {

using failpoint::Mode;
using std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(20);

struct Case {
  std::string place;  // with its scope
  Mode mode = Mode::crash;
};

// What has to go wrong first, so that the place is reached at all.
std::string before(const std::string& place) {
  // An event fails, with the others of its batch and then alone: it is set aside, and tried again after its back-off.
  if (place.starts_with("subscription.before_park") || place.starts_with("subscription.parked") || place.starts_with("subscription.before_retry") || place.starts_with("subscription.retried"))
    return "subscription.applied/notification.order=error,times=2;";
  return "";
}

std::vector<Case> cases_of(const Run& run, Random& random) {
  std::vector<std::string> places;
  for (const auto name : failpoint::names) {
    if (name.starts_with("clock.") || name.starts_with("sqlite.")) continue;
    if (name.starts_with("sequencer.") && run.engine != "postgresql") continue;
    // Every module commits; those of a checkout each have something of their own to lose.
    if (name.starts_with("lane."))
      for (const auto* module : {"order", "payment", "inventory", "cart"}) places.push_back(fmt::format("{}/{}", name, module));
    else if (name.starts_with("subscription."))
      places.push_back(fmt::format("{}/notification.order", name));
    else
      places.emplace_back(name);
  }
  std::vector<Case> cases;
  for (const auto& place : places)
    for (const auto mode : {Mode::crash, Mode::error, Mode::unavailable, Mode::delay}) cases.push_back({place, mode});
  std::erase_if(cases, [&](const Case& one) { return !one.place.starts_with(run.place); });
  if (cases.empty()) throw Problem::invalid("no_such_place", fmt::format("There is no failpoint on {} that begins with \"{}\"; src/kernel/runtime/failpoint.hpp lists them.", run.engine, run.place));
  std::ranges::shuffle(cases, random);
  if (run.is_long || !run.place.empty()) return cases;
  // The short form takes each part of the program at places and in modes that the seed chooses, and PostgreSQL's own places.
  std::map<std::string, std::size_t> seen;
  std::erase_if(cases, [&](const Case& one) { return ++seen[one.place.substr(0, one.place.find('.'))] > (run.engine == "sqlite" ? 3 : 1); });
  return cases;
}

}  // namespace

// Breaks a shop that sells at every place there is, in every way, and looks at it after each.
void reach_failpoints(Run& run) {
  const live::Folder folder("polyshop-attack");
  Ledger ledger(folder.path() / "ledger");
  Target target({run.program, run.engine, folder.path() / "shop"});
  Random random(run.seed);
  const auto cases = cases_of(run, random);
  for (std::size_t at = 0; at < cases.size(); ++at) {
    const auto& one = cases[at];
    const auto first = before(one.place);
    const auto after = pick(random, 0, one.place.starts_with("lane.") ? 20 : !first.empty() ? 0 : 2);
    const auto text = fmt::format("{}{}={},after={},ms=200{}", first, one.place, json::enum_name(one.mode), after, one.mode == Mode::delay ? ",times=3" : "");
    const auto round = static_cast<int>(at) + 1;
    const auto name = one.place.substr(0, one.place.find('/'));
    target.arm(text);
    Load load(target.port(), [&] { return target.staff(); }, ledger, 4, run.seed, round);
    const auto give_up = steady_clock::now() + patience;
    bool has_acted = false;
    while (!has_acted && steady_clock::now() < give_up) {
      live::stop_if_interrupted();
      if (target.has_ended(std::chrono::milliseconds(20))) {
        has_acted = one.mode == Mode::crash && target.status() == 128 + SIGKILL;
        break;
      }
      if (one.mode == Mode::crash) continue;
      try {
        has_acted = target.acted()[name] > 0;
      } catch (const Problem&) {
        // It is too busy with failing to say so; asked again.
      }
    }
    load.stop();
    if (!has_acted) run.report.mismatch(fmt::format("{}: it was not reached, or did something else{}", text, target.status() ? fmt::format(": the shop ended with {}; its log ends with\n{}", *target.status(), target.shop().end_of_log()) : ""));
    if (target.status())
      target.start();
    else
      target.arm("");
    const auto before_check = run.report.mismatches();
    run.checked += check(target, ledger, round, run.report);
    if (run.report.mismatches() != before_check) run.report.step(fmt::format("after {}", text));
    ++run.runs;
    ++run.faults;
    run.report.progress("failpoints", round, static_cast<std::int64_t>(cases.size()));
  }
}

}  // namespace polyshop::attack
