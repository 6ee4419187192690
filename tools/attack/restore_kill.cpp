#include <csignal>

#include <fmt/format.h>

#include "attack/fresh_shop.hpp"
#include "attack/load.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/runtime/failpoint.hpp"

namespace polyshop::attack {
namespace {

using failpoint::Mode;
using std::chrono::steady_clock;

constexpr Timestamp day_ms = 24 * 3600'000;

// How a restore is cut off: by a failpoint, or after some time.
struct Cut {
  std::string place;  // with its scope; empty: by kill -9
  Mode mode = Mode::crash;
};

std::vector<Cut> cuts_of(const Run& run, Random& random) {
  std::vector<Cut> cuts;
  for (const auto name : failpoint::names) {
    if (!name.starts_with("restore.") && name != "log.epoch_begun") continue;
    if (name == (run.engine == "sqlite" ? "restore.loaded" : "restore.set_aside")) continue;
    const bool is_of_module = name == "restore.prepared" || name == "restore.set_aside" || name == "restore.loaded" || name == "restore.replaced";
    for (const auto* scope : {"/auth", "/order", "/webhook"})
      for (const auto mode : {Mode::crash, Mode::error, Mode::unavailable, Mode::delay})
        if (is_of_module || scope == std::string_view("/auth")) cuts.push_back({std::string(name) + (is_of_module ? scope : ""), mode});
  }
  for (int i = 0; i < 50; ++i) cuts.push_back({});
  std::ranges::shuffle(cuts, random);
  if (const auto count = static_cast<std::size_t>(run.rounds_of(4, static_cast<int>(cuts.size()))); count < cuts.size()) cuts.resize(count);
  return cuts;
}

// The shop, and what its customers know of it as it is now.
class Scene {
 public:
  explicit Scene(Run& run) : run_(run), folder_("polyshop-attack"), target_({run.program, run.engine, folder_.path() / "shop", {{"POLYSHOP_EVENTS_KEPT_DAYS", "1"}}}), backup_(folder_.path() / "backup") { become({}); }
  Target& target() { return target_; }
  live::Shop& shop() { return target_.shop(); }
  std::string backup() const { return backup_.string(); }

  void sell(int round) {
    Load load(target_.port(), [this] { return target_.staff(); }, *ledger_, 4, run_.seed, round);
    ledger_->wait_for_placed(ledger_->placed() + 3);
  }
  void check(int since_round) { run_.checked += attack::check(target_, *ledger_, since_round, run_.report); }

