#include "carts.hpp"

#include <fmt/format.h>

#include "kernel/security/token.hpp"
#include "view.hpp"

namespace polyshop::cart {
namespace {

constexpr std::size_t lines_max = 2000;
constexpr std::size_t batch_max = 500;

// What another shopper owns does not exist for this one.
void check_owner(const Call& call, const store::CartRow& cart, const std::string& token) {
  if (call.actor.kind == Actor::Kind::system) return;
  const bool may = cart.customer_id ? call.actor.kind == Actor::Kind::customer && call.actor.id == cart.customer_id->view()
                                    : !token.empty() && equals_in_constant_time(sha256_hex(token), cart.token_hash);
  if (!may) throw Problem::not_found("cart", cart.id.view());
}

store::CartRow owned(std::optional<store::CartRow> cart, const Call& call, const CartKey& key) {
  if (!cart || cart->expires_ms < call.now) throw Problem::not_found("cart", key.id.view());
  check_owner(call, *cart, key.token);
  return std::move(*cart);
}

store::CartRow owned(Tx& tx, const Call& call, const CartKey& key) { return owned(store::find_cart(tx, key.id), call, key); }

void check_address(const customer::Address& address, std::string_view member) {
  if (!customer::is_country(address.country)) throw Problem::invalid("unknown_country", "Send the country as two capitals of ISO 3166-1, such as DE.", fmt::format("/{}/country", member));
}

}  // namespace

Carts::New Carts::create(const Call& call, const CreateCart& wanted) {
  const bool is_customer = call.actor.kind == Actor::Kind::customer;
  const auto token = is_customer ? std::string() : make_timed_token(call.now);
  store::CartRow cart;
  cart.id = CartId::make(call.now);
  cart.token_hash = is_customer ? "" : sha256_hex(token);
  if (is_customer) cart.customer_id = auth::UserId::parse(call.actor.id);
  cart.channel = call.channel;
  cart.language = wanted.language ? std::string(*wanted.language) : call.language;
  cart.currency = wanted.currency.value_or(settings_.currency);
  cart.version = 1;
  cart.created_ms = call.now;
  cart.expires_ms = call.now + kept_from_now();
  node_.db.write(call, [&](Tx& tx) { store::insert_cart(tx, cart); });
  return {view(call, {cart, {}}), token};
}

Carts::Content Carts::load(const Call& call, const CartKey& key) {
  return node_.db.read(call, [&](Tx& tx) {
    Content content{owned(tx, call, key), {}};
    content.lines = store::list_lines(tx, key.id);
    return content;
  });
}

Cart Carts::get(const Call& call, const CartKey& key) { return view(call, load(call, key)); }

// A hundredth more than was promised, so that not every change of a cart has to move it in the index of those that expire.
Timestamp Carts::kept_from_now() const { return settings_.abandoned_after_ms + settings_.abandoned_after_ms / 100; }

void Carts::keep(Tx& tx, store::CartRow& cart) const {
  if (cart.expires_ms >= tx.now() + settings_.abandoned_after_ms) return;
  cart.expires_ms = tx.now() + kept_from_now();
  store::keep_until(tx, cart.id, cart.expires_ms);
}

// The frame of every change, which leaves in `content` what it leaves in the database: the row is taken first, so that two changes of one cart follow
// each other. What a repeated key finds done already has to be read.
Cart Carts::write(const Call& call, const CartKey& key, const std::function<void(Tx&, Content&)>& change) {
  std::optional<Content> after;
  node_.db.write(call, [&](Tx& tx) {
    after.reset();
    auto touched = store::touch(tx, key.id);
    const bool is_open = touched.has_value();
    Content content{is_open ? owned(std::move(touched), call, key) : owned(tx, call, key), store::list_lines(tx, key.id)};
    if (!is_open) throw Problem::conflict("cart_completed", "The cart was completed and cannot be changed any more.");
    if (key.version && *key.version != content.cart.version - 1) throw Problem::precondition_failed("The cart has changed since you read it; read it again and repeat your change.");
    keep(tx, content.cart);
    change(tx, content);
    after = std::move(content);
  });
  const auto plain = call.unkeyed();
  return view(plain, after ? *after : load(plain, key));
}

Cart Carts::change(const Call& call, const CartKey& key, const ChangeCart& change) {
  if (change.email.value && !customer::is_email(*change.email.value)) throw Problem::invalid("malformed_email", "Send an e-mail address such as ann@example.com.", "/email");
  if (change.shipping_address.value) check_address(*change.shipping_address.value, "shipping_address");
  if (change.billing_address.value) check_address(*change.billing_address.value, "billing_address");
  return write(call, key, [&](Tx& tx, Content& content) {
    auto& cart = content.cart;
    const auto country_before = cart.shipping_address ? cart.shipping_address->value.country : customer::Country();
    if (change.email.present) cart.email = change.email.value ? std::optional<std::string>(*change.email.value) : std::nullopt;
    if (change.shipping_address.present) cart.shipping_address = change.shipping_address.value ? std::optional(db::Json<customer::Address>{*change.shipping_address.value}) : std::nullopt;
    if (change.billing_address.present) cart.billing_address = change.billing_address.value ? std::optional(db::Json<customer::Address>{*change.billing_address.value}) : std::nullopt;
    const auto currency_before = std::exchange(cart.currency, change.currency.value.value_or(cart.currency));
    if (change.language.value) cart.language = *change.language.value;
    // Another country or currency has other ways of delivery, and prices that cannot be compared with those seen before.
    const auto country_after = cart.shipping_address ? cart.shipping_address->value.country : customer::Country();
    if (country_before != country_after || currency_before != cart.currency) cart.delivery_method_id.reset();
    if (currency_before != cart.currency) {
      store::forget_seen_prices(tx, cart.id);
      for (auto& line : content.lines) line.seen_unit_price.reset();
    }
    store::update_cart(tx, cart);
  });
}

std::map<std::string, catalog::SellableVariant> Carts::variants_of(const Call& call, const std::vector<std::string>& skus) {
  std::map<std::string, catalog::SellableVariant> variants;
  for (std::size_t at = 0; at < skus.size(); at += 1000) {
    const auto end = std::min(at + 1000, skus.size());
    for (auto& variant : others_.catalog.find_variants(call, {{skus.begin() + static_cast<std::ptrdiff_t>(at), skus.begin() + static_cast<std::ptrdiff_t>(end)}})) {
      auto sku = variant.sku;
      variants.emplace(std::move(sku), std::move(variant));
    }
  }
  return variants;
}

std::map<std::string, std::int64_t> Carts::unit_prices(const Call& call, Currency currency, const std::vector<std::string>& skus) {
  pricing::QuoteCart wanted;
  wanted.currency = currency;
  for (const auto& sku : skus) wanted.lines.push_back({sku, sku, 1, {}});
  std::map<std::string, std::int64_t> prices;
  for (const auto& line : others_.pricing.quote(call, wanted).lines)
    if (line.unit_price) prices[line.sku] = *line.unit_price;
  return prices;
}

// Whether there is enough is decided when the order reserves it; of what is gone nobody need begin to buy.
Problem Carts::sold_out_of(const Call& call, const std::vector<NewLine>& lines, bool is_single) {
  inventory::GetAvailability wanted;
  for (const auto& line : lines) wanted.skus.push_back(line.sku);
  auto sold_out = Problem::conflict("sold_out", "Some of these are sold out; see errors.");
  const auto all = others_.inventory.get_availability(call, wanted);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].available == 0) sold_out.errors.push_back({is_single ? "/sku" : fmt::format("/lines/{}/sku", i), "sold_out", fmt::format("{} is sold out.", all[i].sku)});
  return sold_out;
}

