#pragma once

#include "document.hpp"
#include "kernel/db/database.hpp"

// Every SQL statement of the module, one function each: the sources and the documents in store.cpp, lists in store_lists.cpp.
namespace polyshop::search::store {

// --- the sources -----------------------------------------------------------------------------------------------------

// Each answers whether it was news: an event of an older version changes nothing.
enum class News { none, added, changed };
News put_product(Tx& tx, const ProductId& id, std::int64_t version, const Product* published);  // null for a draft, or none
bool put_category(Tx& tx, const catalog::Category& category);
bool remove_category(Tx& tx, const CategoryId& id, std::int64_t version);

// What the last statement knows of the SKU's product: nothing where the event was old, or the product is not published.
std::optional<ProductId> put_prices(Tx& tx, const std::string& sku, const std::vector<Money>& prices, std::int64_t version);
std::optional<ProductId> put_band(Tx& tx, const std::string& sku, Band band, std::int64_t version);

// Of a product that may have others.
void delete_memberships(Tx& tx, const ProductId& id);
std::vector<std::string> list_skus_of(Tx& tx, const ProductId& id);
void insert_memberships(Tx& tx, const ProductId& id, const std::vector<CategoryId>& categories);
void replace_skus(Tx& tx, const ProductId& id, std::vector<std::string> before, const std::vector<catalog::Variant>& variants);
bool add_language(Tx& tx, const std::string& language);  // true where it is new

void mark_stale(Tx& tx, const ProductId& id);
void mark_stale_in_category(Tx& tx, const CategoryId& id);  // and below it
void mark_all_stale(Tx& tx);
std::int64_t count_stale(Tx& tx);
bool is_stale(Tx& tx, const ProductId& id);
std::vector<ProductId> take_stale(Tx& tx, std::int64_t limit);

struct KnownProduct {
  ProductId id;
  std::int64_t version = 0;
  bool is_published = false;
};
BOOST_DESCRIBE_STRUCT(KnownProduct, (), (id, version, is_published))
std::vector<KnownProduct> list_products(Tx& tx, const std::optional<ProductId>& after, std::int64_t limit);  // by id

struct KnownSku {
  std::string sku;
  db::Json<std::vector<Money>> prices;
  std::int64_t price_version = 0;
  Band band = Band::sold_out;
  std::int64_t band_version = 0;
};
BOOST_DESCRIBE_STRUCT(KnownSku, (), (sku, prices, price_version, band, band_version))
std::vector<KnownSku> list_skus(Tx& tx, const std::string& after, std::int64_t limit);  // by SKU
std::vector<catalog::Category> list_categories(Tx& tx);                                 // by id

std::vector<std::string> list_languages(Tx& tx);  // in the order in which they came
std::optional<Sources> find_sources(Tx& tx, const ProductId& id, const std::vector<std::string>& languages);  // of a published product

// --- the documents ---------------------------------------------------------------------------------------------------

std::optional<Document> find_document(Tx& tx, const ProductId& id);
// Writes what differs from `before`, but for the words.
void put_document(Tx& tx, const std::optional<Document>& before, const Document& document);
struct NewWords {
  ProductId id;
  Words words;
};
void put_words(Tx& tx, std::span<const NewWords> all);
void delete_document(Tx& tx, const ProductId& id);
// Whether the document, its words included, is what its sources make it, or absent where they make none.
bool is_document_right(Tx& tx, const ProductId& id, const std::vector<std::string>& languages);

// --- reading ---------------------------------------------------------------------------------------------------------

struct Shown {
  ProductId product_id;
  std::string digest;
  std::string body;
};
BOOST_DESCRIBE_STRUCT(Shown, (), (product_id, digest, body))
std::optional<Shown> find_page(Tx& tx, const ProductId& id, const std::string& language);
std::optional<Shown> find_page_by_handle(Tx& tx, const std::string& handle, const std::string& language);
std::int64_t document_version(Tx& tx, const ProductId& id);  // of the product that is shown; 0 where none is
std::int64_t shown_version(Tx& tx, const ProductId& id);  // that is rendered, if only as absent; 0 where none is, or it is about to be

// The language that lists are in when this one is asked for: itself where every document is rendered in it, else English,
// else the first that is.
std::string find_language(Tx& tx, const std::string& language);
std::optional<CategoryId> find_category(Tx& tx, const std::string& id_or_handle);

// A list that is asked for. Products are found by the condition that the driver names and have to meet all others; choices
// that are not used are empty.
struct Query {
  std::string driver;  // words, category, price, option, availability or all
  std::string words;
  std::string in_title;
  std::string in_labels;
  std::optional<CategoryId> category;
  bool is_priced = false;
  std::optional<Currency> currency;
  std::int64_t price_min = 0;
  std::int64_t price_max = std::numeric_limits<std::int64_t>::max();
  std::int64_t options = 0;  // how many of these are used
  std::string choice1, choice2, choice3, choice4, choice5;
  std::string lead;          // the rarest of them
  std::int64_t available_min = 0;
  std::int64_t available_max = 1;

