#include "shopload/goods.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "kernel/json/codec.hpp"
#include "live/shopper.hpp"

namespace polyshop::load {

// Answers, as far as they are looked at.
struct ListedVariant {
  std::string sku;
  std::string availability;
  std::vector<Money> prices;
};
BOOST_DESCRIBE_STRUCT(ListedVariant, (), (sku, availability, prices))

struct ListedCategory {
  std::string handle;
};
BOOST_DESCRIBE_STRUCT(ListedCategory, (), (handle))

struct ListedProduct {
  std::string id;
  std::string name;
  std::vector<ListedCategory> categories;
  std::vector<ListedVariant> variants;
};
BOOST_DESCRIBE_STRUCT(ListedProduct, (), (id, name, categories, variants))

struct ListPaging {
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(ListPaging, (), (next_cursor))

struct ProductList {
  std::vector<ListedProduct> data;
  ListPaging page;
};
BOOST_DESCRIBE_STRUCT(ProductList, (), (data, page))

struct Option {
  std::string method_id;
  std::int64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Option, (), (method_id, amount))

struct Options {
  std::vector<Option> data;
};
BOOST_DESCRIBE_STRUCT(Options, (), (data))

namespace {

constexpr std::size_t page_size = 20;
constexpr std::size_t pages_max = 50;     // of the plain list: what shoppers leaf through
constexpr std::size_t words_max = 2'000;
constexpr std::size_t letters_min = 4;    // of a word worth searching for
constexpr std::size_t letters_max = 30;

ProductList list(live::Connection& connection, const std::string& target) {
  return json::from_text<ProductList>(connection.send(http::Method::get, target, {}, {}, 200).body, json::Mode::lenient);
}

void add_words(const std::string& name, std::set<std::string>& words) {
  std::string word;
  for (const char c : name + ' ') {
    const auto lower = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (lower >= 'a' && lower <= 'z') {
      word += lower;
      continue;
    }
    // A word that goes on with another letter than ASCII's is left out: it would have to be written in percents.
    if (static_cast<unsigned char>(c) < 0x80 && word.size() >= letters_min && word.size() <= letters_max && words.size() < words_max) words.insert(word);
    word.clear();
    if (static_cast<unsigned char>(c) >= 0x80) return;
  }
}

std::optional<GoodsProduct> bought_as(const ListedProduct& listed, Currency currency) {
  GoodsProduct product{listed.id, {}};
  for (const auto& variant : listed.variants) {
    const auto price = std::ranges::find(variant.prices, currency, &Money::currency);
    if (variant.availability != "sold_out" && price != variant.prices.end()) product.variants.push_back({variant.sku, price->amount});
  }
  if (product.variants.empty()) return {};
  return product;
}

void find_delivery(live::Connection& connection, Goods& goods) {
  live::Shopper::Cart cart;
  const auto& variant = goods.products.front().variants.front();
  const auto created = connection.send(http::Method::post, "/v1/store/carts", fmt::format(R"({{"currency":"{}"}})", goods.currency.code()), {}, 201, false);
  cart.id = json::from_text<live::PlacedOrder>(created.body, json::Mode::lenient).id;
  const live::Fields key{{"Cart-Token", std::string(created.field("Cart-Token"))}};
  const auto address = "/v1/store/carts/" + cart.id;
  connection.send(http::Method::post, address + "/lines", json::to_text(live::WantedLine{variant.sku, 1}), key);
  connection.send(http::Method::patch, address, fmt::format(R"({{"shipping_address":{{"name":"Rosa Shopper","line1":"1 Market Street","city":"Townsville","country":"{}"}}}})", goods.country), key);
  const auto options = json::from_text<Options>(connection.send(http::Method::get, address + "/delivery-options", {}, key, 200).body, json::Mode::lenient).data;
  if (options.empty()) throw Problem::conflict("no_delivery", fmt::format("The shop delivers nothing to {}. Name another country with --country.", goods.country));
  goods.delivery_method = options.front().method_id;
  const auto chosen = connection.send(http::Method::put, address + "/delivery", fmt::format(R"({{"method_id":"{}"}})", goods.delivery_method), key, 200);
  const auto total = json::from_text<live::PlacedOrder>(chosen.body, json::Mode::lenient).totals.total;
  if (total != variant.price + options.front().amount)
    throw Problem::conflict("total_unclear", fmt::format("One {} for {} with a delivery for {} costs {} in {}: taxes come on top, so totals cannot be checked. Name another country with --country.", variant.sku, variant.price, options.front().amount, total, goods.country));
}

}  // namespace

Goods find_goods(int port, Currency currency, const std::string& country, std::size_t products_max) {
  live::Connection connection(port);
  Goods goods;
  goods.currency = currency;
  goods.country = country;
  std::set<std::string> words;
  std::set<std::string> categories;

  const auto plain = fmt::format("/v1/store/products?currency={}&limit={}", currency.code(), page_size);
  for (auto target = plain; goods.pages.size() < pages_max;) {
    const auto page = list(connection, target);
    if (page.data.empty()) break;
    goods.pages.push_back({target, page.data.size()});
    if (!page.page.next_cursor) break;
    target = plain + "&cursor=" + *page.page.next_cursor;
  }

  std::optional<std::string> cursor;
  do {
    const auto page = list(connection, fmt::format("/v1/store/products?currency={}&limit=100{}", currency.code(), cursor ? "&cursor=" + *cursor : ""));
    for (const auto& listed : page.data) {
      if (goods.products.size() == products_max) break;
      auto product = bought_as(listed, currency);
      if (!product) continue;
      goods.products.push_back(std::move(*product));
      add_words(listed.name, words);
      for (const auto& category : listed.categories) categories.insert(category.handle);
    }
    cursor = page.page.next_cursor;
  } while (cursor && goods.products.size() < products_max);
  if (goods.products.empty()) throw Problem::conflict("nothing_to_buy", fmt::format("The shop on port {} has nothing that can be bought in {}. Fill it, or name another currency with --currency.", port, currency.code()));

  goods.words.assign(words.begin(), words.end());
  for (const auto& category : categories)
    for (const auto* sort : {"price", "-price", "name"})
      goods.filtered.push_back({fmt::format("/v1/store/products?currency={}&limit={}&filter[category]={}&sort={}", currency.code(), page_size, category, sort), 0});
  find_delivery(connection, goods);
  return goods;
}

}  // namespace polyshop::load
