#include "view.hpp"

#include <fmt/format.h>

namespace polyshop::cart {

Cart assembled(const store::CartRow& row, const std::vector<store::LineRow>& lines, const Parts& parts) {
  Cart cart;
  cart.id = row.id;
  cart.state = row.state;
  cart.customer_id = row.customer_id;
  cart.channel = row.channel;
  cart.language = row.language;
  cart.currency = row.currency;
  cart.email = row.email;
  if (row.shipping_address) cart.shipping_address = row.shipping_address->value;
  if (row.billing_address) cart.billing_address = row.billing_address->value;
  cart.version = row.version;
  cart.expires_ms = row.expires_ms;
  cart.totals = parts.quote.totals;
  cart.rounding = parts.quote.rounding;
  cart.trace = parts.quote.trace;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& stored = lines[i];
    const auto& quoted = parts.quote.lines.at(i);
    Line line;
    line.id = stored.id;
    line.sku = stored.sku;
    line.quantity = stored.quantity;
    line.amount = quoted.amount;
    if (quoted.unit_price) line.unit_price = Money{*quoted.unit_price, row.currency};
    if (const auto variant = parts.variants.find(stored.sku); variant != parts.variants.end()) {
      line.name = catalog::text_in(variant->second.texts, row.language).name;
      line.option_values = variant->second.option_values;
      line.weight_g = variant->second.weight_g;
    }
    if (stored.seen_unit_price && quoted.unit_price && *stored.seen_unit_price != *quoted.unit_price)
      cart.warnings.push_back({"price_changed", fmt::format("/lines/{}/unit_price", i),
                               fmt::format("The price was {} and is {} now.", format_amount(*stored.seen_unit_price, row.currency), format_amount(*quoted.unit_price, row.currency))});
    cart.lines.push_back(std::move(line));
  }
  return cart;
}

void add_delivery(Cart& cart, const shipping::DeliveryOption& option, const pricing::Quote& quote) {
  cart.delivery = Delivery{option.method_id, option.name, {option.amount, option.currency}, quote.delivery.value_or(pricing::QuotedAmount{})};
  const Money before{cart.totals.total, cart.currency};
  cart.totals.delivery = quote.totals.delivery;
  cart.totals.tax = (Money{cart.totals.tax, cart.currency} + Money{quote.totals.tax, cart.currency}).amount;
  cart.totals.total = (before + Money{quote.totals.total, cart.currency}).amount;
  cart.trace.insert(cart.trace.end(), quote.trace.begin(), quote.trace.end());
}

void add_requirements(Cart& cart, const Parts& parts) {
  if (cart.state == CartState::completed) return;
  const auto require = [&](std::string code, std::string pointer) { cart.requirements.push_back({std::move(code), std::move(pointer)}); };
  if (cart.lines.empty()) require("lines_required", "/lines");
  if (!cart.email) require("email_required", "/email");
  if (!cart.shipping_address) require("shipping_address_required", "/shipping_address");
  if (!cart.delivery) require("delivery_required", "/delivery");
  // Lines may share a SKU: together they must not want more than there is.
  std::map<std::string, std::int64_t> wanted;
  for (std::size_t i = 0; i < cart.lines.size(); ++i) {
    const auto& line = cart.lines[i];
    const auto pointer = fmt::format("/lines/{}", i);
    const auto variant = parts.variants.find(line.sku);
    if (variant == parts.variants.end() || variant->second.state != catalog::State::published) require("not_for_sale", pointer);
    else if (!line.unit_price) require("price_missing", pointer);
    const auto available = parts.available.contains(line.sku) ? parts.available.at(line.sku) : 0;
    if ((wanted[line.sku] += line.quantity) <= available) continue;
    // Only a warning: what is there is decided when the order reserves it.
    cart.warnings.push_back({available == 0 ? "sold_out" : "stock_lowered", pointer + "/quantity", fmt::format("{} are left of {}.", available, line.sku)});
  }
}

std::int64_t weight_of(const Cart& cart) {
  std::int64_t weight = 0;
  for (const auto& line : cart.lines) weight += line.weight_g * line.quantity;
  return weight;
}

}  // namespace polyshop::cart
