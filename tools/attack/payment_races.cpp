#include <fmt/format.h>

#include "attack/crowd.hpp"
#include "attack/load.hpp"
#include "attack/provider.hpp"
#include "attack/tests.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/json/problem_json.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::attack {

struct AskForRefund {
  Money amount;
  std::string reason = "a scratch";
};
BOOST_DESCRIBE_STRUCT(AskForRefund, (), (amount, reason))

struct CancelOnce {
  std::string reason = "changed their mind";
};
BOOST_DESCRIBE_STRUCT(CancelOnce, (), (reason))

struct PaidOrder {
  std::string id;
  std::string state;
  std::string payment_id;
};
BOOST_DESCRIBE_STRUCT(PaidOrder, (), (id, state, payment_id))

struct PaymentAnswer {
  std::int64_t captured = -1;
  std::int64_t refunded = -1;
};
BOOST_DESCRIBE_STRUCT(PaymentAnswer, (), (captured, refunded))

namespace {

using http::Method;

// What the members of a group race for: one cart.
struct Group {
  Group(int port, std::uint64_t seed, std::optional<live::Staff> clerk) : random(seed), shopper(port), staff(std::move(clerk)) {
    for (int i = 0; i < Meeting<Group>::size; ++i) clients.emplace_back("127.0.0.1", port);
  }
  Random random;
  live::Shopper shopper;
  std::optional<live::Staff> staff;
  std::vector<http::Client> clients;
  Attempt attempt;
  std::string notice_key;
  std::string payment_id;
  int members = 0;             // that act on this cart
  int approving = 0;           // of a hundred notices
  std::mutex mutex;
  std::set<std::string> orders;  // that were answered
  int first_answers = 0;         // 201 that is no repetition
  bool is_cancelled = false;
};

// A completion by one of several; which order it was answered is kept.
void complete_beside_others(Run& run, Group& group, int member, const std::string& key) {
  const auto answer = group.clients[static_cast<std::size_t>(member)].send(Method::post, fmt::format("/v1/store/carts/{}/complete", group.attempt.cart), {}, {{"Cart-Token", group.attempt.cart_token}, {"Idempotency-Key", key}});
  const std::lock_guard lock(group.mutex);
  if (answer.status == 200 || answer.status == 201) {
    group.orders.insert(json::from_text<live::PlacedOrder>(answer.body, json::Mode::lenient).id);
    if (answer.status == 201 && answer.field("Idempotency-Replayed").empty()) ++group.first_answers;
    return;
  }
  const auto code = answer.status >= 400 ? json::problem_from_text(answer.body, answer.status).code : "";
  if (answer.status == 202 || answer.status == 503 || code == "in_flight") return;
  // Who comes after a decline needs another payment session.
  if (group.attempt.may_fail && (answer.status == 402 || code == "cart_incomplete")) return;
  run.report.mismatch(fmt::format("one of {} completions of cart {} was answered {} {:.200}", group.members, group.attempt.cart, answer.status, answer.body));
}

void check_one_order(Run& run, const Group& group) {
  if (group.attempt.status == 0) run.report.mismatch(fmt::format("cart {} ({}) has no end: {}", group.attempt.cart, group.attempt.token, group.attempt.code));
  auto orders = group.orders;
  if (group.attempt.is_placed()) orders.insert(group.attempt.order);
  if (orders.size() > 1) run.report.mismatch(fmt::format("cart {} was answered with {} orders", group.attempt.cart, orders.size()));
  if (group.first_answers > 1) run.report.mismatch(fmt::format("cart {} was placed {} times, as 201 says", group.attempt.cart, group.first_answers));
}

// Runs a meeting until there were so many attempts, then looks at the shop.
struct Race {
  Run& run;
  live::Folder folder{"polyshop-attack"};
  Ledger ledger{folder.path() / "ledger"};
  Target target{{.program = run.program, .engine = run.engine, .data = folder.path() / "shop", .settings = provider_settings()}};
  std::atomic<std::int64_t> done = 0;

  void run_all(Meeting<Group> meeting, int attempts, bool with_staff) {
    const auto prepare = std::move(meeting.prepare);
    meeting.prepare = [&, prepare](Group& group) {
      if (done >= attempts) return false;
      group.orders.clear();
      group.first_answers = 0;
      group.is_cancelled = false;
      group.members = static_cast<int>(pick(group.random, 2, Meeting<Group>::size));
      if (!prepare(group)) return false;
      done += group.members;
      run.report.progress("attempts", done, attempts);
      return true;
    };
    meeting.run(run.is_long ? 12 : 5, [&](int group) { return std::make_unique<Group>(target.port(), run.seed * 100 + static_cast<std::uint64_t>(group), with_staff ? std::optional(target.staff()) : std::nullopt); });
    run.runs += done;
    run.checked += check(target, ledger, 1, run.report);
  }
};

}  // namespace

