#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernel/types/problem.hpp"
#include "shopload/requests.hpp"

namespace polyshop::load {
namespace {

template <class T>
const T& any_of(const std::vector<T>& all, Random& random) {
  return all[random() % all.size()];
}

// A visit of one request.
class Reader : public Shopper {
 public:
  explicit Reader(Ground& ground) : ground_(ground) {}
  void arrive() override {}

 protected:
  Ground& ground_;
};

class ProductReader final : public Reader {
 public:
  using Reader::Reader;
  std::size_t ask(std::string& out) override {
    product_ = &ground_.goods.products[ground_.choice.draw(ground_.random)];
    write_request(out, "GET", ground_, "/v1/store/products/" + product_->id);
    return 0;
  }
  Next take(const Answer& answer) override {
    check_product(answer, *product_);
    return Next::leave;
  }

 private:
  const GoodsProduct* product_ = nullptr;
};

// A visit without end, for connections that are kept and hardly used.
class Lingerer final : public Shopper {
 public:
  explicit Lingerer(Ground& ground) : product_(ground) {}
  void arrive() override {}
  std::size_t ask(std::string& out) override { return product_.ask(out); }
  Next take(const Answer& answer) override {
    product_.take(answer);
    return Next::ask;
  }

 private:
  ProductReader product_;
};

// Asks for a page it has seen before: 304 without a body.
class Returner final : public Reader {
 public:
  using Reader::Reader;
  std::size_t ask(std::string& out) override {
    at_ = ground_.choice.draw(ground_.random);
    is_known_ = !ground_.etags[at_].empty();
    Secrets secrets;
    secrets.if_none_match = ground_.etags[at_];
    write_request(out, "GET", ground_, "/v1/store/products/" + ground_.goods.products[at_].id, secrets);
    return is_known_ ? 0 : 1;
  }
  Next take(const Answer& answer) override {
    if (is_known_)
      expect(answer, 304, "conditional");
    else
      check_product(answer, ground_.goods.products[at_]);
    const auto etag = answer.field("ETag");
    expect(!etag.empty() && (!is_known_ || etag == ground_.etags[at_]), answer, "no ETag, or another");
    ground_.etags[at_] = etag;
    return Next::leave;
  }

 private:
  std::size_t at_ = 0;
  bool is_known_ = false;
};

class ListReader final : public Reader {
 public:
  ListReader(Ground& ground, const std::vector<GoodsList>& lists) : Reader(ground), lists_(lists) {}
  std::size_t ask(std::string& out) override {
    list_ = &any_of(lists_, ground_.random);
    write_request(out, "GET", ground_, list_->target);
    return 0;
  }
  Next take(const Answer& answer) override {
    check_list(answer, *list_, "list");
    return Next::leave;
  }

 private:
  const std::vector<GoodsList>& lists_;
  const GoodsList* list_ = nullptr;
};

class Searcher final : public Reader {
 public:
  using Reader::Reader;
  std::size_t ask(std::string& out) override {
    write_request(out, "GET", ground_, search_target(ground_));
    return 0;
  }
  Next take(const Answer& answer) override {
    check_list(answer, {{}, 0}, "search");
    expect(text_after(answer.body, R"("facets":{"categories":)").has_value(), answer, "a search without facets");
    return Next::leave;
  }
  static std::string search_target(Ground& ground) { return fmt::format("/v1/store/products?q={}&currency={}&limit=20&facets=true", any_of(ground.goods.words, ground.random), ground.goods.currency.code()); }
};

// Looks around, and one in four buys: a list or a search, three products, and perhaps a checkout.
class Mixed final : public Shopper {
 public:
  explicit Mixed(Ground& ground) : ground_(ground), product_(ground), list_(ground, ground.goods.pages), filtered_(ground, ground.goods.filtered), search_(ground), buyer_(make_buyer(ground)) {}

  void arrive() override {
    seen_ = 0;
    buys_ = ground_.random() % 4 == 0;
    current_ = nullptr;
    buyer_->arrive();
  }

  std::size_t ask(std::string& out) override {
    if (seen_ == 0) {
      const auto way = ground_.random() % 4;
      current_ = way < 2 ? static_cast<Shopper*>(&list_) : way == 2 && !ground_.goods.filtered.empty() ? static_cast<Shopper*>(&filtered_) : &search_;
      current_->ask(out);
      return current_ == &search_ ? 2 : 1;
    }
    current_ = seen_ <= products ? static_cast<Shopper*>(&product_) : buyer_.get();
    const auto step = current_->ask(out);
    return current_ == &product_ ? 0 : 3 + step;
  }

  Next take(const Answer& answer) override {
    const auto next = current_->take(answer);
    if (current_ == buyer_.get()) return next;
    ++seen_;
    return seen_ <= products || buys_ ? Next::ask : Next::leave;
  }

