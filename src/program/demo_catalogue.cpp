#include "program/demo_catalogue.hpp"

#include <fmt/format.h>

#include "program/demo_goods.hpp"

namespace polyshop::demo {
namespace {

constexpr Words promises[] = {
    {"Delivered within three days; may come back within sixty.", "In drei Tagen geliefert; darf sechzig Tage lang zurück."},
    {"If it breaks, we repair it.", "Wenn etwas kaputtgeht, reparieren wir es."},
    {"Used on our own trips before it came into the shop.", "Auf eigenen Touren benutzt, bevor es in den Laden kam."},
    {"We have had it in the range since the first year.", "Seit dem ersten Jahr in unserem Sortiment."},
};

// FNV-1a: what looks like chance is the same on every machine.
std::size_t chance(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
  return static_cast<std::size_t>(hash ^ (hash >> 32));
}

template <class T>
const T& chosen(std::span<const T> from, std::string_view by) {
  return from[chance(by) % from.size()];
}

std::int64_t rounded_to(std::int64_t step, std::int64_t amount) { return (amount + step / 2) / step * step; }

std::int64_t euros(int cents, int percent) { return percent == 0 ? cents : rounded_to(50, cents * (100 + percent) / 100); }

// Prices that a British shop would print, not a rate of exchange.
std::int64_t pounds(std::int64_t cents) {
  const auto pence = cents * 86 / 100;
  return rounded_to(pence < 2000 ? 25 : 100, pence);
}

std::int64_t stock_of(std::string_view sku) {
  const auto roll = chance(sku) % 80;
  if (roll == 0) return 0;
  if (roll <= 3) return static_cast<std::int64_t>(roll);
  return static_cast<std::int64_t>(8 + roll);
}

catalog::ProductText text(const char* name, std::initializer_list<const char*> sentences) {
  std::string description;
  for (const auto* sentence : sentences) description += (description.empty() ? "" : " ") + std::string(sentence);
  return {Text<1, 300>(name), Text<0, 10000>(description)};
}

// The values of its choices that an item comes in.
std::vector<Choice> choices_of(const Shelf& shelf, const Item& item) {
  if (item.is_plain) return {};
  auto choices = shelf.choices;
  for (auto& choice : choices) {
    if (!choice.is_some) continue;
    const auto from = chance(item.name.en);
    std::vector<Value> some;
    for (std::size_t i = 0; i < 2 + from / 7 % 2; ++i) some.push_back(choice.values[(from + i) % choice.values.size()]);
    choice.values = std::move(some);
  }
  return choices;
}

Product product_of(const Shelf& shelf, std::size_t number, const Item& item) {
  static const auto eur = *Currency::parse("EUR");
  static const auto gbp = *Currency::parse("GBP");
  Product product;
  product.category = shelf.handle;
  auto& wanted = product.wanted;
  wanted.state = catalog::State::published;
  const auto& use = chosen<Words>(shelf.uses, fmt::format("use {}", item.name.en));
  const auto& make = chosen<Words>(shelf.makes, fmt::format("make {}", item.name.en));
  const auto& promise = chosen<Words>(promises, item.name.en);
  wanted.texts["en"] = text(item.name.en, {use.en, make.en, promise.en});
  wanted.texts["de"] = text(item.name.de, {use.de, make.de, promise.de});

  struct Draft {
    std::string sku;
    std::map<std::string, std::string> option_values;
    int price_percent = 0;
    int weight_percent = 0;
  };
  std::vector<Draft> drafts{{fmt::format("{}-{:02}", shelf.sku, number), {}}};
  wanted.options.emplace();
  for (const auto& choice : choices_of(shelf, item)) {
    auto& option = wanted.options->emplace_back(catalog::Option{Text<1, 60>(choice.name), {}});
    std::vector<Draft> longer;
    for (const auto& value : choice.values) {
      option.values.emplace_back(value.name);
      for (auto draft : drafts) {
        draft.sku += fmt::format("-{}", value.code);
        draft.option_values[choice.name] = value.name;
        draft.price_percent += value.price_percent;
        draft.weight_percent += value.weight_percent;
        longer.push_back(std::move(draft));
      }
    }
    drafts = std::move(longer);
  }
  for (auto& draft : drafts) {
    const auto cents = euros(item.price_cents, draft.price_percent);
    product.prices.push_back({0, draft.sku, {{cents, eur}, {pounds(cents), gbp}}});
    product.stock.push_back({0, draft.sku, stock_of(draft.sku), {}});
    wanted.variants.push_back({catalog::Sku(draft.sku), std::move(draft.option_values), item.weight_g * (100 + draft.weight_percent) / 100});
  }
  return product;
}

}  // namespace

Catalogue catalogue() {
  Catalogue all;
  const auto category = [&](const char* handle, std::optional<std::string> parent, const Words& name) {
    all.categories.push_back({handle, std::move(parent), {{"en", {Text<1, 200>(name.en)}}, {"de", {Text<1, 200>(name.de)}}}});
  };
  for (const auto& department : departments()) {
    category(department.handle, {}, department.name);
    for (const auto& shelf : department.shelves) {
      category(shelf.handle, department.handle, shelf.name);
      for (std::size_t i = 0; i < shelf.items.size(); ++i) all.products.push_back(product_of(shelf, i + 1, shelf.items[i]));
    }
  }
  return all;
}

}  // namespace polyshop::demo
