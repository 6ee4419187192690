#include "attack/provider.hpp"

#include <fmt/format.h>

#include "kernel/json/codec.hpp"
#include "kernel/security/token.hpp"

namespace polyshop::attack {

struct Action {
  std::string url;
};
BOOST_DESCRIBE_STRUCT(Action, (), (url))

struct PendingOrder {
  Action payment_action;
};
BOOST_DESCRIBE_STRUCT(PendingOrder, (), (payment_action))

struct ActionResult {
  std::string key;
  std::string result;
};
BOOST_DESCRIBE_STRUCT(ActionResult, (), (key, result))

namespace {

constexpr const char* secret = "the secret of an attacked shop";

}  // namespace

live::Variables provider_settings() { return {{"POLYSHOP_PAYMENT_SANDBOX_WEBHOOK_SECRET", secret}}; }

std::string begin_action(http::Client& client, const Attempt& attempt) {
  const auto answer = client.send(http::Method::post, fmt::format("/v1/store/carts/{}/complete", attempt.cart), {}, {{"Cart-Token", attempt.cart_token}, {"Idempotency-Key", attempt.key}});
  if (answer.status != 202) throw Problem(answer.status, "no_action", fmt::format("A payment that needs the shopper was answered {} {:.200}", answer.status, answer.body));
  const auto url = json::from_text<PendingOrder>(answer.body, json::Mode::lenient).payment_action.url;
  return url.substr(url.rfind('/') + 1);
}

int send_notice(http::Client& client, const std::string& key, bool is_approved) {
  const auto body = json::to_text(ActionResult{key, is_approved ? "approved" : "declined"});
  return client.send(http::Method::post, "/v1/hooks/sandbox", body, {{"Sandbox-Signature", to_base64(hmac_sha256(secret, body))}}).status;
}

}  // namespace polyshop::attack
