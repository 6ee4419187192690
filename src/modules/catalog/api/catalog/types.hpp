#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernel/json/codec.hpp"

namespace polyshop::catalog {

using ProductId = Id<"prod">;
using CategoryId = Id<"cat">;

// A stock keeping unit: what is priced, stocked, ordered. Unique in the shop, compared to the letter, and never reused.
using Sku = Text<1, 64>;
// What stands in a storefront's address: lower-case letters, digits and hyphens. Unique per kind.
using Handle = Text<1, 160>;

enum class State { draft, published };
BOOST_DESCRIBE_ENUM(State, draft, published)

struct ProductText {
  Text<1, 300> name;
  std::optional<Text<0, 10000>> description;
  bool operator==(const ProductText&) const = default;
};
BOOST_DESCRIBE_STRUCT(ProductText, (), (name, description))
using ProductTexts = std::map<std::string, ProductText>;  // by language, ISO 639-1

struct CategoryText {
  Text<1, 200> name;
  bool operator==(const CategoryText&) const = default;
};
BOOST_DESCRIBE_STRUCT(CategoryText, (), (name))
using CategoryTexts = std::map<std::string, CategoryText>;

// What variants differ by: "size" with its values in their order.
struct Option {
  Text<1, 60> name;
  std::vector<Text<1, 100>> values;
  bool operator==(const Option&) const = default;
};
BOOST_DESCRIBE_STRUCT(Option, (), (name, values))

// A picture or a film that lies elsewhere.
struct Media {
  Text<1, 2000> url;
  std::optional<Text<0, 300>> alt;
  bool operator==(const Media&) const = default;
};
BOOST_DESCRIBE_STRUCT(Media, (), (url, alt))

struct Variant {
  Sku sku;
  std::map<std::string, std::string> option_values;  // the product's options by name
  Range<0, 1'000'000'000> weight_g;
  bool operator==(const Variant&) const = default;
};
BOOST_DESCRIBE_STRUCT(Variant, (), (sku, option_values, weight_g))

struct Product {
  ProductId id;
  std::string handle;
  State state = State::draft;
  ProductTexts texts;
  std::vector<CategoryId> category_ids;  // the first is its main one: taxes and shipping go by it
  std::vector<Option> options;
  std::vector<Media> media;
  std::vector<Variant> variants;
  std::int64_t version = 0;
  Timestamp created_ms = 0;
  Timestamp updated_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Product, (), (id, handle, state, texts, category_ids, options, media, variants, version, created_ms, updated_ms))

struct Category {
  CategoryId id;
  std::optional<CategoryId> parent_id;
  std::string handle;
  CategoryTexts texts;
  std::int64_t position = 0;  // among its siblings
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(Category, (), (id, parent_id, handle, texts, position, version))

// The text in a language, else in English, else in any.
template <class Texts>
const auto& text_in(const Texts& texts, const std::string& language) {
  static const typename Texts::mapped_type none{};
  if (const auto found = texts.find(language); found != texts.end()) return found->second;
  if (const auto found = texts.find("en"); found != texts.end()) return found->second;
  return texts.empty() ? none : texts.begin()->second;
}

}  // namespace polyshop::catalog