  std::string ordering;  // relevance, name, price or created
  std::string language;
  std::string text_key;  // after which product: its keys in this order
  std::int64_t number_key = 0;
  std::string id;
  std::int64_t limit = 0;
};
BOOST_DESCRIBE_STRUCT(Query, (), (driver, words, in_title, in_labels, category, is_priced, currency, price_min, price_max, options, choice1, choice2, choice3, choice4, choice5, lead,
                                 available_min, available_max, ordering, language, text_key, number_key, id, limit))

struct Hit {
  ProductId product_id;
  std::string text_key;
  std::int64_t number_key = 0;
  std::string body;
};
BOOST_DESCRIBE_STRUCT(Hit, (), (product_id, text_key, number_key, body))

// How many products a condition alone finds; counts no further than `limit`.
std::int64_t count_in_category(Tx& tx, const CategoryId& category, std::int64_t limit);
std::int64_t count_priced(Tx& tx, const Query& query, std::int64_t limit);
std::int64_t count_with_choice(Tx& tx, const std::string& choice, std::int64_t limit);
std::int64_t count_available(Tx& tx, bool is_available, std::int64_t limit);

// In the order of an index, passing over what does not meet the conditions.
std::vector<Hit> walk(Tx& tx, const Query& query, bool is_descending);
// All that the driver finds, put in order.
std::vector<Hit> gather(Tx& tx, const Query& query, bool is_descending);

std::int64_t count(Tx& tx, const Query& query);
struct CategoryCount {
  CategoryId id;
  std::string handle;
  db::Json<catalog::CategoryTexts> texts;
  std::int64_t products = 0;
};
BOOST_DESCRIBE_STRUCT(CategoryCount, (), (id, handle, texts, products))
std::vector<CategoryCount> count_by_category(Tx& tx, const Query& query, std::int64_t values_max);
struct BandCount {
  Band band = Band::sold_out;
  std::int64_t products = 0;
};
BOOST_DESCRIBE_STRUCT(BandCount, (), (band, products))
std::vector<BandCount> count_by_band(Tx& tx, const Query& query);
struct ChoiceCount {
  db::Json<std::vector<std::string>> choice;
  std::int64_t products = 0;
};
BOOST_DESCRIBE_STRUCT(ChoiceCount, (), (choice, products))
std::vector<ChoiceCount> count_by_choice(Tx& tx, const Query& query, std::int64_t values_max);
struct PriceRange {
  Currency currency;
  std::int64_t min = 0;
  std::int64_t max = 0;
};
BOOST_DESCRIBE_STRUCT(PriceRange, (), (currency, min, max))
std::vector<PriceRange> price_ranges(Tx& tx, const Query& query);

}  // namespace polyshop::search::store
