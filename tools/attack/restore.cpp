#include <fstream>

#include <fmt/format.h>

#include "attack/fresh_shop.hpp"
#include "attack/load.hpp"
#include "kernel/json/codec.hpp"

namespace polyshop::attack {
namespace {

// Every order that was acknowledged before the backup began is there with its total.
void check_orders(Run& run, int port, const std::vector<Attempt>& acknowledged) {
  http::Client client("127.0.0.1", port);
  for (const auto& attempt : acknowledged) {
    const auto answer = client.send(http::Method::get, "/v1/store/orders/" + attempt.order, {}, {{"Cart-Token", attempt.cart_token}});
    if (answer.status != 200 || json::from_text<live::PlacedOrder>(answer.body, json::Mode::lenient).totals.total != attempt.total)
      run.report.mismatch(fmt::format("order {} was acknowledged before the backup and is answered {} {:.200}", attempt.order, answer.status, answer.body));
    ++run.checked;
  }
}

void flip_a_byte(const std::filesystem::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(100);
  const auto byte = static_cast<char>(stream.get() ^ 1);
  stream.seekp(100);
  stream.put(byte);
}

}  // namespace

// Backups of a shop that goes on selling, restored into a fresh one; then of one module alone, and damaged ones.
void restore_while_selling(Run& run) {
  const live::Folder folder("polyshop-attack");
  Ledger ledger(folder.path() / "ledger");
  Target target({run.program, run.engine, folder.path() / "shop"});
  const auto rounds = run.rounds_of(1, 20);
  for (int round = 1; round <= rounds; ++round) {
    // Several, since what does not fit together is caught in the act only now and then; tests/program/backup_test.cpp always does.
    constexpr int backups = 3;
    std::filesystem::path backup;
    std::vector<Attempt> acknowledged;
    std::vector<std::filesystem::path> made;
    {
      Load load(target.port(), [&] { return target.staff(); }, ledger, 8, run.seed, round);
      for (int i = 0; i < backups; ++i) {
        ledger.wait_for_placed(ledger.placed() + 20);
        acknowledged = ledger.attempts();
        std::erase_if(acknowledged, [](const Attempt& attempt) { return !attempt.is_placed(); });
        backup = made.emplace_back(folder.path() / fmt::format("backup-{}-{}", round, i));
        target.shop().command({"backup", backup.string()});
        ++run.faults;
      }
      ledger.wait_for_placed(ledger.placed() + 5);  // it goes on selling
    }
    for (const auto& one : made) {
      if (one == backup) break;
      FreshShop earlier(run, one.string() + "-restored");
      earlier.shop.command({"restore", one.string()});
      earlier.shop.command({"audit"});
    }
    FreshShop fresh(run, folder.path() / fmt::format("restored-{}", round));
    fresh.shop.command({"restore", backup.string()});
    fresh.shop.serve();
    check_orders(run, fresh.shop.port(), acknowledged);
    fresh.shop.command({"audit"});
    expect(run, "restoring a shop that serves", refusal_of(fresh.shop, {"restore", backup.string()}), "Stop it first");

    Ledger later(folder.path() / fmt::format("later-{}", round));
    {
      Load more(fresh.shop.port(), [&] { return target.staff_of(fresh.shop.port()); }, later, 4, run.seed, round);
      later.wait_for_placed(10);
    }
    fresh.shop.command({"audit"});  // waits until every event is taken
    fresh.shop.stop();
    const auto said = fresh.shop.command({"restore", backup.string(), "--module", "order"});
    expect(run, "restoring one module alone", said, "notification.order had taken events");
    fresh.shop.serve();
    expect(run, "what is said of cursors after one module was restored alone", refusal_of(fresh.shop, {"audit"}), "0  no cursor is past the head of its source");
    check_orders(run, fresh.shop.port(), acknowledged);
    fresh.shop.stop();

    flip_a_byte(backup / (run.engine == "sqlite" ? "payment.db" : "payment.sql"));
    expect(run, "restoring a damaged backup", refusal_of(fresh.shop, {"restore", backup.string()}), "its checksum is another. Nothing was changed");
    std::filesystem::remove(backup / "manifest.json");
    expect(run, "restoring a backup that was not finished", refusal_of(fresh.shop, {"restore", backup.string()}), "it is no backup");
    fresh.shop.serve();
    check_orders(run, fresh.shop.port(), acknowledged);
    ++run.runs;
    run.report.progress("restores", round, rounds);
    live::stop_if_interrupted();
  }
}

}  // namespace polyshop::attack
