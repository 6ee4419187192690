#include <csignal>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "attack/load.hpp"
#include "attack/loop_disk.hpp"
#include "attack/tests.hpp"

namespace polyshop::attack {
namespace {

using http::Method;
using std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(60);

int status_of(int port, Method method, const std::string& target, const std::string& body = {}) {
  return http::Client("127.0.0.1", port).send(method, target, body).status;
}

// Waits for an answer of that status.
bool comes_to(int status, int port, Method method, const std::string& target, const std::string& body = {}) {
  for (const auto give_up = steady_clock::now() + patience; steady_clock::now() < give_up; live::stop_if_interrupted()) {
    if (status_of(port, method, target, body) == status) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

// The disk fills up while customers buy. Writing is refused with 507, reading goes on, and once there is space again so does
// everything else, in the same process.
void fill_disk(Run& run) {
  const int disk_mib = run.is_long ? 1024 : 160;  // the shop grows by 5 a round
  LoopDisk disk(disk_mib);
  const live::Folder folder("polyshop-attack");
  Ledger ledger(folder.path() / "ledger");
  Target target({.program = run.program, .data = disk.path() / "shop"});
  const auto rounds = run.rounds_of(1, 100);
  const auto mismatch = [&](std::string_view text) { run.report.mismatch(fmt::format("{}; the shop's log ends with\n{}", text, target.shop().end_of_log())); };
  for (int round = 1; round <= rounds; ++round) {
    Load load(target.port(), [&] { return target.staff(); }, ledger, 8, run.seed, round);
    while (load.concluded() < 5) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    disk.fill();
    ++run.faults;
    const auto new_cart = R"({"currency":"EUR"})";
    if (!comes_to(507, target.port(), Method::post, "/v1/store/carts", new_cart)) mismatch("a full disk is not answered 507");
    for (int i = 0; i < 20; ++i)
      if (const auto status = status_of(target.port(), Method::get, "/v1/store/products?currency=EUR"); status != 200) mismatch(fmt::format("reading with a full disk is answered {}", status));
    disk.free();
    if (!comes_to(201, target.port(), Method::post, "/v1/store/carts", new_cart)) mismatch("with space again, writing is refused");
    load.stop();
    if (target.status()) mismatch(fmt::format("a full disk ended the shop with {}", *target.status()));
    run.checked += check(target, ledger, round, run.report);
    ++run.runs;
    run.report.progress("full disks", round, rounds);
  }
}

// The disk does not confirm: the process ends at once, and what it had acknowledged is there.
void fail_fsync(Run& run) {
  const live::Folder folder("polyshop-attack");
  Ledger ledger(folder.path() / "ledger");
  const auto trigger = folder.path() / "fail";
  const auto library = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libfailing_fsync.so";
  Target target({.program = run.program, .data = folder.path() / "shop", .settings = {{"LD_PRELOAD", library.string()}, {"FAILING_FSYNC_TRIGGER", trigger.string()}}});
  Random random(run.seed);
  const auto rounds = run.rounds_of(2, 100);
  for (int round = 1; round <= rounds; ++round) {
    Load load(target.port(), [&] { return target.staff(); }, ledger, 8, run.seed, round);
    std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 100, 1000)));  // the moment that the seed chooses
    std::ofstream(trigger).close();
    ++run.faults;
    const bool has_ended = target.has_ended(std::chrono::seconds(10));
    if (!has_ended || target.status() != 128 + SIGABRT)
      run.report.mismatch(fmt::format("an fsync that fails does not abort the shop, its status is {}; its log ends with\n{}", target.status().value_or(-1), target.shop().end_of_log()));
    target.crash();
    load.stop();
    std::filesystem::remove(trigger);
    target.start();
    run.checked += check(target, ledger, round, run.report);
    ++run.runs;
    run.report.progress("failing fsyncs", round, rounds);
    live::stop_if_interrupted();
  }
}

}  // namespace polyshop::attack
