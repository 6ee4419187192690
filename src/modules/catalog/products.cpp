#include "products.hpp"

#include <set>

#include <fmt/format.h>

#include "catalog/events.hpp"
#include "store.hpp"

namespace polyshop::catalog {
namespace {

constexpr std::size_t variants_max = 100;
constexpr std::size_t document_size_max = 60'000;  // a product travels whole in an event of at most 64 KiB

template <class Texts>
std::vector<std::string> keys_of(const Texts& texts) {
  std::vector<std::string> keys;
  for (const auto& [key, text] : texts) keys.push_back(key);
  return keys;
}

void check_categories(Tx& tx, const Product& product) {
  for (std::size_t i = 0; i < product.category_ids.size(); ++i)
    if (!store::find_category(tx, product.category_ids[i]))
      throw Problem::invalid("unknown_category", fmt::format("There is no category {}.", product.category_ids[i].view()), fmt::format("/category_ids/{}", i));
}

void put_variants(Tx& tx, const Product& product) {
  if (const auto taken = store::insert_variants(tx, product))
    throw Problem::conflict("sku_taken", fmt::format("The SKU {} belongs to another product.", *taken), "/variants");
}

Problem handle_taken(const std::string& handle) { return Problem::conflict("handle_taken", fmt::format("The handle {} belongs to another product.", handle), "/handle"); }

Problem changed() { return Problem::precondition_failed("The product has changed since you read it; read it again and repeat your change."); }

void check_count(const std::vector<std::string>& skus) {
  if (skus.size() > 1000) throw Problem::invalid("too_many", "Ask for at most 1,000 SKUs at once.", "/skus");
}

}  // namespace

Product Products::create(const Call& call, const CreateProduct& wanted) {
  Product product;
  product.id = ProductId::make(call.now);
  product.texts = wanted.texts;
  product.handle = wanted.handle ? std::string(*wanted.handle) : handle_of(text_in(wanted.texts, call.language).name);
  product.state = wanted.state.value_or(State::draft);
  product.category_ids = wanted.category_ids.value_or(std::vector<CategoryId>{});
  product.options = wanted.options.value_or(std::vector<Option>{});
  product.media = wanted.media.value_or(std::vector<Media>{});
  product.variants = wanted.variants;
  product.version = 1;
  product.created_ms = product.updated_ms = call.now;
  check(product);
  return node_.db.write(call, [&](Tx& tx) {
    check_categories(tx, product);
    if (!store::insert_product(tx, product)) {
      if (wanted.handle) throw handle_taken(product.handle);
      product.handle += '-' + product.id.str().substr(ProductId::size - 6);  // a name may repeat, a handle may not
      if (!store::insert_product(tx, product)) throw handle_taken(product.handle);
    }
    store::insert_categories(tx, product);
    put_variants(tx, product);
    tx.publish(ProductChanged{product, product.version});
    return product;
  });
}

Product Products::change(const Call& call, const ProductId& id, std::int64_t version, const ChangeProduct& change) {
  return node_.db.write(call, [&](Tx& tx) {
    auto product = store::find_product(tx, id);
    if (!product) throw Problem::not_found("product", id.view());
    if (product->version != version) throw changed();
    if (change.handle.value) product->handle = *change.handle.value;
    change.state.apply_to(product->state);
    for (const auto& [language, text] : change.texts.value_or(std::map<std::string, Patch<ProductText>>{})) {
      if (text.value)
        product->texts[language] = *text.value;
      else
        product->texts.erase(language);
    }
    change.category_ids.apply_to(product->category_ids);
    change.options.apply_to(product->options);
    change.media.apply_to(product->media);
    change.variants.apply_to(product->variants);
    product->updated_ms = tx.now();
    check(*product);
    check_categories(tx, *product);
    if (store::is_handle_taken(tx, product->handle, id)) throw handle_taken(product->handle);
    if (!store::update_product(tx, *product)) throw changed();
    if (change.category_ids.value) store::replace_categories(tx, *product);
    if (change.variants.value) {
      store::delete_variants(tx, id);
      put_variants(tx, *product);
    }
    ++product->version;
    tx.publish(ProductChanged{*product, product->version});
    return *product;
  });
}

void Products::remove(const Call& call, const ProductId& id, std::int64_t version) {
  node_.db.write(call, [&](Tx& tx) {
    const auto product = store::find_product(tx, id);
    if (!product) throw Problem::not_found("product", id.view());
    if (!store::delete_product(tx, id, version)) throw changed();
    ProductRemoved removed{id, {}, version + 1};
    for (const auto& variant : product->variants) removed.skus.push_back(variant.sku);
    tx.publish(removed);
  });
}

Product Products::get(const Call& call, const ProductId& id) {
  auto product = node_.db.read(call, [&](Tx& tx) { return store::find_product(tx, id); });
  if (!product) throw Problem::not_found("product", id.view());
  return std::move(*product);
}

http::Listed<Product> Products::list(const Call& call, const ListProducts& wanted) {
  const auto after = http::cursor_as<ProductId>(wanted.cursor);
  const auto limit = wanted.limit ? static_cast<std::int64_t>(*wanted.limit) : 25;
  std::optional<std::string> query;
  if (wanted.q) {
    query = '%' + *wanted.q + '%';
    for (auto& c : *query) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  http::Listed<Product> page;
  page.data = node_.db.read(call, [&](Tx& tx) { return store::list_products(tx, after, wanted.filter_state, query, limit + 1); });
  if (static_cast<std::int64_t>(page.data.size()) > limit) {
    page.data.pop_back();
    page.next_cursor = http::cursor_of(page.data.back().id);
  }
  return page;
}

std::vector<Product> Products::export_page(const Call& call, const ExportProducts& wanted) {
  return node_.db.read(call, [&](Tx& tx) { return store::list_products(tx, wanted.after, {}, {}, std::clamp<std::int64_t>(wanted.limit, 1, 500)); });
}

std::vector<std::string> Products::find_skus(const Call& call, const FindSkus& wanted) {
  check_count(wanted.skus);
  return node_.db.read_once(call, [&](Tx& tx) { return store::find_skus(tx, {wanted.skus}); });
}

std::vector<SellableVariant> Products::find_variants(const Call& call, const FindVariants& wanted) {
  check_count(wanted.skus);
  const auto generation = node_.db.generation();
  std::map<std::string, SellableVariant> variants;
  db::Json<std::vector<std::string>> others;
  for (const auto& sku : std::set<std::string>(wanted.skus.begin(), wanted.skus.end())) {
    if (const auto kept = sellable_.find(sku))
      variants.emplace(sku, *kept);
    else
      others.value.push_back(sku);
  }
  if (!others.value.empty())
    for (auto& variant : node_.db.read_once(call, [&](Tx& tx) { return store::find_variants(tx, others); })) {
      sellable_.keep(generation, variant.sku, variant);
      variants.emplace(variant.sku, std::move(variant));
    }
  std::vector<SellableVariant> in_order;
  in_order.reserve(variants.size());
  for (auto& [sku, variant] : variants) in_order.push_back(std::move(variant));
  return in_order;
}

void check(const Product& product) {
  if (product.texts.empty()) throw Problem::invalid("text_required", "Give the product a name in at least one language.", "/texts");
  check_languages(keys_of(product.texts));
  check_handle(product.handle, "/handle");
  if (product.variants.empty() || product.variants.size() > variants_max)
    throw Problem::invalid("variants_out_of_range", fmt::format("A product has 1 to {} variants.", variants_max), "/variants");
  std::set<std::string> option_names, skus;
  for (std::size_t i = 0; i < product.options.size(); ++i)
    if (!option_names.insert(product.options[i].name).second) throw Problem::invalid("option_twice", fmt::format("The option {} stands twice.", product.options[i].name.str()), fmt::format("/options/{}/name", i));
  std::set<std::map<std::string, std::string>> combinations;
  for (std::size_t i = 0; i < product.variants.size(); ++i) {
    const auto& variant = product.variants[i];
    const auto pointer = fmt::format("/variants/{}", i);
    if (!skus.insert(variant.sku).second) throw Problem::invalid("sku_twice", fmt::format("The SKU {} stands twice.", variant.sku.str()), pointer + "/sku");
    for (const auto& option : product.options) {
      const auto chosen = variant.option_values.find(option.name);
      if (chosen == variant.option_values.end() || std::ranges::find(option.values, chosen->second, [](const auto& v) -> const std::string& { return v; }) == option.values.end())
        throw Problem::invalid("option_value_missing", fmt::format("Give the variant a value of the option {} that the product lists.", option.name.str()), pointer + "/option_values");
    }
    if (variant.option_values.size() != product.options.size()) throw Problem::invalid("unknown_option", "The variant names an option that the product has not.", pointer + "/option_values");
    if (!combinations.insert(variant.option_values).second) throw Problem::invalid("variant_twice", "Two variants have the same option values.", pointer + "/option_values");
  }
  std::set<CategoryId> categories;
  for (std::size_t i = 0; i < product.category_ids.size(); ++i)
    if (!categories.insert(product.category_ids[i]).second) throw Problem::invalid("category_twice", "The category stands twice.", fmt::format("/category_ids/{}", i));
  if (json::to_text(product).size() > document_size_max) throw Problem::invalid("product_too_large", fmt::format("A product with its texts, media and variants has at most {} bytes.", document_size_max));
}

void check_languages(const std::vector<std::string>& languages) {
  for (const auto& language : languages)
    if (language.size() != 2 || !std::ranges::all_of(language, [](char c) { return c >= 'a' && c <= 'z'; }))
      throw Problem::invalid("unknown_language", "Name a language by its two letters as of ISO 639-1, such as en.", "/texts/" + language);
}

void check_handle(const std::string& handle, const std::string& pointer) {
  const bool fits = !handle.empty() && handle.front() != '-' && handle.back() != '-' &&
                    std::ranges::all_of(handle, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (!fits) throw Problem::invalid("malformed_handle", "A handle has lower-case letters, digits and inner hyphens only.", pointer);
}

std::string handle_of(std::string_view name) {
  std::string handle;
  for (const unsigned char c : name) {
    if (std::isalnum(c) && c < 0x80)
      handle += static_cast<char>(std::tolower(c));
    else if (!handle.empty() && handle.back() != '-')
      handle += '-';
    if (handle.size() == 120) break;
  }
  while (handle.ends_with('-')) handle.pop_back();
  return handle.empty() ? "item" : handle;
}

}  // namespace polyshop::catalog