Cart Carts::add_lines(const Call& call, const CartKey& key, const AddLines& wanted) {
  std::vector<NewLine> lines = wanted.lines.value_or(std::vector<NewLine>{});
  const bool is_single = wanted.sku.has_value();
  if (is_single == wanted.lines.has_value()) throw Problem::invalid("lines_required", "Send sku and quantity of one line, or lines.", is_single ? "/lines" : "/sku");
  if (is_single) lines.push_back({*wanted.sku, wanted.quantity.value_or(Quantity(1))});
  if (lines.empty() || lines.size() > batch_max) throw Problem::invalid("too_many_lines", fmt::format("Send 1 to {} lines at once.", batch_max), "/lines");
  std::vector<std::string> skus;
  for (const auto& line : lines) skus.push_back(line.sku);
  const auto cart = node_.db.read_once(call, [&](Tx& tx) { return owned(tx, call, key); });
  const auto variants = variants_of(call, skus);
  Problem unknown = Problem::invalid("unknown_sku", "Some of these are not for sale; see errors.");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto found = variants.find(lines[i].sku);
    if (found == variants.end() || found->second.state != catalog::State::published)
      unknown.errors.push_back({is_single ? "/sku" : fmt::format("/lines/{}/sku", i), "unknown_sku", fmt::format("{} is not for sale.", lines[i].sku.str())});
  }
  if (!unknown.errors.empty()) throw unknown;
  const auto sold_out = sold_out_of(call, lines, is_single);
  const auto prices = unit_prices(call, cart.currency, skus);
  return write(call, key, [&](Tx& tx, Content& content) {
    // Only here: an addition that is repeated under its key answers as it did.
    if (!sold_out.errors.empty()) throw sold_out;
    auto& present = content.lines;
    auto position = present.empty() ? 0 : present.back().position + 1;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto& line = lines[i];
      const auto price = prices.find(line.sku);
      const auto seen = price == prices.end() ? std::nullopt : std::optional(price->second);
      const auto same = std::ranges::find(present, std::string_view(line.sku), [](const auto& l) { return std::string_view(l.sku); });
      if (same != present.end() && !wanted.separate.value_or(false)) {
        same->quantity += line.quantity;
        same->seen_unit_price = seen;
        if (same->quantity > Quantity::max) throw Problem::invalid("out_of_range", fmt::format("A line has at most {} pieces.", Quantity::max), is_single ? "/quantity" : fmt::format("/lines/{}/quantity", i));
        store::update_line(tx, *same);
        continue;
      }
      if (present.size() >= lines_max) throw Problem::conflict("cart_full", fmt::format("A cart has at most {} lines.", lines_max));
      store::insert_line(tx, present.emplace_back(LineId::make(tx.now()), key.id, position++, line.sku, line.quantity, seen));
    }
  });
}

