#include "attack/load.hpp"

#include <fmt/format.h>

#include "attack/target.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/json/problem_json.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::attack {

struct CancelOrder {
  std::string reason = "changed their mind";
};
BOOST_DESCRIBE_STRUCT(CancelOrder, (), (reason))

namespace {

// How payments end, and of how many out of a hundred.
struct Ending {
  const char* token;
  int share;
};
constexpr Ending endings[] = {{"tok_approve", 41}, {"tok_approve_outside", 41}, {"tok_decline", 8}, {"tok_timeout_after", 3}, {"tok_timeout_before", 3}, {"tok_capture_timeout_after", 2}, {"tok_capture_decline", 2}};

std::string token_for(Random& random) {
  auto at = pick(random, 1, 100);
  for (const auto& ending : endings)
    if ((at -= ending.share) <= 0) return ending.token;
  return endings[0].token;
}

// 202 and what waiting or asking may mend say nothing of how it ends.
bool is_final(int status, const std::string& code) {
  if (status == 200 || status == 201) return true;
  return status / 100 == 4 && status != 429 && code != "in_flight";
}

}  // namespace

std::int64_t pick(Random& random, std::int64_t from, std::int64_t to) { return std::uniform_int_distribution<std::int64_t>(from, to)(random); }

Attempt fill(live::Shopper& shopper, const std::vector<live::WantedLine>& lines, int round, const std::string& token) {
  const auto cart = shopper.fill_cart(lines, Target::currency(), Target::country, token);
  Attempt attempt;
  attempt.cart = cart.id;
  attempt.cart_token = cart.token;
  attempt.key = make_token();
  attempt.token = token;
  attempt.total = cart.total;
  for (const auto& line : lines) attempt.units += line.quantity;
  attempt.round = round;
  return attempt;
}

Attempt fill(live::Shopper& shopper, Random& random, int round, const std::string& token) {
  std::vector<live::WantedLine> lines;
  for (auto count = pick(random, 1, 3); count > 0; --count) {
    const bool again = !lines.empty() && pick(random, 1, 4) == 1;
    lines.push_back({again ? lines.back().sku : Target::sku(static_cast<int>(pick(random, 0, Target::skus - 1))), pick(random, 1, 3)});
  }
  return fill(shopper, lines, round, token);
}

void complete(http::Client& client, Ledger& ledger, Attempt& attempt) {
  ledger.write(attempt);
  try {
    const auto answer = client.send(http::Method::post, fmt::format("/v1/store/carts/{}/complete", attempt.cart), {}, {{"Cart-Token", attempt.cart_token}, {"Idempotency-Key", attempt.key}});
    attempt.code = answer.status >= 400 ? json::problem_from_text(answer.body, answer.status).code : "";
    attempt.status = is_final(answer.status, attempt.code) ? answer.status : 0;
    if (attempt.is_placed()) {
      const auto order = json::from_text<live::PlacedOrder>(answer.body, json::Mode::lenient);
      attempt.order = order.id;
      attempt.order_total = order.totals.total;
    }
  } catch (const Problem& problem) {
    attempt.code = problem.code;
    attempt.status = 0;
  }
  if (attempt.status != 0) ledger.write(attempt);
}

void complete_at_last(http::Client& client, Ledger& ledger, Attempt& attempt) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  for (complete(client, ledger, attempt); attempt.status == 0 && std::chrono::steady_clock::now() < give_up; complete(client, ledger, attempt)) {
    live::stop_if_interrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void cancel(live::Staff& staff, Ledger& ledger, Attempt& attempt) {
  attempt.cancel_status = 0;
  ledger.write(attempt);
  try {
    staff.send(http::Method::post, fmt::format("/v1/admin/orders/{}/cancellations", attempt.order), json::to_text(CancelOrder{}));
  } catch (const Problem& problem) {
    // Where it cannot be cancelled, somebody has cancelled it already: it was placed, and only we cancel. Otherwise nobody knows.
    if (problem.code != "not_cancellable") return;
  }
  attempt.cancel_status = 201;
  ledger.write(attempt);
}

Load::Load(int port, const std::function<live::Staff()>& staff, Ledger& ledger, int clients, std::uint64_t seed, int round) {
  for (int i = 0; i < clients; ++i) {
    std::optional<live::Staff> clerk;
    if (i == 0) clerk.emplace(staff());
    threads_.emplace_back([this, port, &ledger, seed, round, i, clerk = std::move(clerk)]() mutable {
      Random random(seed * 1000 + static_cast<std::uint64_t>(round) * 100 + static_cast<std::uint64_t>(i));
      live::Shopper shopper(port);
      http::Client client("127.0.0.1", port);
      while (!is_over_) {
        try {
          auto attempt = fill(shopper, random, round, token_for(random));
          complete(client, ledger, attempt);
          if (attempt.status != 0) ++concluded_;
          if (clerk && attempt.is_placed() && pick(random, 1, 2) == 1) cancel(*clerk, ledger, attempt);
        } catch (const Problem& problem) {
          // A cart that could not be filled is nobody's loss; a shop that is gone ends the day.
          if (problem.code == "unreachable" || problem.code == "interrupted") return;
        }
      }
    });
  }
}

void Load::stop() {
  is_over_ = true;
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace polyshop::attack