void race_of_completions(Run& run) {
  Race race{run};
  Meeting<Group> meeting;
  meeting.prepare = [](Group& group) {
    group.attempt = fill(group.shopper, group.random, 1, "tok_approve");
    return true;
  };
  meeting.act = [&](Group& group, int member) {
    if (member < group.members) complete_beside_others(run, group, member, member % 2 == 0 ? group.attempt.key : make_token());
  };
  meeting.conclude = [&](Group& group) {
    complete_at_last(group.clients[0], race.ledger, group.attempt);
    check_one_order(run, group);
  };
  race.run_all(meeting, run.rounds_of(run.engine == "sqlite" ? 300 : 150, 10'000), false);
}

void race_of_notices(Run& run) {
  Race race{run};
  Meeting<Group> meeting;
  meeting.prepare = [&](Group& group) {
    group.attempt = fill(group.shopper, group.random, 1, "tok_require_action");
    group.attempt.may_fail = true;
    group.approving = static_cast<int>(pick(group.random, 0, 2)) * 50;
    group.notice_key = begin_action(group.clients[0], group.attempt);
    return true;
  };
  meeting.act = [&](Group& group, int member) {
    if (member >= group.members) return;
    if (member % 2 == 1) return complete_beside_others(run, group, member, member % 4 == 1 ? group.attempt.key : make_token());
    const bool approves = group.approving == 100 || (group.approving == 50 && member % 4 == 0);
    const auto status = send_notice(group.clients[static_cast<std::size_t>(member)], group.notice_key, approves);
    if (status != 204) run.report.mismatch(fmt::format("a notice of {} was answered {}", group.notice_key, status));
  };
  meeting.conclude = [&](Group& group) {
    complete_at_last(group.clients[0], race.ledger, group.attempt);
    check_one_order(run, group);
    const bool is_placed = group.attempt.is_placed();
    if ((group.approving == 100 && !is_placed) || (group.approving == 0 && is_placed))
      run.report.mismatch(fmt::format("cart {} was {} by its provider and ended with {} {}", group.attempt.cart, group.approving ? "approved" : "declined", group.attempt.status, group.attempt.code));
  };
  race.run_all(meeting, run.rounds_of(run.engine == "sqlite" ? 300 : 150, 10'000), false);
}

void race_of_refunds(Run& run) {
  Race race{run};
  const auto token = race.target.staff().token();
  Meeting<Group> meeting;
  meeting.prepare = [&](Group& group) {
    group.attempt = fill(group.shopper, group.random, 1, "tok_require_action");
    group.notice_key = begin_action(group.clients[0], group.attempt);
    send_notice(group.clients[0], group.notice_key, true);
    complete_at_last(group.clients[0], race.ledger, group.attempt);
    if (!group.attempt.is_placed()) throw Problem(500, "not_placed", fmt::format("cart {} was approved and ended with {} {}", group.attempt.cart, group.attempt.status, group.attempt.code));
    group.payment_id = json::from_text<PaidOrder>(group.staff->send(Method::get, "/v1/admin/orders/" + group.attempt.order).body, json::Mode::lenient).payment_id;
    return true;
  };
  meeting.act = [&](Group& group, int member) {
    if (member >= group.members) return;
    auto& client = group.clients[static_cast<std::size_t>(member)];
    const live::Fields fields{{"Authorization", "Bearer " + token}, {"Idempotency-Key", make_token()}};
    if (member % 3 == 2) {
      send_notice(client, group.notice_key, member % 2 == 0);
      return;
    }
    // Now and then as much as there is, else parts that do not all fit.
    const auto amount = member % 2 == 0 ? group.attempt.total : group.attempt.total / 3 + 1;
    const auto answer = member % 3 == 0 ? client.send(Method::post, fmt::format("/v1/admin/orders/{}/cancellations", group.attempt.order), json::to_text(CancelOnce{}), fields)
                                        : client.send(Method::post, fmt::format("/v1/admin/payments/{}/refunds", group.payment_id), json::to_text(AskForRefund{{amount, Target::currency()}}), fields);
    if (answer.status / 100 == 2 && member % 3 == 0) {
      const std::lock_guard lock(group.mutex);
      group.is_cancelled = true;
    }
    if (answer.status / 100 != 2 && answer.status != 409 && answer.status != 503) run.report.mismatch(fmt::format("order {}: member {} was answered {} {:.200}", group.attempt.order, member, answer.status, answer.body));
  };
  meeting.conclude = [&](Group& group) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    PaidOrder order;
    do {
      live::stop_if_interrupted();
      order = json::from_text<PaidOrder>(group.staff->send(Method::get, "/v1/admin/orders/" + group.attempt.order).body, json::Mode::lenient);
    } while (order.state == "cancelling" && std::chrono::steady_clock::now() < give_up);
    if (group.is_cancelled && order.state != "cancelled") run.report.mismatch(fmt::format("order {} was cancelled and is {}", order.id, order.state));
    const auto payment = json::from_text<PaymentAnswer>(group.staff->send(Method::get, "/v1/admin/payments/" + group.payment_id).body, json::Mode::lenient);
    if (payment.captured != group.attempt.total || payment.refunded > payment.captured || payment.refunded < 0 || (order.state == "cancelled" && payment.refunded != payment.captured))
      run.report.mismatch(fmt::format("order {} of {} is {}, {} are captured and {} refunded", order.id, group.attempt.total, order.state, payment.captured, payment.refunded));
    if (order.state != "placed") {
      group.attempt.cancel_status = 201;
      race.ledger.write(group.attempt);
    }
  };
  race.run_all(meeting, run.rounds_of(run.engine == "sqlite" ? 300 : 150, 10'000), true);
}

}  // namespace polyshop::attack
