#include "sandbox.hpp"

#include "kernel/security/token.hpp"

namespace polyshop::payment {
namespace {

enum class Manner { obey, decline, require_action, timeout_before, timeout_after };

struct Behaviour {
  std::string_view token;
  Operation operation;
  Manner manner;
  std::string_view code;
};

constexpr Behaviour behaviours[] = {
    {"tok_decline", Operation::authorize, Manner::decline, "card_declined"},
    {"tok_decline_insufficient_funds", Operation::authorize, Manner::decline, "insufficient_funds"},
    {"tok_require_action", Operation::authorize, Manner::require_action, ""},
    {"tok_timeout_before", Operation::authorize, Manner::timeout_before, ""},
    {"tok_timeout_after", Operation::authorize, Manner::timeout_after, ""},
    {"tok_capture_decline", Operation::capture, Manner::decline, "authorization_expired"},
    {"tok_capture_timeout_before", Operation::capture, Manner::timeout_before, ""},
    {"tok_capture_timeout_after", Operation::capture, Manner::timeout_after, ""},
    {"tok_cancel_timeout_before", Operation::cancel, Manner::timeout_before, ""},
    {"tok_cancel_timeout_after", Operation::cancel, Manner::timeout_after, ""},
    {"tok_refund_decline", Operation::refund, Manner::decline, "refund_refused"},
    {"tok_refund_timeout_before", Operation::refund, Manner::timeout_before, ""},
    {"tok_refund_timeout_after", Operation::refund, Manner::timeout_after, ""},
};

Behaviour behaviour_of(std::string_view token, Operation operation) {
  for (const auto& behaviour : behaviours)
    if (behaviour.token == token) return behaviour.operation == operation ? behaviour : Behaviour{token, operation, Manner::obey, ""};
  if (operation == Operation::authorize && token != "tok_approve" && token != "tok_approve_outside") return {token, operation, Manner::decline, "unknown_token"};
  return {token, operation, Manner::obey, ""};
}

bool answers_within(std::string_view token) { return token == "tok_approve" || token == "tok_decline" || token == "tok_decline_insufficient_funds"; }

constexpr std::string_view name_of(Operation operation) {
  switch (operation) {
    case Operation::authorize: return "authorize";
    case Operation::capture: return "capture";
    case Operation::cancel: return "cancel";
    case Operation::refund: break;
  }
  return "refund";
}

// A name that leads nowhere, since there is nothing to see; it says which key the notice is to name.
std::string action_url(const SandboxRow& row) {
  return "https://sandbox.invalid/actions/" + row.operation_key + (row.return_url.empty() ? "" : "?return_url=" + row.return_url);
}

Answer answer_of(const SandboxRow& row) { return {row.verdict, row.code, row.verdict == Verdict::requires_action ? action_url(row) : ""}; }

std::pair<Verdict, std::string> decide(Tx& tx, Operation operation, const ProviderCall& call, const Behaviour& behaviour) {
  if (behaviour.manner == Manner::require_action) return {Verdict::requires_action, ""};
  if (behaviour.manner == Manner::decline) {
    if (operation == Operation::capture) store::release_sandbox(tx, call.authorization);
    return {Verdict::declined, std::string(behaviour.code)};
  }
  const auto where = [](bool done, std::string code) { return done ? std::pair(Verdict::approved, std::string()) : std::pair(Verdict::declined, std::move(code)); };
  switch (operation) {
    case Operation::authorize: break;
    case Operation::capture: return where(store::take_sandbox(tx, call.authorization, call.amount.amount), "not_authorized");
    case Operation::cancel: return where(store::release_sandbox(tx, call.authorization), "captured");
    case Operation::refund: return where(store::give_back_sandbox(tx, call.authorization, call.amount.amount), "not_captured");
  }
  return {Verdict::approved, ""};
}

// Of what was authorized; the token comes with the authorization only.
std::string token_of(Tx& tx, Operation operation, const ProviderCall& call) {
  if (operation == Operation::authorize) return call.token;
  const auto authorization = store::find_sandbox(tx, call.authorization);
  return authorization ? authorization->token : std::string();
}

struct ActionResult {
  std::string key;
  std::string result;
};
BOOST_DESCRIBE_STRUCT(ActionResult, (), (key, result))

}  // namespace

Answer Sandbox::answer(Operation operation, const ProviderCall& call) {
  return node_.db.write(node_.system_call("sandbox"), [&](Tx& tx) { return answer(tx, operation, call, token_of(tx, operation, call)); });
}

std::optional<Answer> Sandbox::answer_within(Tx& tx, Operation operation, const ProviderCall& call) {
  const auto token = token_of(tx, operation, call);
  return answers_within(token) ? std::optional(answer(tx, operation, call, token)) : std::nullopt;
}

Answer Sandbox::answer(Tx& tx, Operation operation, const ProviderCall& call, const std::string& token) {
  SandboxRow row{call.key, call.authorization, std::string(name_of(operation)), token, call.return_url, call.amount.amount, call.amount.currency, Verdict::nothing, ""};
  // What an authorization comes to depends on its token alone, and is written at once.
  const auto first_behaviour = behaviour_of(token, operation);
  if (operation == Operation::authorize && first_behaviour.manner != Manner::timeout_before) std::tie(row.verdict, row.code) = decide(tx, operation, call, first_behaviour);
  const bool is_first = store::insert_sandbox(tx, row);
  if (!is_first) row = *store::find_sandbox(tx, call.key);
  const auto behaviour = behaviour_of(row.token, operation);
  if (is_first && behaviour.manner == Manner::timeout_after && row.verdict != Verdict::nothing) return {Verdict::unknown, "", ""};
  if (row.verdict != Verdict::nothing) return answer_of(row);
  if (behaviour.manner == Manner::timeout_before && is_first) return {Verdict::unknown, "", ""};
  std::tie(row.verdict, row.code) = decide(tx, operation, call, behaviour);
  const bool is_ours = store::decide_sandbox(tx, call.key, row.verdict, row.code);
  if (behaviour.manner == Manner::timeout_after) return {Verdict::unknown, "", ""};
  // Where the same key was decided at the same time, that decision stands.
  return answer_of(is_ours ? row : *store::find_sandbox(tx, call.key));
}

void Sandbox::ask(const std::string& key, Done done) {
  const auto row = node_.db.read(node_.system_call("sandbox"), [&](Tx& tx) { return store::find_sandbox(tx, key); });
  done(row ? answer_of(*row) : Answer{Verdict::nothing, "", ""});
}

Notice Sandbox::read_notice(const Call& call, const http::Request& request) {
  if (webhook_secret_.empty()) throw Problem::not_found("hook");  // without a secret nobody could be told from anybody
  if (!equals_in_constant_time(request.field("Sandbox-Signature"), to_base64(hmac_sha256(webhook_secret_, request.body))))
    throw Problem::unauthenticated("invalid_signature", "Send the field Sandbox-Signature with the base64 of the HMAC-SHA-256 of the body.");
  const auto wanted = json::from_text<ActionResult>(request.body, json::Mode::strict);
  if (wanted.result != "approved" && wanted.result != "declined") throw Problem::invalid("unknown_value", "Send approved or declined.", "/result");
  const auto row = node_.db.write(call.unkeyed(), [&](Tx& tx) {
    const bool is_approved = wanted.result == "approved";
    store::complete_sandbox(tx, wanted.key, is_approved ? Verdict::approved : Verdict::declined, is_approved ? "" : "action_failed");
    return store::find_sandbox(tx, wanted.key);
  });
  if (!row || row->verdict == Verdict::nothing) throw Problem::not_found("operation");
  return {wanted.key, answer_of(*row)};
}

}  // namespace polyshop::payment
