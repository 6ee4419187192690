#include <csignal>

#include <fmt/format.h>

#include "attack/fresh_shop.hpp"
#include "attack/listener.hpp"
#include "attack/load.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::attack {
namespace {

using failpoint::Mode;
using std::chrono::steady_clock;

constexpr auto reached_within = std::chrono::seconds(20);
constexpr Timestamp day_ms = 24 * 3600'000;

struct Case {
  std::string place;  // with its scope
  Mode mode = Mode::crash;

  std::string name() const { return place.substr(0, place.find('/')); }
  // Only where the log is shortened.
  bool is_of_archiving() const { return place.starts_with("log.archived") || place.starts_with("log.shortened") || place.starts_with("log.tended"); }
  bool is_of_backup() const { return place.starts_with("backup."); }
  // Most commits acknowledge nothing: several fail, so that one does that somebody waits for.
  std::int64_t times() const { return mode == Mode::delay ? 3 : place.starts_with("lane.") && mode != Mode::crash ? 10 : 1; }
};

// The shop that is broken, and who buys there.
struct Scene {
  Run& run;
  Target& target;
  Ledger& ledger;
  Random& random;
  const std::filesystem::path& folder;
};

// What has to go wrong first, so that the place is reached at all.
std::string before(const std::string& place) {
  // An event fails, with the others of its batch and then alone, and each time once more where a group of writes is begun anew: it
  // is set aside, and tried again after its back-off.
  if (place.starts_with("subscription.before_park") || place.starts_with("subscription.parked") || place.starts_with("subscription.before_retry") || place.starts_with("subscription.retried"))
    return "subscription.applied/notification.order=error,times=4;";
  return "";
}

// Where something is to be lost: every module commits, and those of a checkout each have something of their own.
std::vector<std::string> scopes_of(std::string_view name) {
  if (name.starts_with("lane.")) return {"order", "payment", "inventory", "cart"};
  if (name.starts_with("subscription.")) return {"notification.order"};
  if (name.starts_with("effect.")) return {"payment.call", "notification.deliver", "webhook.deliver"};
  if (name == "log.archived" || name == "log.shortened" || name == "log.tended") return {"order"};
  return {""};
}

std::vector<Case> cases_of(const Run& run, Random& random) {
  std::vector<Case> cases;
  for (const auto name : failpoint::names) {
    if (name.starts_with("clock.") || name.starts_with("sqlite.")) continue;
    if (name.starts_with("restore.") || name == "log.epoch_begun") continue;  // of the test restore-kill
    if (name.starts_with("sequencer.") && run.engine != "postgresql") continue;
    for (const auto& scope : scopes_of(name))
      for (const auto mode : {Mode::crash, Mode::error, Mode::unavailable, Mode::delay}) cases.push_back({scope.empty() ? std::string(name) : fmt::format("{}/{}", name, scope), mode});
  }
  std::erase_if(cases, [&](const Case& one) { return !one.place.starts_with(run.place); });
  if (cases.empty()) throw Problem::invalid("no_such_place", fmt::format("There is no failpoint on {} that begins with \"{}\"; src/kernel/runtime/failpoint.hpp lists them.", run.engine, run.place));
  std::ranges::shuffle(cases, random);
  if (run.is_long || !run.place.empty()) return cases;
  // The short form takes each part of the program at places and in modes that the seed chooses, and PostgreSQL's own places.
  std::map<std::string, std::size_t> seen;
  std::erase_if(cases, [&](const Case& one) { return ++seen[one.place.substr(0, one.place.find('.'))] > (run.engine == "sqlite" ? 3 : 1); });
  return cases;
}

// Whether what is armed does something in time: a crash as a crash.
bool acts(Target& target, const Case& one) {
  const auto give_up = steady_clock::now() + reached_within;
  while (steady_clock::now() < give_up) {
    live::stop_if_interrupted();
    if (target.has_ended(std::chrono::milliseconds(20))) return one.mode == Mode::crash && target.status() == 128 + SIGKILL;
    if (one.mode == Mode::crash) continue;
    try {
      if (target.acted()[one.name()] >= (one.mode == Mode::delay ? 1 : one.times())) return true;
    } catch (const Problem&) {
      // It is too busy with failing to say so; asked again.
    }
  }
  return false;
}

void serve_on(Target& target) {
  if (target.status())
    target.start();
  else
    target.arm("");
}

// Arms while customers buy; by then everybody is signed in.
bool break_while_selling(Scene& scene, const Case& one, const std::string& text, int round) {
  Load load(scene.target.port(), [&] { return scene.target.staff(); }, scene.ledger, 4, scene.run.seed, round);
  scene.target.arm(text);
  return acts(scene.target, one);
}

// Nobody takes some orders for days, so that they are archived.
bool break_while_archiving(Scene& scene, const Case& one, const std::string& text, int round) {
  auto& target = scene.target;
  target.shop().command({"events", "pause", "webhook.order"});
  {
    Load load(target.port(), [&] { return target.staff(); }, scene.ledger, 4, scene.run.seed, round);
    scene.ledger.wait_for_placed(scene.ledger.placed() + 5);
  }
  target.jump(2 * day_ms, text);
  const bool has_acted = acts(target, one);
  serve_on(target);
  const auto give_up = steady_clock::now() + reached_within;
  while (!target.must_read_archive("webhook", "order") && steady_clock::now() < give_up) {
    live::stop_if_interrupted();
    target.hasten();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  if (!target.must_read_archive("webhook", "order")) scene.run.report.mismatch(fmt::format("{}: afterwards nothing is archived", text));
  target.shop().command({"events", "resume", "webhook.order"});
  return has_acted;
}

// A backup that was cut off is none; the next one is whole.
bool break_while_backing_up(Scene& scene, const Case& one, const std::string& text, int round) {
  auto& target = scene.target;
  const auto first = scene.folder / fmt::format("cut-off-{}", round), second = scene.folder / fmt::format("backup-{}", round);
  bool has_acted = false;
  {
    Load load(target.port(), [&] { return target.staff(); }, scene.ledger, 4, scene.run.seed, round);
    scene.ledger.wait_for_placed(scene.ledger.placed() + 5);
    target.arm(text);
    const auto said = refusal_of(target.shop(), {"backup", first.string()});
    if (said.starts_with("it was done") != (one.mode == Mode::delay)) scene.run.report.mismatch(fmt::format("{}: of the backup {}", text, said));
    has_acted = acts(target, one);
  }
  serve_on(target);
  target.shop().command({"backup", second.string()});
  FreshShop fresh(scene.run, scene.folder / fmt::format("restored-{}", round));
  if (one.mode != Mode::delay) expect(scene.run, "restoring a backup that was cut off", refusal_of(fresh.shop, {"restore", first.string()}), "it is no backup");
  fresh.shop.command({"restore", second.string()});
  fresh.shop.command({"audit"});
  return has_acted;
}

}  // namespace

// Breaks a shop at every place there is, in every way, and looks at it after each.
void reach_failpoints(Run& run) {
  const live::Folder folder("polyshop-attack");
  Ledger ledger(folder.path() / "ledger");
  Listener listener;
  auto settings = Listener::settings();
  settings["POLYSHOP_EVENTS_KEPT_DAYS"] = "1";
  Target target({run.program, run.engine, folder.path() / "shop", settings});
  listener.listen_to(target);
  Random random(run.seed);
  Scene scene{run, target, ledger, random, folder.path()};
  const auto cases = cases_of(run, random);
  for (std::size_t at = 0; at < cases.size(); ++at) {
    const auto& one = cases[at];
    const auto first = before(one.place);
    const auto after = pick(random, 0, one.place.starts_with("lane.") ? 20 : one.is_of_archiving() || one.is_of_backup() || !first.empty() ? 0 : 2);
    const auto text = fmt::format("{}{}={},after={},ms=200,times={}", first, one.place, json::enum_name(one.mode), after, one.times());
    const auto round = static_cast<int>(at) + 1;
    const auto break_it = one.is_of_archiving() ? break_while_archiving : one.is_of_backup() ? break_while_backing_up : break_while_selling;
    if (!break_it(scene, one, text, round)) run.report.mismatch(fmt::format("{}: it was not reached, or did something else{}", text, target.status() ? fmt::format(": the shop ended with {}; its log ends with\n{}", *target.status(), target.shop().end_of_log()) : ""));
    serve_on(target);
    const auto before_check = run.report.mismatches();
    // Keys are forgotten within the days in which something is archived; then only what everything comes to is looked at.
    run.checked += check(target, ledger, one.is_of_archiving() ? round + 1 : round, run.report);
    listener.check(ledger, run.report);
    if (run.report.mismatches() != before_check) run.report.step(fmt::format("after {}", text));
    ++run.runs;
    ++run.faults;
    run.report.progress("failpoints", round, static_cast<std::int64_t>(cases.size()));
  }
}

}  // namespace polyshop::attack