  // With events in its archive that webhooks have not taken, and with orders whose keys are remembered.
  void back_up() {
    sell(0);
    check(0);
    shop().command({"events", "pause", "webhook.order"});
    sell(0);
    target_.jump(2 * day_ms);
    const auto give_up = steady_clock::now() + std::chrono::seconds(20);
    while (!target_.must_read_archive("webhook", "order") && steady_clock::now() < give_up) {
      target_.hasten();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (!target_.must_read_archive("webhook", "order")) throw Problem(500, "not_archived", "Nothing was archived.");
    sell(1);
    shop().command({"backup", backup()});
    backed_up_ = ledger_->attempts();
    shop().command({"events", "resume", "webhook.order"});
    check(1);
  }

  // Whether the shop that serves is that of the backup, judged by an order that was placed after it; the ledger becomes its.
  bool is_restored() {
    http::Client client("127.0.0.1", target_.port());
    for (const auto& attempt : ledger_->attempts()) {
      if (!attempt.is_placed() || std::ranges::find(backed_up_, attempt.cart, &Attempt::cart) != backed_up_.end()) continue;
      if (client.send(http::Method::get, "/v1/store/orders/" + attempt.order, {}, {{"Cart-Token", attempt.cart_token}}).status == 200) return false;
      become(backed_up_);
      shop().command({"events", "resume", "webhook.order"});  // paused in the backup; what it has not taken is in its archive
      return true;
    }
    throw Problem(500, "no_orders", "Nothing was sold since the backup.");
  }

 private:
  void become(const std::vector<Attempt>& attempts) {
    ledger_ = std::make_unique<Ledger>(folder_.path() / fmt::format("ledger-{}", ++ledgers_));
    for (const auto& attempt : attempts) ledger_->write(attempt);
  }
  Run& run_;
  const live::Folder folder_;
  Target target_;
  const std::filesystem::path backup_;
  std::vector<Attempt> backed_up_;
  std::unique_ptr<Ledger> ledger_;
  int ledgers_ = 0;
};

// Cuts a restore off; answers how, for people.
std::string cut_off(Scene& scene, const Cut& cut, Random& random, Run& run) {
  auto& shop = scene.shop();
  if (cut.place.empty()) {
    const auto after = std::chrono::milliseconds(pick(random, 50, run.engine == "sqlite" ? 1500 : 5000));
    const auto process = shop.begin({"restore", scene.backup()});
    if (!process->wait(after)) process->signal(SIGKILL);
    process->wait(std::chrono::milliseconds(-1));
    return fmt::format("kill -9 after {} ms", after.count());
  }
  const auto text = fmt::format("{}={},ms=200", cut.place, json::enum_name(cut.mode));
  shop.set("POLYSHOP_RUNTIME_FAILPOINTS", text);
  const auto said = refusal_of(shop, {"restore", "--allow-failpoints", scene.backup()});
  shop.set("POLYSHOP_RUNTIME_FAILPOINTS", "");
  expect(run, text, said, cut.mode == Mode::crash ? "ended with status 137" : cut.mode == Mode::delay ? "it was done" : "ended with status 1");
  return text;
}

// SQLite: what follows a restore that was cut off brings it to its end, and is cut off too.
void cut_off_again(Scene& scene, Run& run) {
  try {
    scene.target().start("restore.replaced/order=crash");
    run.report.mismatch("bringing a restore to its end did not reach restore.replaced");
  } catch (const Problem& problem) {
    if (problem.code == "interrupted") throw;
  }
}

// PostgreSQL: where it has begun to replace, nothing may be opened until it was run again. What it had started may go on for a while.
void restore_again(Scene& scene, Run& run) {
  const auto refused = refusal_of(scene.shop(), {"audit"});
  if (refused.find("was cut off, so nothing is opened") == std::string::npos) return;
  expect(run, "serving what is half replaced", refused, "Run it again: polyshop restore " + scene.backup());
  expect(run, "restoring less than was begun", refusal_of(scene.shop(), {"restore", scene.backup(), "--module", "order"}), "has begun to replace");
  const auto give_up = steady_clock::now() + std::chrono::minutes(1);
  auto said = refusal_of(scene.shop(), {"restore", scene.backup()});
  while (said.find("are connected") != std::string::npos && steady_clock::now() < give_up) {
    live::stop_if_interrupted();
    said = refusal_of(scene.shop(), {"restore", scene.backup()});
  }
  expect(run, "running it again", said, "Restored.");
}

// Whether it has to be the restored shop, or the one before; nothing where it may be either.
std::optional<bool> expected(const Cut& cut) {
  if (cut.place.empty()) return {};
  if (cut.mode == Mode::delay) return true;
  return !cut.place.starts_with("restore.verified") && !cut.place.starts_with("restore.prepared");
}

}  // namespace

// Cuts restores off, everywhere: what serves afterwards is the whole shop from before or the whole one of the backup.
void kill_restores(Run& run) {
  Random random(run.seed);
  Scene scene(run);
  scene.back_up();
  const auto cuts = cuts_of(run, random);
  for (int round = 1; const auto& cut : cuts) {
    scene.sell(round);
    scene.check(round);
    // One that crashed has left more than its databases: what is not in their files yet.
    if (pick(random, 0, 1) == 0)
      scene.target().crash();
    else if (scene.shop().stop() != 0)
      run.report.mismatch("the shop did not stop");
    const auto how = cut_off(scene, cut, random, run);
    if (run.engine == "postgresql") restore_again(scene, run);
    if (run.engine == "sqlite" && cut.place == "restore.begun" && cut.mode != Mode::delay) cut_off_again(scene, run);
    const auto before = run.report.mismatches();
    scene.target().start();
    const bool is_restored = scene.is_restored();
    // On SQLite epochs begin while copies are made ready; on PostgreSQL when they are in place.
    const auto wanted = cut.place == "log.epoch_begun" && run.engine == "sqlite" && cut.mode != Mode::delay ? std::optional(false) : expected(cut);
    if (wanted && *wanted != is_restored) run.report.mismatch(fmt::format("the shop is {}", is_restored ? "restored" : "the one from before"));
    scene.check(1);  // of earlier ones the keys were forgotten, and only what they come to is looked at
    if (run.report.mismatches() != before) run.report.step("after " + how);
    ++run.runs;
    ++run.faults;
    run.report.progress("restores", round++, static_cast<std::int64_t>(cuts.size()));
    live::stop_if_interrupted();
  }
}

}  // namespace polyshop::attack
