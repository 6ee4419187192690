#include "document.hpp"

#include <set>

#include "kernel/security/token.hpp"

namespace polyshop::search {
namespace {

void add_words(std::vector<std::string>& to, std::string_view text) {
  for (auto& word : words_of(text)) to.push_back(std::move(word));
}

Words words_in(const Sources& sources) {
  std::vector<std::string> title, labels, details;
  for (const auto& [language, text] : sources.product.texts) {
    add_words(title, text.name);
    if (text.description) add_words(details, *text.description);
  }
  for (const auto& variant : sources.product.variants) {
    add_words(title, variant.sku);
    for (const auto& [name, value] : variant.option_values) add_words(labels, value);
  }
  for (const auto& category : sources.categories)
    for (const auto& [language, text] : category.texts) add_words(labels, text.name);
  return {joined(std::move(title)), joined(std::move(labels)), joined(std::move(details))};
}

// All that is the same in every language.
StoreProduct without_texts(const Sources& sources) {
  const auto& product = sources.product;
  StoreProduct shown;
  shown.id = product.id;
  shown.handle = product.handle;
  shown.options = product.options;
  shown.media = product.media;
  shown.version = product.version;
  shown.created_ms = product.created_ms;
  std::map<std::string_view, const SkuSource*> skus;
  for (const auto& sku : sources.skus) skus[sku.sku] = &sku;
  std::map<Currency, std::int64_t> lowest;
  for (const auto& variant : product.variants) {
    auto& out = shown.variants.emplace_back(StoreVariant{variant.sku, variant.option_values, variant.weight_g, {}, Band::sold_out});
    const auto found = skus.find(variant.sku);
    if (found == skus.end()) continue;
    out.prices = found->second->prices;
    std::ranges::sort(out.prices, {}, &Money::currency);
    for (const auto& price : out.prices) {
      const auto [at, is_new] = lowest.emplace(price.currency, price.amount);
      if (!is_new) at->second = std::min(at->second, price.amount);
    }
    out.availability = found->second->band;
    shown.availability = std::max(shown.availability, out.availability);
  }
  for (const auto& [currency, amount] : lowest) shown.price_from.push_back({amount, currency});
  return shown;
}

std::vector<Choice> choices_in(const StoreProduct& shown) {
  std::vector<Choice> choices;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < shown.variants.size(); ++i)
    for (const auto& [name, value] : shown.variants[i].option_values) {
      auto choice = choice_of(name, value);
      const bool is_first = seen.insert(choice).second;
      choices.push_back({static_cast<std::int64_t>(i), std::move(choice), is_first, shown.variants[i].availability != Band::sold_out});
    }
  std::ranges::sort(choices, {}, [](const auto& c) { return std::tie(c.variant, c.choice); });
  return choices;
}

// Whether all lists have both at the same place that ask for neither prices nor availability.
bool are_found_alike(const Document& a, const Document& b) {
  const auto of_head = [](const Head& head) { return std::tie(head.handle, head.created_ms, head.languages, head.words_digest); };
  const auto of_page = [](const Page& page) { return std::tie(page.language, page.name_key); };
  const auto of_choice = [](const Choice& choice) { return std::tie(choice.variant, choice.choice, choice.is_first); };
  return of_head(a.head) == of_head(b.head) && a.placements == b.placements && std::ranges::equal(a.pages, b.pages, {}, of_page, of_page) && std::ranges::equal(a.choices, b.choices, {}, of_choice, of_choice);
}

}  // namespace

Rendered render(const Sources& sources) {
  auto shown = without_texts(sources);
  auto words = words_in(sources);
  Document document;
  document.head = {shown.id, shown.handle, shown.version, shown.created_ms, shown.availability, shown.availability != Band::sold_out, static_cast<std::int64_t>(sources.languages.size()), words.digest()};
  document.prices = shown.price_from;
  document.choices = choices_in(shown);
  for (const auto& category : sources.categories) document.placements.push_back(category.id);
  std::ranges::sort(document.placements);
  for (const auto& language : sources.languages) {
    const auto& text = catalog::text_in(sources.product.texts, language);
    shown.name = text.name;
    shown.description = text.description;
    shown.categories.clear();
    for (const auto& id : sources.product.category_ids) {
      const auto category = std::ranges::find(sources.categories, id, &catalog::Category::id);
      if (category != sources.categories.end()) shown.categories.push_back({id, category->handle, catalog::text_in(category->texts, language).name});
    }
    auto body = json::to_text(shown);
    auto digest = sha256_hex(body).substr(0, 32);
    document.pages.push_back({language, sort_key_of(text.name), std::move(digest), std::move(body)});
  }
  std::ranges::sort(document.pages, {}, &Page::language);
  return {std::move(document), std::move(words)};
}

std::vector<std::string> concerned_by_change(const ProductId& id, const Document* before, const Document* after) {
  if (!before || !after) return before == after ? std::vector<std::string>{} : std::vector{id.str(), std::string(lists_name)};
  std::vector<std::string> names;
  if (before->pages != after->pages) names.push_back(id.str());
  if (!are_found_alike(*before, *after)) names.emplace_back(lists_name);
  if (before->prices != after->prices) names.emplace_back(lists_by_price_name);
  if (before->head.availability != after->head.availability || before->choices != after->choices) names.emplace_back(lists_by_availability_name);
  return names;
}

std::string choice_of(const std::string& name, const std::string& value) { return json::to_text(std::vector{name, value}); }

// Works on the text, since a body is read far more often than it is written. A quote within a string is escaped, so what
// is looked for below can only be a member's name and its array.
std::string narrowed(std::string_view body, Currency currency) {
  std::string wanted = R"("currency":")";
  wanted.append(currency.code()).append("\"}");
  std::string out;
  out.reserve(body.size());
  while (true) {
    auto at = body.find(R"("price)");
    while (at != std::string_view::npos && !body.substr(at + 6).starts_with(R"(s":[)") && !body.substr(at + 6).starts_with(R"(_from":[)")) at = body.find(R"("price)", at + 1);
    if (at == std::string_view::npos) break;
    at = body.find('[', at) + 1;
    out += body.substr(0, at);
    body.remove_prefix(at);
    while (body.starts_with('{')) {
      const auto end = body.find('}') + 1;
      if (body.substr(0, end).ends_with(wanted)) out += body.substr(0, end);
      body.remove_prefix(end);
      if (body.starts_with(',')) body.remove_prefix(1);
    }
  }
  return out += body;
}

}  // namespace polyshop::search
