#include <random>
#include <set>

#include "search_shop.hpp"

// Lists of some hundred generated products against a naive computation.
namespace polyshop::search {
namespace {

constexpr int products_max = 300;
const std::vector<std::string> sizes{"S", "M", "L"};
const std::vector<std::string> colours{"red", "blue", "a:b,c\\d"};

// What the naive computation knows of a product.
struct Known {
  std::string id;
  std::map<std::string, std::string> names;
  std::set<std::string> categories;  // handles, those above included
  Timestamp created_ms = 0;
  std::map<std::string, std::int64_t> lowest;
  struct Variant {
    std::map<std::string, std::string> options;
    Band band = Band::sold_out;
  };
  std::vector<Variant> variants;
  Band band = Band::sold_out;
  std::set<std::string> title, labels, all;  // words
};

struct Asked {
  std::string language = "en";
  std::optional<std::string> category, currency;
  std::optional<std::int64_t> price_min, price_max;
  std::optional<bool> available;
  std::map<std::string, std::string> options;
  std::vector<std::string> words;
  std::string sort;

  std::string query() const {
    std::string text;
    const auto add = [&](const std::string& name, const std::string& value) { text += (text.empty() ? "" : "&") + name + "=" + value; };
    if (category) add("filter[category]", *category);
    if (currency) add("currency", *currency);
    if (price_min) add("filter[price_min]", std::to_string(*price_min));
    if (price_max) add("filter[price_max]", std::to_string(*price_max));
    if (available) add("filter[available]", *available ? "true" : "false");
    std::string choices;
    for (const auto& [name, value] : options) {
      choices += (choices.empty() ? "" : ",") + name + ":";
      for (const char c : value) choices += c == ',' ? std::string("\\,") : c == ':' ? std::string("\\:") : c == '\\' ? std::string("\\\\") : std::string(1, c);
    }
    if (!choices.empty()) add("filter[option]", choices);
    if (!words.empty()) {
      std::string q;
      for (const auto& word : words) q += (q.empty() ? "" : "+") + word;
      add("q", q);
    }
    if (!sort.empty()) add("sort", sort);
    return text;
  }
};

bool has_words(const std::set<std::string>& set, const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool is_last = i + 1 == words.size();
    if (!std::ranges::any_of(set, [&](const auto& word) { return is_last ? word.starts_with(words[i]) : word == words[i]; })) return false;
  }
  return true;
}

bool fits(const Known& product, const Asked& asked) {
  if (asked.category && !product.categories.contains(*asked.category)) return false;
  if (asked.price_min || asked.price_max) {
    const auto price = product.lowest.find(*asked.currency);
    if (price == product.lowest.end() || price->second < asked.price_min.value_or(0) || price->second > asked.price_max.value_or(1'000'000'000)) return false;
  }
  bool is_any = asked.options.empty(), is_available = asked.options.empty() && product.band != Band::sold_out;
  for (const auto& variant : product.variants) {
    const bool has_all = std::ranges::all_of(asked.options, [&](const auto& option) {
      const auto found = variant.options.find(option.first);
      return found != variant.options.end() && found->second == option.second;
    });
    if (!has_all || asked.options.empty()) continue;
    is_any = true;
    is_available |= variant.band != Band::sold_out;
  }
  if (!is_any || (asked.available && *asked.available != is_available)) return false;
  if (!has_words(product.all, asked.words)) return false;
  return !asked.sort.ends_with("price") || product.lowest.contains(*asked.currency);
}

std::vector<std::string> naive(const std::vector<Known>& products, const Asked& asked) {
  std::vector<std::tuple<std::string, std::int64_t, std::string>> keys;
  const auto sort = !asked.sort.empty() ? asked.sort : asked.words.empty() ? "-created" : "relevance";
  for (const auto& product : products) {
    if (!fits(product, asked)) continue;
    std::set<std::string> title_and_labels = product.title;
    title_and_labels.insert(product.labels.begin(), product.labels.end());
    const auto name = product.names.contains(asked.language) ? product.names.at(asked.language) : product.names.contains("en") ? product.names.at("en") : product.names.begin()->second;
    if (sort.ends_with("name")) keys.emplace_back(sort_key_of(name), 0, product.id);
    if (sort.ends_with("price")) keys.emplace_back("", product.lowest.at(*asked.currency), product.id);
    if (sort.ends_with("created")) keys.emplace_back("", product.created_ms, product.id);
    if (sort == "relevance") keys.emplace_back("", has_words(product.title, asked.words) ? 0 : has_words(title_and_labels, asked.words) ? 1 : 2, product.id);
  }
  std::ranges::sort(keys);
  if (sort.starts_with('-')) std::ranges::reverse(keys);
  std::vector<std::string> ids;
  for (const auto& key : keys) ids.push_back(std::get<2>(key));
  return ids;
}

class Generated {
 public:
  explicit Generated(Shop& shop, unsigned seed) : shop_(shop), random_(seed) { fill(); }
  std::vector<Known> products;
  const std::vector<std::string> categories{"all", "kitchen", "cups", "garden", "empty"};

  Asked asked() {
    Asked asked;
    if (chance(3)) asked.language = pick<std::string>({"de", "fr"});
    if (chance(3)) asked.category = pick(categories);
    if (chance(2)) asked.currency = pick<std::string>({"EUR", "GBP"});
    if (asked.currency && chance(2)) asked.price_min = number(0, 900);
    if (asked.currency && chance(3)) asked.price_max = number(100, 1500);
    if (chance(4)) asked.available = chance(2);
    if (chance(4)) asked.options["size"] = pick(sizes);
    if (chance(5)) asked.options["colour"] = pick(colours);
    if (chance(4)) asked.words.push_back(pick<std::string>({"cup", "red", "tasse", "kitchen", "clay", "s", "sku", "nothing", "ol", "7"}));
    if (!asked.words.empty() && chance(3)) asked.words.push_back(pick<std::string>({"blue", "cl", "g", "small", "12"}));
    auto sorts = std::vector<std::string>{"", "name", "-name", "created", "-created"};
    if (asked.currency) sorts.insert(sorts.end(), {"price", "-price"});
    if (!asked.words.empty()) sorts.push_back("relevance");
    asked.sort = pick(sorts);
    return asked;
  }

 private:
  bool chance(int of) { return number(1, of) == 1; }
  std::int64_t number(std::int64_t min, std::int64_t max) { return std::uniform_int_distribution<std::int64_t>(min, max)(random_); }
  template <class T>
  T pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(number(0, static_cast<std::int64_t>(from.size()) - 1))];
  }

  void fill() {
    auto& ground = shop_.ground;
    const auto& catalog = shop_.catalog.facade();
    std::map<std::string, CategoryId> ids;
    std::map<std::string, std::vector<std::string>> above{{"all", {"all"}}, {"kitchen", {"kitchen", "all"}}, {"cups", {"cups", "kitchen", "all"}}, {"garden", {"garden", "all"}}, {"empty", {"empty"}}};
    for (const auto& name : categories) {
      const auto& path = above[name];
      ids[name] = catalog.create_category(ground.as_system(), {path.size() > 1 ? std::optional(ids[path[1]]) : std::nullopt, {}, {{"en", {Text<1, 200>(name)}}}, {}}).id;
    }
    for (int i = 0; i < products_max; ++i) {
      Known known;
      const auto add_words = [&](std::set<std::string>& zone, const std::string& text) {
        for (const auto& word : words_of(text)) {
          zone.insert(word);
          known.all.insert(word);
        }
      };
      catalog::CreateProduct wanted;
      wanted.state = catalog::State::published;
      const auto noun = pick<std::string>({"Cup", "Öl-Can", "Teapot", "Spade", "茶壶", "Glass"});
      const auto name = pick<std::string>({"Small ", "Big ", "", "Éclair "}) + noun + (chance(2) ? " " + std::to_string(number(1, 20)) : "");
      if (!chance(10)) known.names["en"] = name;
      if (known.names.empty() || chance(2)) known.names["de"] = "Tasse " + std::to_string(number(1, 50));
      for (const auto& [language, text] : known.names) {
        wanted.texts[language].name = text;
        if (chance(2)) wanted.texts[language].description = Text<0, 10000>(pick<std::string>({"Made of clay", "A cup, red and blue", "Nothing to say"}));
        add_words(known.title, text);
        if (const auto& description = wanted.texts[language].description)
          for (const auto& word : words_of(*description)) known.all.insert(word);
      }
      wanted.handle = catalog::Handle("h-" + std::to_string(i));
      wanted.category_ids.emplace();
      for (const auto& category : categories)
        if (category != "empty" && chance(3)) {
          wanted.category_ids->push_back(ids[category]);
          for (const auto& one : above[category]) {
            known.categories.insert(one);
            add_words(known.labels, one);
          }
        }
      std::vector<std::map<std::string, std::string>> combinations;
      for (const auto& size : sizes)
        for (const auto& colour : colours)
          if (chance(3)) combinations.push_back({{"size", size}, {"colour", colour}});
      wanted.options.emplace();
      if (combinations.empty() || chance(4))
        combinations = {{}};
      else
        wanted.options = {{Text<1, 60>("size"), {sizes.begin(), sizes.end()}}, {Text<1, 60>("colour"), {colours.begin(), colours.end()}}};
      for (std::size_t v = 0; v < combinations.size(); ++v) {
        const auto sku = "SKU" + std::to_string(i) + "-" + std::to_string(v);
        wanted.variants.push_back({Sku(sku), combinations[v], 1});
        add_words(known.title, sku);
        for (const auto& [option, value] : combinations[v]) add_words(known.labels, value);
        auto& variant = known.variants.emplace_back(Known::Variant{combinations[v], Band::sold_out});
        std::vector<Money> prices;
        for (const auto* code : {"EUR", "GBP"})
          if (!chance(5)) {
            prices.push_back({number(0, 100) * 10, currency(code)});
            const auto [at, is_new] = known.lowest.emplace(code, prices.back().amount);
            if (!is_new) at->second = std::min(at->second, prices.back().amount);
          }
        if (!prices.empty()) shop_.price(sku, prices);
        if (!chance(3)) {
          variant.band = pick<Band>({Band::sold_out, Band::low, Band::in_stock});
          shop_.band(sku, variant.band);
          known.band = std::max(known.band, variant.band);
        }
      }
      if (chance(3)) ground.clock().advance(1000);
      const auto made = catalog.create_product(ground.as_system(), wanted);
      known.id = made.id.str();
      known.created_ms = made.created_ms;
      products.push_back(std::move(known));
    }
    ground.deliver_events();
  }

  Shop& shop_;
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("lists, facets and cursors are what a naive computation says") {
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Ground ground(engine);
    Shop shop(ground);
    const auto seed = std::random_device()();
    CAPTURE(seed);
    Generated generated(shop, seed);
    // The same list by either way: the order leads, or the rarest condition.
    Storefront by_order(shop.search.node(), 0);

    std::size_t found_in_all = 0;
    for (int round = 0; round < 200; ++round) {
      const auto asked = generated.asked();
      const auto query = asked.query();
      CAPTURE(query);
      CAPTURE(asked.language);
      const auto expected = naive(generated.products, asked);
      found_in_all += expected.size();

      std::vector<std::string> ids;
      std::string cursor;
      const std::string limit = std::to_string(round % 3 == 0 ? 7 : 100);
      int pages = 0;
      do {
        const auto page = shop.list(query + (query.empty() ? "" : "&") + "limit=" + limit + (cursor.empty() ? "" : "&cursor=" + cursor), asked.language);
        for (const auto& product : page.data) ids.push_back(product.id.str());
        CHECK(page.page.has_more == page.page.next_cursor.has_value());
        cursor = page.page.next_cursor.value_or("");
      } while (!cursor.empty() && ++pages < 100);
      CHECK(ids == expected);

      if (asked.words.empty()) {
        auto call = ground.call();
        call.language = asked.language;
        ListProducts wanted;
        wanted.limit = Range<1, 100>(100);
        if (asked.category) wanted.filter_category = Text<1, 160>(*asked.category);
        if (asked.currency) wanted.currency = currency(*asked.currency);
        if (asked.price_min) wanted.filter_price_min = Amount(*asked.price_min);
        if (asked.price_max) wanted.filter_price_max = Amount(*asked.price_max);
        if (asked.available) wanted.filter_available = Flag{*asked.available};
        if (!asked.options.empty()) {
          auto text = query.substr(query.find("filter[option]=") + 15);
          wanted.filter_option = Text<1, 800>(text.substr(0, text.find('&')));
        }
        if (!asked.sort.empty()) wanted.sort = Sort::parse(asked.sort);
        std::vector<std::string> walked;
        while (true) {
          const auto page = by_order.list(call, wanted).page;
          for (const auto& body : page.data) walked.push_back(json::from_text<StoreProduct>(body.text, json::Mode::lenient).id.str());
          if (page.next_cursor.empty()) break;
          wanted.cursor = page.next_cursor;
        }
        CHECK(walked == expected);
      }

      if (round % 4 != 0 || asked.sort.ends_with("price")) continue;
      const auto body = shop.list(query + (query.empty() ? "" : "&") + "facets=true&count=exact&limit=1", asked.language);
      CHECK(body.page.count == static_cast<std::int64_t>(expected.size()));
      std::map<std::string, std::int64_t> categories, bands, values;
      std::map<std::string, std::pair<std::int64_t, std::int64_t>> prices;
      for (const auto& product : generated.products) {
        if (!fits(product, asked)) continue;
        for (const auto& category : product.categories) ++categories[category];
        ++bands[std::string(json::enum_name(product.band))];
        std::set<std::string> own;
        for (const auto& variant : product.variants)
          for (const auto& [name, value] : variant.options) own.insert(name + "=" + value);
        for (const auto& value : own) ++values[value];
        for (const auto& [code, amount] : product.lowest)
          if (!asked.currency || *asked.currency == code) {
            const auto [at, is_new] = prices.emplace(code, std::pair(amount, amount));
            at->second = {std::min(at->second.first, amount), std::max(at->second.second, amount)};
          }
      }
      REQUIRE(body.facets);
      std::map<std::string, std::int64_t> found_categories, found_bands, found_values;
      std::map<std::string, std::pair<std::int64_t, std::int64_t>> found_prices;
      for (const auto& one : body.facets->categories) found_categories[one.handle] = one.count;
      for (const auto& one : body.facets->availability) found_bands[std::string(json::enum_name(one.availability))] = one.count;
      for (const auto& option : body.facets->options)
        for (const auto& one : option.values) found_values[option.name + "=" + one.value] = one.count;
      for (const auto& one : body.facets->prices) found_prices[std::string(one.min.currency.code())] = {one.min.amount, one.max.amount};
      CHECK(found_categories == categories);
      CHECK(found_bands == bands);
      CHECK(found_values == values);
      CHECK(found_prices == prices);
    }
    CHECK(found_in_all > 2000);
    CHECK(shop.audit().empty());
  }
}

TEST_CASE("a cursor goes on where it was while the list changes") {
  on_each_engine([](Ground& ground) {
    Shop shop(ground);
    const auto make = [&](const std::string& name) {
      auto wanted = cup();
      wanted.texts = texts(name);
      wanted.variants = {{Sku(name), {}, 0}};
      shop.catalog.facade().create_product(ground.as_system(), wanted);
      ground.deliver_events();
    };
    for (const auto* name : {"b", "d", "f", "h"}) make(name);
    const auto first = shop.list("sort=name&limit=2");
    REQUIRE(first.data.size() == 2);
    CHECK(first.data[1].name == "d");
    make("a");
    make("e");
    const auto second = shop.list("sort=name&limit=2&cursor=" + *first.page.next_cursor);
    REQUIRE(second.data.size() == 2);
    CHECK(second.data[0].name == "e");
    CHECK(second.data[1].name == "f");
    CHECK(shop.get("/v1/store/products?sort=-name&cursor=" + *first.page.next_cursor).status == 400);
    CHECK(shop.get("/v1/store/products?sort=name&cursor=x").status == 400);
  });
}

TEST_CASE("full text") {
  struct Case {
    const char* q;
    std::vector<std::string> found;
    const char* language = "en";
  };
  const std::vector<Case> cases{
      {"cup", {"cup", "saucer"}},
      {"CUP", {"cup", "saucer"}},
      {"cu", {"cup", "saucer"}},                      // the last word may be begun
      {"cu blue", {}},                                // an earlier one may not
      {"cup blue", {"cup"}},
      {"blue%20cup", {"cup"}},
      {"tasse", {"cup"}},                             // whatever language the reader speaks
      {"tasse", {"cup"}, "fr"},
      {"tasse blue", {"cup"}},                        // words of several languages
      {"cup-b", {"cup"}},                             // a SKU
      {"kitchen", {"cup", "saucer"}},                 // a category above
      {"porcelain", {"saucer"}},                      // a description
      {"ol", {"oil"}},
      {"%C3%B6l", {"oil"}},
      {"%C3%96LKANNE", {"oil"}},
      {"strasse", {"oil"}},
      {"stra%C3%9Fe", {"oil"}},
      {"%D1%87%D0%B0%D0%B9", {"tea"}},                // чай
      {"%D0%A7%D0%90%D0%99", {"tea"}},
      {"%E5%A3%B6", {"tea"}},                         // 壶 within 茶壶
      {"%E5%A3%B6%E8%8C%B6", {"tea"}},
      {"cup OR tea", {}},                             // no operators: the word or
      {"cup AND NOT blue", {}},
      {"NOT cup", {}},
      {"cup*", {"cup", "saucer"}},
      {"*", {}},
      {"%22", {}},
      {"%22blue cup", {"cup"}},
      {"%22cup%22 %22blue%22", {"cup"}},
      {"cup)", {"cup", "saucer"}},
      {"(cup", {"cup", "saucer"}},
      {"NEAR(cup blue)", {}},
      {"title:cup", {}},
      {"{title} : cup", {}},
      {"cup%5E2", {}},
      {"^cup", {"cup", "saucer"}},
      {"-cup", {"cup", "saucer"}},
      {"cup %2B blue", {"cup"}},
      {"'cup':A %26 !blue", {}},
      {"cup %26 blue | x", {}},
      {"cup:*", {"cup", "saucer"}},
      {"'; DROP TABLE search_words; --", {}},
      {"%5C", {}},
      {"%F0%9F%99%82", {}},                           // 🙂
      {"cup %F0%9F%99%82", {"cup", "saucer"}},
      {"%E2%80%9Ccup%E2%80%9D", {"cup", "saucer"}},
      {"a:b:c", {}},
      {"100%25", {"tea"}},
  };
  on_each_engine([&](Ground& ground) {
    Shop shop(ground);
    const auto& catalog = shop.catalog.facade();
    const auto kitchen = catalog.create_category(ground.as_system(), {{}, {}, {{"en", {Text<1, 200>("Kitchen")}}}, {}});
    const auto tables = catalog.create_category(ground.as_system(), {kitchen.id, {}, {{"en", {Text<1, 200>("Table")}}}, {}});
    const auto make = [&](const char* handle, catalog::ProductTexts all, std::vector<CategoryId> categories, std::vector<catalog::Option> options, std::vector<catalog::Variant> variants) {
      catalog::CreateProduct wanted;
      wanted.handle = catalog::Handle(handle);
      wanted.state = catalog::State::published;
      wanted.texts = std::move(all);
      wanted.category_ids = std::move(categories);
      wanted.options = std::move(options);
      wanted.variants = std::move(variants);
      catalog.create_product(ground.as_system(), wanted);
    };
    make("cup", texts("Cup", "Tasse"), {tables.id}, {{Text<1, 60>("colour"), {Text<1, 100>("Blue")}}}, {{Sku("CUP-B"), {{"colour", "Blue"}}, 1}});
    auto saucer = texts("Saucer");
    saucer["en"].description = Text<0, 10000>("For a cup. Porcelain.");
    make("saucer", saucer, {kitchen.id}, {}, {{Sku("SCR"), {}, 1}});
    make("oil", {{"de", {Text<1, 300>("Ölkanne Straße"), {}}}}, {}, {}, {{Sku("OIL"), {}, 1}});
    make("tea", {{"ru", {Text<1, 300>("Чайник"), {}}}, {"zh", {Text<1, 300>("茶壶"), Text<0, 10000>("100% 🙂")}}}, {}, {}, {{Sku("TEA"), {}, 1}});
    ground.deliver_events();
    for (const auto& one : cases) {
      std::string q(one.q);
      for (auto& c : q)
        if (c == ' ') c = '+';
      CAPTURE(one.q);
      CHECK(shop.handles("q=" + q, one.language) == one.found);
    }
    // What stands in the name comes first.
    const auto listed = shop.list("q=cup");
    REQUIRE(listed.data.size() == 2);
    CHECK(listed.data[0].handle == "cup");
    CHECK(shop.list("q=%3F&facets=true&count=exact").page.count == 0);
    CHECK(shop.get("/v1/store/products?q=").status == 422);
  });
}

TEST_CASE("what is wrong with a list is said") {
  Ground ground(Engine::sqlite);
  Shop shop(ground);
  shop.catalog.facade().create_product(ground.as_system(), cup());
  ground.deliver_events();
  struct Case {
    const char* query;
    int status;
    const char* code;
  };
  for (const auto& one : {Case{"colour=red", 400, "unknown_parameter"}, Case{"limit=0", 422, "validation_failed"}, Case{"limit=x", 400, "malformed_parameter"}, Case{"sort=size", 422, "validation_failed"},
                          Case{"sort=price", 422, "currency_required"}, Case{"sort=relevance", 422, "query_required"}, Case{"filter[price_min]=1", 422, "currency_required"},
                          Case{"filter[price_min]=-1&currency=EUR", 422, "validation_failed"}, Case{"currency=XXQ", 422, "validation_failed"}, Case{"filter[category]=none", 422, "unknown_category"},
                          Case{"filter[available]=yes", 422, "validation_failed"}, Case{"facets=1", 422, "validation_failed"}, Case{"count=all", 422, "validation_failed"},
                          Case{"filter[option]=size", 422, "malformed_option"}, Case{"limit=1&limit=2", 400, "repeated_parameter"}, Case{"cursor=", 400, "malformed_cursor"}}) {
    CAPTURE(one.query);
    const auto response = shop.get("/v1/store/products?" + std::string(one.query));
    CAPTURE(response.body);
    CHECK(response.status == one.status);
    CHECK(response.body.find(one.code) != std::string::npos);
  }
  CHECK(shop.get("/v1/store/products/cup?currency=XXQ").status == 422);
  CHECK(shop.get("/v1/store/products/cup?colour=red").status == 400);
  CHECK(shop.get("/v1/store/products/nothing").status == 404);
  CHECK(shop.get("/v1/store/products/" + ProductId::make(1).str()).status == 404);
  const auto text = http::openapi_text(ground.platform().routes);
  CHECK(text.find("search.StoreProduct") != std::string::npos);
  CHECK(text.find("search.Facets") != std::string::npos);
}

}  // namespace polyshop::search
