#include "attack/checks.hpp"

#include <fmt/format.h>

#include "attack/load.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::attack {
namespace {

using std::chrono::steady_clock;

constexpr int clients = 8;

bool is_approved(const Attempt& attempt) { return attempt.token != "tok_decline" && attempt.token != "tok_capture_decline"; }

// Runs `work` for every attempt, several at a time, each thread with a client of its own.
void for_each(const std::vector<Attempt>& attempts, int port, const std::function<void(http::Client&, Attempt)>& work) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < clients; ++i)
    threads.emplace_back([&] {
      http::Client client("127.0.0.1", port);
      for (std::size_t at = 0; !live::is_interrupted() && (at = next++) < attempts.size();) work(client, attempts[at]);
    });
}

std::vector<Attempt> chosen(const Ledger& ledger, const std::function<bool(const Attempt&)>& is_wanted) {
  auto attempts = ledger.attempts();
  std::erase_if(attempts, [&](const Attempt& attempt) { return !is_wanted(attempt); });
  return attempts;
}

void resolve(Target& target, Ledger& ledger, live::Report& report) {
  const auto give_up = steady_clock::now() + patience;
  while (true) {
    const auto unknown = chosen(ledger, [](const Attempt& attempt) { return attempt.status == 0 || attempt.cancel_status == 0; });
    if (unknown.empty()) return;
    for_each(unknown, target.port(), [&](http::Client& client, Attempt attempt) {
      if (attempt.status == 0) complete(client, ledger, attempt);
    });
    if (std::ranges::any_of(unknown, [](const Attempt& attempt) { return attempt.cancel_status == 0; })) {
      auto staff = target.staff();
      for (auto attempt : unknown)
        if (attempt.cancel_status == 0) cancel(staff, ledger, attempt);
    }
    live::stop_if_interrupted();
    if (steady_clock::now() > give_up) return report.mismatch(fmt::format("{} completions have no end, such as that of cart {} with {}: {}", unknown.size(), unknown.front().cart, unknown.front().token, unknown.front().code));
    target.hasten();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

std::string said_again(int port, const Attempt& attempt) {
  try {
    return http::Client("127.0.0.1", port).send(http::Method::post, fmt::format("/v1/store/carts/{}/complete", attempt.cart), {}, {{"Cart-Token", attempt.cart_token}, {"Idempotency-Key", attempt.key}}).body;
  } catch (const Problem& problem) {
    return problem.what();
  }
}

void check_order(http::Client& client, const Attempt& attempt, live::Report& report) {
  const auto mismatch = [&](std::string_view text) { report.mismatch(fmt::format("order {} of cart {} ({}), acknowledged with {} of {}: {}", attempt.order, attempt.cart, attempt.token, attempt.status, attempt.total, text)); };
  const live::Fields key{{"Cart-Token", attempt.cart_token}};
  try {
    const auto read = client.send(http::Method::get, "/v1/store/orders/" + attempt.order, {}, key);
    if (read.status != 200) return mismatch(fmt::format("reading it is answered {} {}", read.status, read.body));
    const auto order = json::from_text<live::PlacedOrder>(read.body, json::Mode::lenient);
    if (attempt.order_total != attempt.total || order.totals.total != attempt.total) mismatch(fmt::format("it was of {} when it was acknowledged, and is of {}", attempt.order_total, order.totals.total));
    const bool is_cancelled = attempt.cancel_status == 201;
    if (order.state != (is_cancelled ? "cancelled" : "placed")) mismatch(fmt::format("it is {}", order.state));
    for (const bool same_key : {true, false}) {
      if (!same_key && is_cancelled) continue;  // its cart cannot be completed again
      const auto again = client.send(http::Method::post, fmt::format("/v1/store/carts/{}/complete", attempt.cart), {}, {{"Cart-Token", attempt.cart_token}, {"Idempotency-Key", same_key ? attempt.key : make_token()}});
      if (again.status / 100 != 2 || again.status == 202 || json::from_text<live::PlacedOrder>(again.body, json::Mode::lenient).id != attempt.order)
        mismatch(fmt::format("completing again with {} key is answered {} {:.200}", same_key ? "the same" : "another", again.status, again.body));
    }
  } catch (const Problem& problem) {
    mismatch(problem.what());
  }
}

}  // namespace

std::int64_t check(Target& target, Ledger& ledger, int since_round, live::Report& report) {
  resolve(target, ledger, report);
  if (const auto left = target.settle(); !left.empty()) report.mismatch(left);
  const auto placed = chosen(ledger, [](const Attempt& attempt) { return attempt.is_placed(); });
  const auto fresh = chosen(ledger, [&](const Attempt& attempt) { return attempt.round >= since_round; });
  for (const auto& attempt : fresh) {
    // Whose time was over before the payment was settled is told so, and charged nothing.
    if (!attempt.may_fail && attempt.is_placed() != is_approved(attempt) && attempt.code != "expired" && attempt.code != "reservation_ended")
      report.mismatch(fmt::format("cart {} with {} ended with {} {}; asked again: {}", attempt.cart, attempt.token, attempt.status, attempt.code, said_again(target.port(), attempt)));
  }
  std::atomic<std::int64_t> looked = 0;
  for_each(fresh, target.port(), [&](http::Client& client, const Attempt& attempt) {
    if (!attempt.is_placed()) return;
    check_order(client, attempt, report);
    ++looked;
  });
  const auto standing = target.standing();
  std::int64_t total = 0;
  std::int64_t units = 0;
  std::int64_t cancelled = 0;
  for (const auto& attempt : placed) {
    total += attempt.total;
    if (attempt.cancel_status == -1)
      units += attempt.units;
    else
      ++cancelled;
  }
  const auto same = [&](std::string_view what, std::int64_t in_shop, std::int64_t in_ledger) {
    if (in_shop != in_ledger) report.mismatch(fmt::format("{}: {} in the shop and {} acknowledged", what, in_shop, in_ledger));
  };
  same("orders", standing.orders, static_cast<std::int64_t>(placed.size()));
  same("their totals", standing.orders_total, total);
  same("captured payments", standing.payments, static_cast<std::int64_t>(placed.size()));
  same("captured", standing.captured, total);
  same("carts with two orders", standing.carts_with_two, 0);
  same("units sold", standing.units_sold, units);
  same("mails that tell of an order", standing.mails_placed, static_cast<std::int64_t>(placed.size()));
  same("mails that tell of a cancellation", standing.mails_cancelled, cancelled);
  try {
    target.shop().command({"audit"});
  } catch (const Problem& problem) {
    if (problem.code == "interrupted") throw;
    report.mismatch(problem.detail);
  }
  return looked;
}

std::int64_t count_lost(Target& target, const Ledger& ledger) {
  std::atomic<std::int64_t> lost = 0;
  const auto placed = chosen(ledger, [](const Attempt& attempt) { return attempt.is_placed(); });
  for_each(placed, target.port(), [&](http::Client& client, const Attempt& attempt) {
    if (client.send(http::Method::get, "/v1/store/orders/" + attempt.order, {}, {{"Cart-Token", attempt.cart_token}}).status != 200) ++lost;
  });
  return lost;
}

}  // namespace polyshop::attack
