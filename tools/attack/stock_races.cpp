#include <fmt/format.h>

#include "attack/crowd.hpp"
#include "attack/load.hpp"
#include "attack/tests.hpp"

namespace polyshop::attack {
namespace {

// All fill their carts; then all complete them. `lines` are in each cart; answers how many were sold.
std::int64_t sell(Run& run, const std::vector<live::WantedLine>& lines, std::int64_t units) {
  const live::Folder folder("polyshop-attack");
  Ledger ledger(folder.path() / "ledger");
  Target target({.program = run.program, .engine = run.engine, .data = folder.path() / "shop", .units = units});
  const auto wanted = run.rounds_of(run.engine == "sqlite" ? 300 : 150, 10'000);
  const auto clients = run.is_long ? 200 : 50;
  std::vector<Attempt> attempts(static_cast<std::size_t>(wanted));
  std::atomic<std::int64_t> filled = 0;
  crowd(clients, [&](int client) {
    live::Shopper shopper(target.port());
    for (auto at = static_cast<std::size_t>(client); at < attempts.size(); at += static_cast<std::size_t>(clients)) {
      attempts[at] = fill(shopper, lines, 1, "tok_approve");
      attempts[at].may_fail = true;
      run.report.progress("carts", ++filled, wanted);
    }
  });
  std::atomic<std::int64_t> sold = 0;
  std::atomic<std::int64_t> refused = 0;
  crowd(clients, [&](int client) {
    http::Client connection("127.0.0.1", target.port());
    for (auto at = static_cast<std::size_t>(client); at < attempts.size(); at += static_cast<std::size_t>(clients)) {
      auto& attempt = attempts[at];
      complete_at_last(connection, ledger, attempt);
      if (attempt.is_placed())
        ++sold;
      else if (attempt.status == 409 && attempt.code == "sold_out")
        ++refused;
      else
        run.report.mismatch(fmt::format("cart {} was answered {} {} and neither sold nor sold_out", attempt.cart, attempt.status, attempt.code));
      run.report.progress("completions", sold + refused, wanted);
    }
  });
  run.runs += wanted;
  run.checked += check(target, ledger, 1, run.report);
  return sold;
}

void expect_sold(Run& run, std::int64_t sold, std::int64_t wanted) {
  if (sold != wanted) run.report.mismatch(fmt::format("{} carts were sold and not {}", sold, wanted));
}

}  // namespace

void race_for_last_units(Run& run) { expect_sold(run, sell(run, {{Target::sku(0), 1}}, 100), 100); }

// The unit that is left over is too little for a cart, however its two lines are looked at.
void race_with_two_lines(Run& run) { expect_sold(run, sell(run, {{Target::sku(0), 1}, {Target::sku(0), 1}}, 101), 50); }

}  // namespace polyshop::attack
