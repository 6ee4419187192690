#pragma once

#include "bus/node.hpp"
#include "document.hpp"

namespace polyshop::search {

// "-price" in a query: what a list is put in order by.
struct Sort {
  enum class By { relevance, name, price, created };
  By by = By::created;
  bool is_descending = true;
  bool operator==(const Sort&) const = default;
  static std::optional<Sort> parse(std::string_view text);
  std::string_view text() const;
};

// A parameter that is true or false.
struct Flag {
  bool value = false;
};

enum class Count { none, exact };
BOOST_DESCRIBE_ENUM(Count, none, exact)

using Amount = Range<0, std::numeric_limits<std::int64_t>::max()>;  // in minor units of `currency`

struct ListProducts {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<Sort> sort;                      // relevance where q is given, else -created
  std::optional<Text<1, 200>> q;                 // words that all occur, the last perhaps only begun
  std::optional<Text<1, 160>> filter_category;   // an id or a handle; what lies below it is in it
  std::optional<Amount> filter_price_min;        // of the lowest price, in `currency`
  std::optional<Amount> filter_price_max;
  std::optional<Flag> filter_available;          // whether a variant that has the options can be had
  std::optional<Text<1, 800>> filter_option;     // size:M,colour:red are options that one variant has; a backslash before a comma, colon or backslash that belongs to the text
  std::optional<Currency> currency;              // show prices in it alone; needed for prices in order or in a range
  std::optional<Flag> facets;
  std::optional<Count> count;
};
BOOST_DESCRIBE_STRUCT(ListProducts, (), (limit, cursor, sort, q, filter_category, filter_price_min, filter_price_max, filter_available, filter_option, currency, facets, count))

struct GetProduct {
  std::optional<Currency> currency;
  std::optional<Range<1, std::numeric_limits<std::int64_t>::max()>> min_version;  // wait for it, up to a second
};
BOOST_DESCRIBE_STRUCT(GetProduct, (), (currency, min_version))

// How many products of a list have what; the 200 most frequent categories and option values.
struct CategoryFacet {
  CategoryId id;
  std::string handle;
  std::string name;
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(CategoryFacet, (), (id, handle, name, count))
struct AvailabilityFacet {
  Band availability = Band::sold_out;
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(AvailabilityFacet, (), (availability, count))
struct ValueFacet {
  std::string value;
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(ValueFacet, (), (value, count))
struct OptionFacet {
  std::string name;
  std::vector<ValueFacet> values;
};
BOOST_DESCRIBE_STRUCT(OptionFacet, (), (name, values))
struct PriceFacet {
  Money min;  // of the lowest prices
  Money max;
};
BOOST_DESCRIBE_STRUCT(PriceFacet, (), (min, max))
struct Facets {
  std::vector<CategoryFacet> categories;
  std::vector<AvailabilityFacet> availability;
  std::vector<OptionFacet> options;
  std::vector<PriceFacet> prices;  // one for each currency
};
BOOST_DESCRIBE_STRUCT(Facets, (), (categories, availability, options, prices))

// What storefronts read, from the documents alone.
class Storefront {
 public:
  // A condition that finds fewer than `few` products leads: they are fetched and put in order. Of conditions that find more,
  // the order leads, and enough products are met soon. Either way some thousand rows are looked at, not all there are.
  explicit Storefront(bus::Node& node, std::int64_t few = 4000) : node_(node), few_(few) {}

  struct Found {
    std::string body;
    std::string etag;
    std::string depends_on;  // the product's id, or lists_name
  };
  // A product by id or handle. Nothing where its document is older than wanted.min_version; throws not_found where there is none.
  std::optional<Found> find(const Call& call, const std::string& id_or_handle, const GetProduct& wanted);
  struct List {
    http::Listed<json::Raw> page;
    std::vector<std::string> depends_on;  // names as document.hpp has them
  };
  List list(const Call& call, const ListProducts& wanted);

 private:
  bus::Node& node_;
  const std::int64_t few_;
};

// "size:M,colour:red" as ["size","M"] and ["colour","red"]. Throws Problem 422 `malformed_option`, also for more than five.
std::vector<std::string> choices_of(std::string_view filter);

}  // namespace polyshop::search

namespace polyshop::json {

template <>
struct Codec<search::Sort> {
  static void write(std::string& out, const search::Sort& value) { write_string(out, value.text()); }
  static void read(const Value& json, search::Sort& value, Faults& faults);
  static Object schema(Schemas& schemas);
};

template <>
struct Codec<search::Flag> {
  static void write(std::string& out, const search::Flag& value) { out += value.value ? "true" : "false"; }
  static void read(const Value& json, search::Flag& value, Faults& faults);
  static Object schema(Schemas&) { return {{"type", "boolean"}}; }
};

}  // namespace polyshop::json