Cart Carts::change_line(const Call& call, const CartKey& key, const LineId& id, std::int64_t quantity) {
  const auto content = load(call, key);
  const auto line = std::ranges::find(content.lines, id, &store::LineRow::id);
  const bool is_there = line != content.lines.end();
  const auto prices = is_there && quantity ? unit_prices(call, content.cart.currency, {line->sku}) : std::map<std::string, std::int64_t>();
  return write(call, key, [&](Tx& tx, Content& now) {
    // Only here: a removal that is repeated under its key finds no line and answers as it did.
    const auto changed = std::ranges::find(now.lines, id, &store::LineRow::id);
    if (!is_there || changed == now.lines.end()) throw Problem::not_found("line", id.view());
    if (quantity == 0) {
      store::delete_line(tx, key.id, id);
      now.lines.erase(changed);
      return;
    }
    changed->quantity = quantity;
    changed->seen_unit_price = prices.contains(line->sku) ? std::optional(prices.at(line->sku)) : std::nullopt;
    store::update_line(tx, *changed);
  });
}

std::vector<shipping::DeliveryOption> Carts::delivery_options(const Call& call, const CartKey& key) {
  const auto cart = get(call, key);
  if (!cart.shipping_address) throw Problem::invalid("shipping_address_required", "Set the shipping address first: what can be delivered depends on it.", "/shipping_address");
  return others_.shipping.get_options(call, {cart.shipping_address->country, cart.currency, weight_of(cart), cart.totals.lines});
}

Cart Carts::choose_delivery(const Call& call, const CartKey& key, const shipping::MethodId& method) {
  const auto options = delivery_options(call, key);
  if (std::ranges::find(options, method, &shipping::DeliveryOption::method_id) == options.end())
    throw Problem::invalid("delivery_not_offered", "This method is not offered for the cart; choose one of its delivery options.", "/method_id");
  return write(call, key, [&](Tx& tx, Content& content) {
    content.cart.delivery_method_id = method;
    store::update_cart(tx, content.cart);
  });
}