  std::string_view ending() const override { return current_ == buyer_.get() ? buyer_->ending() : "looked around"; }

 private:
  static constexpr int products = 3;
  Ground& ground_;
  ProductReader product_;
  ListReader list_;
  ListReader filtered_;
  Searcher search_;
  std::unique_ptr<Shopper> buyer_;
  Shopper* current_ = nullptr;
  int seen_ = 0;
  bool buys_ = false;
};

// Staff who raise and lower prices, a product after the other, so that no two requests want to change the same one at a time.
class PriceChanger final : public Reader {
 public:
  using Reader::Reader;
  void arrive() override { at_ = ground_.prices_changed++ % ground_.goods.products.size(); }
  std::size_t ask(std::string& out) override {
    const auto& variant = ground_.goods.products[at_].variants.front();
    auto& version = ground_.price_versions[at_];
    const auto target = "/v1/admin/prices/" + variant.sku;
    Secrets secrets;
    secrets.bearer = ground_.staff_token;
    if (version.empty()) {
      write_request(out, "GET", ground_, target, secrets);
      return 1;
    }
    secrets.if_match = version;
    write_request(out, "PUT", ground_, target, secrets, fmt::format(R"({{"prices":[{{"amount":{},"currency":"{}"}}]}})", variant.price + static_cast<std::int64_t>(ground_.random() % 100), ground_.goods.currency.code()));
    return 0;
  }
  Next take(const Answer& answer) override {
    auto& version = ground_.price_versions[at_];
    const bool was_known = !version.empty();
    expect(answer, 200, was_known ? "change price" : "read price");
    version = answer.field("ETag");
    expect(!version.empty(), answer, "a price without ETag");
    return was_known ? Next::leave : Next::ask;
  }

 private:
  std::size_t at_ = 0;
};

std::vector<std::string_view> mixed_steps() {
  std::vector<std::string_view> steps{"product", "list", "search"};
  steps.insert(steps.end(), buyer_steps.begin(), buyer_steps.end());
  return steps;
}

}  // namespace

Choice::Choice(std::size_t size, bool zipf) : size_(size) {
  if (!zipf) return;
  double sum = 0;
  for (std::size_t i = 1; i <= size; ++i) cumulative_.push_back(sum += 1 / static_cast<double>(i));
}

std::size_t Choice::draw(Random& random) const {
  if (cumulative_.empty()) return random() % size_;
  const auto drawn = std::uniform_real_distribution<double>(0, cumulative_.back())(random);
  return std::min(size_ - 1, static_cast<std::size_t>(std::ranges::upper_bound(cumulative_, drawn) - cumulative_.begin()));
}

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {"product", "a product's page", {"product"}, [](Ground& ground) -> std::unique_ptr<Shopper> { return std::make_unique<ProductReader>(ground); }},
      {"conditional", "a product's page that has not changed: 304", {"conditional", "product"}, [](Ground& ground) -> std::unique_ptr<Shopper> { return std::make_unique<Returner>(ground); }},
      {"list", "a page of the list of all products", {"list"}, [](Ground& ground) -> std::unique_ptr<Shopper> { return std::make_unique<ListReader>(ground, ground.goods.pages); }},
      {"filtered", "the products of a category in order of price or name", {"filtered"}, [](Ground& ground) -> std::unique_ptr<Shopper> { return std::make_unique<ListReader>(ground, ground.goods.filtered); }},
      {"search", "full text with facets", {"search"}, [](Ground& ground) -> std::unique_ptr<Shopper> { return std::make_unique<Searcher>(ground); }},
      {"checkout", "a whole checkout of two lines in seven requests", buyer_steps, make_buyer},
      {"mixed", "looking around, and one in four buys", mixed_steps(), [](Ground& ground) -> std::unique_ptr<Shopper> { return std::make_unique<Mixed>(ground); }},
      {"flash", "everybody wants one of the same", buyer_steps, make_flash_buyer},
      {"linger", "product pages without end; with a long --think, connections that are idle", {"product"}, [](Ground& ground) -> std::unique_ptr<Shopper> { return std::make_unique<Lingerer>(ground); }},
      {"prices", "staff who change prices", {"change price", "read price"}, [](Ground& ground) -> std::unique_ptr<Shopper> { return std::make_unique<PriceChanger>(ground); }},
  };
  return all;
}

const Scenario& scenario_named(std::string_view name) {
  const auto& all = scenarios();
  const auto found = std::ranges::find(all, name, &Scenario::name);
  if (found != all.end()) return *found;
  std::vector<std::string_view> names;
  for (const auto& scenario : all) names.push_back(scenario.name);
  throw Problem::invalid("unknown_scenario", fmt::format("There is no scenario {}; there are {}.", name, fmt::join(names, ", ")));
}

}  // namespace polyshop::load
