#include "rules.hpp"

#include <fmt/format.h>

namespace polyshop::payment::rules {
namespace {

bool passes_luhn(std::string_view digits) {
  int sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const int digit = digits[digits.size() - 1 - i] - '0';
    sum += i % 2 == 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0);
  }
  return sum % 10 == 0;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void settle(PaymentRow& row, PaymentState state) {
  row.state = state;
  row.operation_key.clear();
  row.token.clear();
  row.action_url.clear();
}

PaymentRow authorization_answered(PaymentRow row, const Answer& answer) {
  if (answer.verdict == Verdict::approved) {
    settle(row, PaymentState::authorized);
    row.authorized = row.amount;
  } else if (answer.verdict == Verdict::declined) {
    settle(row, PaymentState::declined);
    row.decline_code = answer.code;
    return row;
  } else {
    row.state = PaymentState::requires_action;
    row.action_url = answer.url;
  }
  // Whoever cancelled while the provider was asked could not be told more than that.
  return row.cancel_asked ? begun(std::move(row), Operation::cancel) : row;
}

PaymentRow capture_answered(PaymentRow row, const Answer& answer) {
  if (answer.verdict == Verdict::approved) {
    settle(row, PaymentState::captured);
    row.captured = row.authorized;
  } else {
    settle(row, PaymentState::declined);
    row.authorized = 0;
    row.decline_code = answer.code;
  }
  return row;
}

PaymentRow cancellation_answered(PaymentRow row, const Answer& answer) {
  row.cancel_asked = false;
  if (answer.verdict == Verdict::approved) {
    settle(row, PaymentState::voided);
    row.authorized = 0;
  } else {
    // Still held, so it must not look as if it were not. One that the shopper had not confirmed yet waits for them again.
    if (row.authorized > 0)
      settle(row, PaymentState::authorized);
    else {
      row.state = PaymentState::requires_action;
      row.operation_key = authorization_of(row.id);
    }
    row.decline_code = answer.code;
  }
  return row;
}

}  // namespace

std::string authorization_of(const PaymentId& id) { return id.str() + ".authorize"; }

std::string key_of(const PaymentRow& row, Operation operation) {
  switch (operation) {
    case Operation::authorize: return authorization_of(row.id);
    case Operation::capture: return row.id.str() + ".capture";
    case Operation::cancel: return fmt::format("{}.cancel.{}", row.id.view(), row.version);
    case Operation::refund: break;
  }
  die("a refund's key is its id");
}

std::optional<Operation> operation_of(std::string_view key) {
  if (RefundId::parse(key)) return Operation::refund;
  if (!PaymentId::parse(key.substr(0, PaymentId::size))) return {};
  const auto rest = key.substr(PaymentId::size);
  if (rest == ".authorize") return Operation::authorize;
  if (rest == ".capture") return Operation::capture;
  if (rest.starts_with(".cancel.")) return Operation::cancel;
  return {};
}

PaymentRow begun(PaymentRow row, Operation operation) {
  if (row.amount == 0) {
    // Nothing is owed, so nobody is asked.
    settle(row, operation == Operation::authorize ? PaymentState::authorized : operation == Operation::capture ? PaymentState::captured : PaymentState::voided);
    return row;
  }
  row.operation_key = key_of(row, operation);
  row.state = operation == Operation::authorize ? PaymentState::authorizing : operation == Operation::capture ? PaymentState::capturing : PaymentState::voiding;
  return row;
}

std::optional<PaymentRow> answered(const PaymentRow& row, const std::string& key, const Answer& answer) {
  if (key.empty() || row.operation_key != key || answer.verdict == Verdict::nothing) return {};
  const auto operation = operation_of(key);
  const bool is_unclear = answer.verdict == Verdict::unknown || (answer.verdict == Verdict::requires_action && operation != Operation::authorize);
  if (is_unclear) {
    if (row.state == PaymentState::unknown || row.state == PaymentState::requires_action) return {};
    auto next = row;
    next.state = PaymentState::unknown;
    return next;
  }
  if (answer.verdict == Verdict::requires_action && row.state == PaymentState::requires_action) return {};
  switch (*operation) {
    case Operation::authorize: return authorization_answered(row, answer);
    case Operation::capture: return capture_answered(row, answer);
    case Operation::cancel: return cancellation_answered(row, answer);
    case Operation::refund: break;
  }
  return {};
}

std::vector<std::pair<Account, std::int64_t>> postings_between(const PaymentRow& before, const PaymentRow& after) {
  const auto authorized = after.authorized - before.authorized;
  const auto captured = after.captured - before.captured;
  const auto refunded = after.refunded - before.refunded;
  std::vector<std::pair<Account, std::int64_t>> postings{{Account::authorized, authorized - captured}, {Account::provider, captured - refunded}, {Account::shopper, refunded - authorized}};
  std::erase_if(postings, [](const auto& posting) { return posting.second == 0; });
  return postings;
}

bool holds_card_number(std::string_view text) {
  const bool is_number_only = std::ranges::all_of(text, [](char c) { return is_digit(c) || c == ' ' || c == '-'; });
  std::string digits;
  // Inside of a longer text only what a card can begin with and no time in milliseconds can be: 14 digits or more from 2 to 6.
  const auto is_card = [&] {
    const std::size_t least = is_number_only ? 13 : 14;
    return digits.size() >= least && digits.size() <= 19 && (is_number_only || (digits[0] >= '2' && digits[0] <= '6')) && passes_luhn(digits);
  };
  for (const char c : text) {
    if (is_digit(c)) {
      digits += c;
    } else if (c != ' ' && c != '-') {
      if (is_card()) return true;
      digits.clear();
    }
  }
  return is_card();
}

}  // namespace polyshop::payment::rules
