#pragma once

#include <functional>

#include "kernel/db/tx.hpp"
#include "kernel/http/request.hpp"
#include "payment/facade.hpp"

namespace polyshop::payment {

// requires_action: the shopper has to confirm at `url`. unknown: it did not answer in time, so it may have happened or not.
// nothing: only of ask(), the provider never saw that key or did nothing under it.
enum class Verdict { approved, declined, requires_action, unknown, nothing };
BOOST_DESCRIBE_ENUM(Verdict, approved, declined, requires_action, unknown, nothing)

struct Answer {
  Verdict verdict = Verdict::unknown;
  std::string code;  // why it was declined, snake_case
  std::string url;
};
BOOST_DESCRIBE_STRUCT(Answer, (), (verdict, code, url))

enum class Operation { authorize, capture, cancel, refund };

struct ProviderCall {
  std::string key;            // stored before the first call and the same in every repetition
  std::string authorization;  // the key of the authorization that is captured, cancelled or refunded
  Money amount;
  std::string token;          // what the provider's own form gave the shopper for the card; of authorize
  std::string return_url;     // where the shopper comes back to after an action; of authorize
};

// What a provider tells without having been asked: how the operation of that key ended.
struct Notice {
  std::string key;
  Answer answer;
};

// Somebody who moves money. Every call starts something and returns; `done` is called once, from any thread, with unknown
// where the provider did not answer in time. A call repeated with its key has no second effect and gets the first answer.
// A declined capture ends its authorization. cancel is approved where there is nothing (any more) to cancel.
class Provider {
 public:
  using Done = std::move_only_function<void(Answer)>;
  virtual ~Provider() = default;
  virtual void authorize(const ProviderCall& call, Done done) = 0;
  virtual void capture(const ProviderCall& call, Done done) = 0;
  virtual void cancel(const ProviderCall& call, Done done) = 0;
  virtual void refund(const ProviderCall& call, Done done) = 0;
  virtual void ask(const std::string& key, Done done) = 0;
  // Answers as the above do, at once and in the transaction that asks, where what the provider knows is in this module's own database: a crash finds
  // all of it or nothing. Nothing where it has to be asked from outside, after that transaction. Not asked for refunds.
  virtual std::optional<Answer> answer_within(Tx&, Operation, const ProviderCall&) { return {}; }
  // Reads what came to /v1/hooks/{provider}. Throws Problem 401 where it was not the provider who sent it.
  virtual Notice read_notice(const Call& call, const http::Request& request) = 0;
};

}  // namespace polyshop::payment
