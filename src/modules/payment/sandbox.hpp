#pragma once

#include "bus/node.hpp"
#include "provider.hpp"
#include "rules.hpp"

namespace polyshop::payment {

// A provider that moves no money, for trying a shop out and for tests. The token chooses what it does:
//   tok_approve, tok_approve_outside                     approves everything
//   tok_decline, tok_decline_insufficient_funds          declines the authorization: card_declined, insufficient_funds
//   tok_require_action                                   the shopper has to act; POST /v1/hooks/sandbox says how that ended
//   tok_timeout_before, tok_timeout_after                the first call to authorize times out, without or with its effect
//   tok_capture_decline, tok_capture_timeout_before, tok_capture_timeout_after, tok_cancel_timeout_before, tok_cancel_timeout_after,
//   tok_refund_decline, tok_refund_timeout_before, tok_refund_timeout_after    the same for later operations
// It keeps books of its own, as an outside party does: a key has the same result for ever and at most one effect. With tok_approve, tok_decline
// and tok_decline_insufficient_funds it answers within the transaction that asks; every other token is that of a provider outside, which is asked when the intent is on the disk.
class Sandbox final : public Provider {
 public:
  Sandbox(bus::Node& node, std::string webhook_secret) : node_(node), webhook_secret_(std::move(webhook_secret)) {}

  void authorize(const ProviderCall& call, Done done) override { done(answer(Operation::authorize, call)); }
  void capture(const ProviderCall& call, Done done) override { done(answer(Operation::capture, call)); }
  void cancel(const ProviderCall& call, Done done) override { done(answer(Operation::cancel, call)); }
  void refund(const ProviderCall& call, Done done) override { done(answer(Operation::refund, call)); }
  void ask(const std::string& key, Done done) override;
  std::optional<Answer> answer_within(Tx& tx, Operation operation, const ProviderCall& call) override;

  // {"key": the authorization's, "result": "approved" or "declined"}, signed in the field Sandbox-Signature with the base64 of the
  // HMAC-SHA-256 of the body under payment.sandbox_webhook_secret. It stands for what the shopper did on the action page.
  Notice read_notice(const Call& call, const http::Request& request) override;

 private:
  Answer answer(Operation operation, const ProviderCall& call);
  Answer answer(Tx& tx, Operation operation, const ProviderCall& call, const std::string& token);
  bus::Node& node_;
  const std::string webhook_secret_;
};

}  // namespace polyshop::payment
