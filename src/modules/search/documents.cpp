#include "documents.hpp"

#include "store.hpp"

namespace polyshop::search {
namespace {

constexpr std::size_t applied_max = 20;     // in a transaction, as events would be
constexpr std::size_t rendered_max = 100;    // in a transaction, which nobody waits for but who writes here: SQLite's index of words makes a segment of each, and merges them
constexpr std::size_t waiting_max = 10'000;  // requests whose time is up are not taken out of the list one by one

template <class Texts>
void learn_languages(Tx& tx, const Texts& texts) {
  bool is_any_new = false;
  for (const auto& [language, text] : texts) is_any_new |= store::add_language(tx, language);
  if (is_any_new) store::mark_all_stale(tx);
}

void put_product(Tx& tx, const ProductId& id, std::int64_t version, const Product* published) {
  const auto news = store::put_product(tx, id, version, published);
  if (news == store::News::none) return;
  const bool had_others = news == store::News::changed;
  if (had_others) store::delete_memberships(tx, id);
  store::insert_memberships(tx, id, published ? published->category_ids : std::vector<CategoryId>{});
  store::replace_skus(tx, id, had_others ? store::list_skus_of(tx, id) : std::vector<std::string>{}, published ? published->variants : std::vector<catalog::Variant>{});
  if (published) learn_languages(tx, published->texts);
  store::mark_stale(tx, id);
}

// Answers the names of the kept answers that this concerns. Nothing is written here that whoever marks products writes too, but for
// the marks: so rendering never waits for them on PostgreSQL, and they wait for it without a deadlock.
std::vector<std::string> render_product(Tx& tx, const ProductId& id, const std::vector<std::string>& languages, std::vector<store::NewWords>& words) {
  const auto before = store::find_document(tx, id);
  const auto sources = store::find_sources(tx, id, languages);
  if (!sources) {
    if (before) store::delete_document(tx, id);
    return concerned_by_change(id, before ? &*before : nullptr, nullptr);
  }
  auto after = render(*sources);
  store::put_document(tx, before, after.document);
  if (!before || before->head.words_digest != after.document.head.words_digest) words.push_back({id, std::move(after.words)});
  return concerned_by_change(id, before ? &*before : nullptr, &after.document);
}

}  // namespace

void Progress::await(std::move_only_function<void()> resume) {
  bool is_full = false;
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(resume));
    is_full = waiting_.size() > waiting_max;
  }
  if (is_full) announce();  // who is woken too early looks and waits again
}

void Progress::announce() {
  std::vector<std::move_only_function<void()>> waiting;
  {
    std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
  }
  for (auto& resume : waiting) resume();
}

void Documents::apply(Tx& tx, const catalog::ProductChanged& changed) {
  put_product(tx, changed.product.id, changed.version, changed.product.state == catalog::State::published ? &changed.product : nullptr);
}

void Documents::apply(Tx& tx, const catalog::ProductRemoved& removed) { put_product(tx, removed.id, removed.version, nullptr); }

void Documents::invalidate_lists(Tx& tx) {
  tx.after_commit([this] { cache_.invalidate(std::string(lists_name)); });
}

void Documents::apply(Tx& tx, const catalog::CategoryChanged& changed) {
  if (!store::put_category(tx, changed.category)) return;
  invalidate_lists(tx);  // facets name it
  learn_languages(tx, changed.category.texts);
  store::mark_stale_in_category(tx, changed.category.id);
}

void Documents::apply(Tx& tx, const catalog::CategoryRemoved& removed) {
  if (!store::remove_category(tx, removed.id, removed.version)) return;
  invalidate_lists(tx);
  store::mark_stale_in_category(tx, removed.id);
}

void Documents::apply(Tx& tx, const pricing::PricesChanged& changed) {
  if (const auto product = store::put_prices(tx, changed.sku, changed.prices, changed.version)) store::mark_stale(tx, *product);
}

void Documents::apply(Tx& tx, const inventory::AvailabilityChanged& changed) {
  if (const auto product = store::put_band(tx, changed.sku, changed.band, changed.version)) store::mark_stale(tx, *product);
}

void Documents::forget_answers() {
  cache_.invalidate_all();
  progress_.announce();
}

void Documents::load(const Call& call, Database& into, const catalog::Facade& catalog, const pricing::Facade& pricing, const inventory::Facade& inventory, const bus::Rebuild::OnLoaded& loaded) {
  // A few in a transaction, as events would be.
  const auto put = [&](std::string_view what, const auto& items, const auto& change_of) {
    for (std::size_t start = 0; start < items.size(); start += applied_max) {
      const auto end = std::min(items.size(), start + applied_max);
      into.write(call, [&](Tx& tx) {
        for (std::size_t i = start; i < end; ++i) apply(tx, change_of(items[i]));
      });
    }
    loaded(what, std::ssize(items));
  };
  put("categories", catalog.list_categories(call, {}), [](const auto& category) { return catalog::CategoryChanged{category, category.version}; });
  catalog::ExportProducts products;
  for (auto page = catalog.export_products(call, products); !page.empty(); page = catalog.export_products(call, products)) {
    put("products", page, [](const auto& product) { return catalog::ProductChanged{product, product.version}; });
    products.after = page.back().id;
  }
  pricing::ExportPrices prices;
  for (auto page = pricing.export_prices(call, prices); !page.empty(); page = pricing.export_prices(call, prices)) {
    put("prices", page, [](const auto& of) { return pricing::PricesChanged{of.sku, of.prices, of.version}; });
    prices.after = page.back().sku;
  }
  inventory::ExportBands bands;
  for (auto page = inventory.export_bands(call, bands); !page.empty(); page = inventory.export_bands(call, bands)) {
    put("availability", page, [](const auto& of) { return inventory::AvailabilityChanged{of.sku, of.band, of.version}; });
    bands.after = page.back().sku;
  }
  while (const auto rendered = render_some(call, into)) loaded("documents", static_cast<std::int64_t>(rendered));
}

std::size_t Documents::render_some(const Call& call, Database& in) {
  return in.write(call, [this](Tx& tx) {
    const auto taken = store::take_stale(tx, rendered_max);
    const auto languages = store::list_languages(tx);  // after the marks: a new language marks, and would be missed
    std::set<std::string> concerned;
    std::vector<store::NewWords> words;
    for (const auto& id : taken)
      for (auto& name : render_product(tx, id, languages, words)) concerned.insert(std::move(name));
    store::put_words(tx, words);
    tx.after_commit([this, concerned = std::move(concerned)] {
      for (const auto& name : concerned) cache_.invalidate(name);
    });
    return taken.size();
  });
}

bool Documents::render_marked(const Call& call, Database& in) {
  auto marked = in.read_once(call, [](Tx& tx) { return store::count_stale(tx); });
  const bool any = marked > 0;
  while (marked > 0) {
    const auto rendered = static_cast<std::int64_t>(render_some(call, in));
    marked = rendered == 0 ? 0 : marked - rendered;
  }
  progress_.announce();
  return any;
}

}  // namespace polyshop::search
