#include <fmt/format.h>

#include "payments.hpp"

namespace polyshop::payment {
namespace {

void check_return_url(const std::string& url) {
  const bool fits = (url.starts_with("https://") || url.starts_with("http://")) && std::ranges::none_of(url, [](unsigned char c) { return c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>'; });
  if (!fits) throw Problem::invalid("malformed_return_url", "Send an absolute URL that starts with https:// or http://.", "/return_url");
}

// A total exists once there are lines and every one has a price. What else is missing may come later: the order is only
// completed with a session of exactly its total.
void check_has_total(const cart::Cart& cart) {
  std::vector<cart::Requirement> missing;
  for (const auto& one : cart.requirements)
    if (one.code == "lines_required" || one.code == "price_missing" || one.code == "not_for_sale") missing.push_back(one);
  if (cart.lines.empty() && missing.empty()) missing.push_back({"lines_required", "/lines"});
  if (missing.empty()) return;
  auto problem = Problem::invalid("cart_incomplete", "The cart has no total to pay yet; see requirements.");
  for (const auto& one : missing) problem.errors.push_back({one.pointer, one.code, "Still missing."});
  throw std::move(problem).with("requirements", json::to_text(missing));
}

}  // namespace

Payment Payments::open_session(const Call& call, const cart::CartId& id, const std::string& cart_token, const OpenSession& wanted) {
  if (!providers_.contains(wanted.provider.str())) {
    std::string names;
    for (const auto& [name, provider] : providers_) names += (names.empty() ? "" : ", ") + name;
    throw Problem::invalid("unknown_provider", fmt::format("Payments are made through: {}.", names.empty() ? "nobody yet" : names), "/provider");
  }
  if (wanted.return_url) check_return_url(*wanted.return_url);
  const auto cart = cart_.get_cart(call.unkeyed(), {id, cart_token});
  PaymentRow row;
  row.id = PaymentId::make(call.now);
  row.cart_id = cart.id;
  row.provider = wanted.provider;
  row.token = wanted.token;
  row.return_url = wanted.return_url.value_or(Text<1, 2000>());
  row.amount = cart.totals.total;
  row.currency = cart.currency;
  row.version = 1;
  row.created_ms = call.now;
  return node_.db.write(call, [&](Tx& tx) {
    // In here, so that a repetition answers what the first did even when the cart has gone on since.
    if (cart.state != cart::CartState::open) throw Problem::conflict("cart_completed", "The cart has been completed; there is nothing left to pay.");
    check_has_total(cart);
    cart::check_nothing_is_gone(cart);
    if (store::count_of_cart(tx, id) >= limits_.sessions_of_cart_max)
      throw Problem::conflict("too_many_sessions", fmt::format("A cart has at most {} payment sessions; pay with one of those it has, or start a new cart.", limits_.sessions_of_cart_max));
    store::insert_payment(tx, row);
    return payment_of(row);
  });
}

std::vector<Payment> Payments::list_sessions(const Call& call, const cart::CartId& id, const std::string& cart_token) {
  return list_of_cart(call, cart_.get_cart(call.unkeyed(), {id, cart_token}).id);
}

}  // namespace polyshop::payment