Cart Carts::claim(const Call& call, const CartKey& key) {
  const auto customer = auth::UserId::parse(call.actor.id);
  if (!customer) throw Problem::unauthenticated("authentication_required", "Sign in to take over the cart.");
  node_.db.write(call, [&](Tx& tx) {
    auto cart = owned(tx, call, key);
    if (cart.customer_id == customer) return;
    if (!store::touch(tx, key.id)) throw Problem::conflict("cart_completed", "The cart was completed and cannot be taken over.");
    cart.customer_id = customer;
    cart.token_hash.clear();
    store::update_cart(tx, cart);
    keep(tx, cart);
    const auto other = store::find_open_of_customer(tx, *customer, key.id);
    if (!other || !store::touch(tx, other->id)) return;
    if (other->currency != cart.currency) store::forget_seen_prices(tx, other->id);
    auto kept = store::list_lines(tx, key.id);
    for (auto& line : store::list_lines(tx, other->id)) {
      const auto same = std::ranges::find(kept, line.sku, &store::LineRow::sku);
      if (same == kept.end()) continue;
      // The same article in both: the larger wish counts, and nobody is surprised by a sum.
      if (line.quantity > same->quantity) {
        same->quantity = line.quantity;
        store::update_line(tx, *same);
      }
      store::delete_line(tx, other->id, line.id);
    }
    store::move_lines(tx, other->id, key.id, kept.empty() ? 0 : kept.back().position + 1);
    store::remove_cart(tx, other->id);
  });
  return get(call.unkeyed(), {key.id, {}, {}});
}

// Without the key: a repetition finds it completed by the same order.
void Carts::complete(const Call& call, const CompleteCart& wanted) {
  node_.db.write(call.unkeyed(), [&](Tx& tx) {
    if (!store::complete(tx, wanted.id, wanted.order_id, tx.now() + settings_.completed_kept_ms)) throw Problem::conflict("cart_completed", "The cart was completed by another order.");
  });
}

void Carts::remove_abandoned(const Call& call) {
  constexpr std::int64_t batch = 200;
  while (node_.db.write(call, [&](Tx& tx) { return store::remove_expired(tx, tx.now(), batch); }) == batch) {}
}

Cart Carts::view(const Call& call, const Content& content) {
  std::vector<std::string> skus;
  for (const auto& line : content.lines) skus.push_back(line.sku);
  Parts parts;
  if (!skus.empty()) {
    parts.variants = variants_of(call, skus);
    for (std::size_t at = 0; at < skus.size(); at += 1000) {
      const auto end = std::min(at + 1000, skus.size());
      for (const auto& one : others_.inventory.get_availability(call, {{skus.begin() + static_cast<std::ptrdiff_t>(at), skus.begin() + static_cast<std::ptrdiff_t>(end)}})) parts.available[one.sku] = one.available;
    }
  }
  const auto& row = content.cart;
  pricing::QuoteCart wanted;
  wanted.currency = row.currency;
  if (row.shipping_address) wanted.country = row.shipping_address->value.country;
  for (const auto& line : content.lines) {
    const auto variant = parts.variants.find(line.sku);
    wanted.lines.push_back({line.id.str(), line.sku, line.quantity, variant == parts.variants.end() ? std::vector<catalog::CategoryId>{} : variant->second.category_ids});
  }
  parts.quote = skus.empty() ? pricing::Quote{row.currency, {}, {}, {}, "half_even_per_line", {}} : others_.pricing.quote(call, wanted);
  auto cart = assembled(row, content.lines, parts);
  if (row.delivery_method_id && row.shipping_address) {
    auto in_language = call;
    in_language.language = row.language;
    const auto options = others_.shipping.get_options(in_language, {row.shipping_address->value.country, row.currency, weight_of(cart), cart.totals.lines});
    const auto chosen = std::ranges::find(options, *row.delivery_method_id, &shipping::DeliveryOption::method_id);
    if (chosen != options.end()) {
      wanted.lines.clear();
      wanted.delivery = chosen->amount;
      add_delivery(cart, *chosen, others_.pricing.quote(call, wanted));
    }
  }
  add_requirements(cart, parts);
  return cart;
}

}  // namespace polyshop::cart
