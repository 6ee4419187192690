#pragma once

#include "provider.hpp"
#include "store.hpp"

// What may follow what: pure functions over a payment's row.
namespace polyshop::payment::rules {

// The provider's key of an operation: "pay_....authorize". A refund's is its id. A cancellation that the provider refused may be tried
// again, as another operation, so its key has the payment's version.
std::string key_of(const PaymentRow& row, Operation operation);
std::optional<Operation> operation_of(std::string_view key);
std::string authorization_of(const PaymentId& id);

// The row with that operation begun.
PaymentRow begun(PaymentRow row, Operation operation);

// The row once the provider has answered, or nothing where the answer changes nothing: it came before, or the payment
// has gone on.
std::optional<PaymentRow> answered(const PaymentRow& row, const std::string& key, const Answer& answer);

// How the accounts change between two rows of a payment; they add up to 0, and those that stay as they are are left out.
std::vector<std::pair<Account, std::int64_t>> postings_between(const PaymentRow& before, const PaymentRow& after);

// Whether a text is or holds what looks like a card number: 13 to 19 digits, blanks and hyphens aside, whose Luhn sum is right.
bool holds_card_number(std::string_view text);

}  // namespace polyshop::payment::rules
