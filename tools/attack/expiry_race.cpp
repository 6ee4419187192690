#include <fstream>

#include <fmt/format.h>

#include "attack/crowd.hpp"
#include "attack/load.hpp"
#include "attack/provider.hpp"
#include "attack/tests.hpp"

namespace polyshop::attack {

// All that there is of a SKU is reserved by shoppers who have to act. While the provider's approvals come in, the reservations
// expire, and others take what becomes free: nobody may be charged for what somebody else got.
void race_with_expiry(Run& run) {
  constexpr int units = 40;
  constexpr int approvers = 10;
  constexpr int rivals = 20;
  constexpr Timestamp ttl_ms = 10'000;
  const live::Folder folder("polyshop-attack");
  Ledger ledger(folder.path() / "ledger");
  auto settings = provider_settings();
  settings["POLYSHOP_INVENTORY_RESERVATION_TTL_S"] = std::to_string(ttl_ms / 1000);
  Target target({.program = run.program, .engine = run.engine, .data = folder.path() / "shop", .settings = settings});
  const auto stock = folder.path() / "stock.csv";
  const auto wanted = run.rounds_of(80, 10'000);
  Random random(run.seed);
  std::int64_t both = 0;  // rounds in which some were placed and some expired
  for (int round = 1; run.runs < wanted; ++round) {
    const auto sku = Target::sku(round % Target::skus);
    std::ofstream(stock) << fmt::format("sku,quantity\n{},{}\n", sku, units);
    target.shop().command({"import", "stock", stock.string()});
    std::vector<Attempt> attempts(units);
    std::vector<std::string> notices(units);
    crowd(approvers, [&](int client) {
      live::Shopper shopper(target.port());
      http::Client connection("127.0.0.1", target.port());
      for (auto at = static_cast<std::size_t>(client); at < attempts.size(); at += approvers) {
        attempts[at] = fill(shopper, {{sku, 1}}, round, "tok_require_action");
        attempts[at].may_fail = true;
        notices[at] = begin_action(connection, attempts[at]);
      }
    });
    // Half of their time: from here on they may expire.
    target.jump(ttl_ms / 2 + 100);
    auto staff = target.staff();
    while (!staff.send(http::Method::get, "/v1/admin/reservations?filter[state]=held&limit=1").body.starts_with(R"({"data":[])")) live::stop_if_interrupted();
    std::atomic<int> approving = approvers;
    std::atomic<int> placed = 0;
    std::atomic<std::int64_t> rival_attempts = 0;
    // What the seed chooses is how many approvals are in by then: the reservations end when the shop looks the next time, which it does four times a second.
    std::vector<std::chrono::milliseconds> pauses;
    for (int i = 0; i < units; ++i) pauses.emplace_back(pick(random, 0, 200));
    crowd(1 + approvers + rivals, [&](int client) {
      if (client == 0) {
        target.jump(ttl_ms / 2 + 500);
        return;
      }
      http::Client connection("127.0.0.1", target.port());
      if (client <= approvers) {
        const std::shared_ptr<void> ends(nullptr, [&](void*) { --approving; });  // however it ends
        for (auto at = static_cast<std::size_t>(client - 1); at < attempts.size(); at += approvers) {
          std::this_thread::sleep_for(pauses[at]);
          send_notice(connection, notices[at], true);
          complete_at_last(connection, ledger, attempts[at]);
          if (attempts[at].is_placed()) ++placed;
        }
        return;
      }
      live::Shopper shopper(target.port());
      while (approving > 0) {
        Attempt attempt;
        try {
          attempt = fill(shopper, {{sku, 1}}, round, "tok_approve");
        } catch (const Problem& problem) {
          if (problem.code != "sold_out") throw;
          continue;  // nothing is free yet, so there is nothing to begin with
        }
        attempt.may_fail = true;
        complete_at_last(connection, ledger, attempt);
        ++rival_attempts;
      }
    });
    if (placed > 0 && placed < units) ++both;
    run.runs += units + rival_attempts;
    ++run.faults;
    run.checked += check(target, ledger, round, run.report);
    run.report.progress("attempts", run.runs, wanted);
    live::stop_if_interrupted();
  }
  run.report.step(fmt::format("{} rounds in which some reservations were paid in time and some were not", both));
}

}  // namespace polyshop::attack
