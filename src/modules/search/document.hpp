#pragma once

#include "catalog/types.hpp"
#include "inventory/facade.hpp"
#include "words.hpp"

// The document of a product: what a storefront sees of it and what it is found by, made from what three modules say. Pure
// functions: the same sources always give the same document.
namespace polyshop::search {

// What an answer depends on that is kept (http::ResponseCache). Whatever shows a product depends on its id; lists also on
// which products there are, on their categories, names, options and words (this goes for what stands in for a language, too), and
// where the list asks for them, on prices or availability.
constexpr std::string_view lists_name = "search.lists";
constexpr std::string_view lists_by_price_name = "search.lists.price";
constexpr std::string_view lists_by_availability_name = "search.lists.availability";

using catalog::CategoryId;
using catalog::Product;
using catalog::ProductId;
using inventory::Band;

// --- what a storefront sees ------------------------------------------------------------------------------------------

struct StoreCategory {
  CategoryId id;
  std::string handle;
  std::string name;
  bool operator==(const StoreCategory&) const = default;
};
BOOST_DESCRIBE_STRUCT(StoreCategory, (), (id, handle, name))

struct StoreVariant {
  catalog::Sku sku;
  std::map<std::string, std::string> option_values;
  std::int64_t weight_g = 0;
  std::vector<Money> prices;  // at most one for each currency
  Band availability = Band::sold_out;
};
BOOST_DESCRIBE_STRUCT(StoreVariant, (), (sku, option_values, weight_g, prices, availability))

// A published product in one language.
struct StoreProduct {
  ProductId id;
  std::string handle;
  std::string name;
  std::optional<std::string> description;
  std::vector<StoreCategory> categories;  // the main one first
  std::vector<catalog::Option> options;
  std::vector<catalog::Media> media;
  std::vector<StoreVariant> variants;
  std::vector<Money> price_from;          // the lowest price in each currency
  Band availability = Band::sold_out;     // the best of its variants
  std::int64_t version = 0;               // of the product in the catalog
  Timestamp created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(StoreProduct, (), (id, handle, name, description, categories, options, media, variants, price_from, availability, version, created_ms))

// --- from what, into what --------------------------------------------------------------------------------------------

struct SkuSource {
  std::string sku;
  std::vector<Money> prices;
  Band band = Band::sold_out;
};

struct Sources {
  Product product;
  std::vector<catalog::Category> categories;  // its own and all above, those that are known
  std::vector<SkuSource> skus;                // those of which prices or a band are known
  std::vector<std::string> languages;         // to render it in
};

struct Page {
  std::string language;
  std::string name_key;
  std::string digest;
  std::string body;
  bool operator==(const Page&) const = default;
};
BOOST_DESCRIBE_STRUCT(Page, (), (language, name_key, digest, body))

struct Choice {
  std::int64_t variant = 0;
  std::string choice;
  bool is_first = false;
  bool is_available = false;
  bool operator==(const Choice&) const = default;
};
BOOST_DESCRIBE_STRUCT(Choice, (), (variant, choice, is_first, is_available))

struct Head {
  ProductId product_id;
  std::string handle;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
  Band availability = Band::sold_out;
  bool is_available = false;
  std::int64_t languages = 0;
  std::string words_digest;
  bool operator==(const Head&) const = default;
};
BOOST_DESCRIBE_STRUCT(Head, (), (product_id, handle, version, created_ms, availability, is_available, languages, words_digest))

struct Document {
  Head head;
  std::vector<Page> pages;             // by language
  std::vector<Money> prices;           // the lowest, by currency
  std::vector<CategoryId> placements;  // by id
  std::vector<Choice> choices;         // by variant and choice
  bool operator==(const Document&) const = default;
};

struct Rendered {
  Document document;
  Words words;
};
Rendered render(const Sources& sources);

// The names of what depends on a product's document and is another one after a change of it. Null where there is none.
std::vector<std::string> concerned_by_change(const ProductId& id, const Document* before, const Document* after);

// How an option's value is kept and compared: ["size","M"].
std::string choice_of(const std::string& name, const std::string& value);

// The body of a page with the prices in one currency only.
std::string narrowed(std::string_view body, Currency currency);

}  // namespace polyshop::search
