#include <future>
#include <set>

#include "documents.hpp"
#include "store.hpp"

// The documents against their sources. Exports and what is held here are walked side by side, in the order of their keys,
// so that two pages are in memory at a time however large the shop is.
namespace polyshop::search {
namespace {

constexpr std::int64_t page_size = 200;
constexpr std::size_t keys_max = 10'000;  // differences that are told apart; a shop that has more is rebuilt anyway
constexpr int looks_max = 3;

using Keys = std::set<std::string>;

// `theirs` and `ours` answer the items after a key, as pairs of key and item; visit gets both of a key, null for none.
template <class Theirs, class Ours, class Visit>
void side_by_side(const Theirs& theirs, const Ours& ours, const Visit& visit) {
  auto left = theirs(std::string());
  auto right = ours(std::string());
  std::size_t l = 0, r = 0;
  while (l < left.size() || r < right.size()) {
    const bool has_left = l < left.size() && (r == right.size() || left[l].first <= right[r].first);
    const bool has_right = r < right.size() && (l == left.size() || right[r].first <= left[l].first);
    visit(has_left ? left[l].first : right[r].first, has_left ? &left[l].second : nullptr, has_right ? &right[r].second : nullptr);
    l += has_left;
    r += has_right;
    if (has_left && l == left.size()) left = theirs(std::string(left.back().first)), l = 0;
    if (has_right && r == right.size()) right = ours(std::string(right.back().first)), r = 0;
  }
}

template <class Item, class Key>
std::vector<std::pair<std::string, Item>> keyed(std::vector<Item>&& items, Key key) {
  std::vector<std::pair<std::string, Item>> pairs;
  pairs.reserve(items.size());
  for (auto& item : items) {
    std::string text(key(item));
    pairs.emplace_back(std::move(text), std::move(item));
  }
  return pairs;
}

std::vector<Money> sorted(std::vector<Money> prices) {
  std::ranges::sort(prices, {}, &Money::currency);
  return prices;
}

bool are_equal(const catalog::Category& a, const catalog::Category& b) { return a.version == b.version && a.parent_id == b.parent_id && a.handle == b.handle && a.texts == b.texts; }

}  // namespace

std::vector<AuditFinding> Documents::audit(const Call& call, const catalog::Facade& catalog, const pricing::Facade& pricing, const inventory::Facade& inventory) {
  const auto read = [&](auto function) { return node_.db.read(call.unkeyed(), function); };
  const auto our_skus = [&](const std::string& after) {
    return keyed(read([&](Tx& tx) { return store::list_skus(tx, after, page_size); }), [](const auto& sku) { return sku.sku; });
  };

  const auto products = [&](const auto& differs) {
    side_by_side([&](const std::string& after) { return keyed(catalog.export_products(call, {ProductId::parse(after), page_size}), [](const auto& p) { return p.id.view(); }); },
                 [&](const std::string& after) {
                   return keyed(read([&](Tx& tx) { return store::list_products(tx, ProductId::parse(after), page_size); }), [](const auto& p) { return p.id.view(); });
                 },
                 [&](const std::string& id, const Product* theirs, const store::KnownProduct* ours) {
                   // One that was removed stays known here, so that no older event brings it back.
                   const bool is_right = theirs ? ours && ours->version == theirs->version && ours->is_published == (theirs->state == catalog::State::published) : !ours->is_published;
                   if (!is_right) differs(id);
                 });
  };
  const auto categories = [&](const auto& differs) {
    const auto ours = read([](Tx& tx) { return store::list_categories(tx); });
    const auto theirs = catalog.list_categories(call, {});
    for (const auto& one : theirs) {
      const auto held = std::ranges::find(ours, one.id, &catalog::Category::id);
      if (held == ours.end() || !are_equal(*held, one)) differs(one.id.str());
    }
    for (const auto& one : ours)
      if (std::ranges::find(theirs, one.id, &catalog::Category::id) == theirs.end()) differs(one.id.str());
  };
  // A version that is ahead of the source's would keep out what the source says next.
  const auto prices = [&](const auto& differs) {
    side_by_side([&](const std::string& after) { return keyed(pricing.export_prices(call, {after, page_size}), [](const auto& p) { return p.sku; }); }, our_skus,
                 [&](const std::string& sku, const pricing::PricesOfSku* theirs, const store::KnownSku* ours) {
                   const bool is_ahead = theirs && ours && ours->price_version > theirs->version;
                   if (is_ahead || sorted(theirs ? theirs->prices : std::vector<Money>{}) != sorted(ours ? ours->prices.value : std::vector<Money>{})) differs(sku);
                 });
  };
  const auto bands = [&](const auto& differs) {
    side_by_side([&](const std::string& after) { return keyed(inventory.export_bands(call, {after, page_size}), [](const auto& b) { return b.sku; }); }, our_skus,
                 [&](const std::string& sku, const inventory::BandOfSku* theirs, const store::KnownSku* ours) {
                   const bool is_ahead = theirs && ours && ours->band_version > theirs->version;
                   if (is_ahead || (theirs ? theirs->band : Band::sold_out) != (ours ? ours->band : Band::sold_out)) differs(sku);
                 });
  };
  const auto documents = [&](const auto& differs) {
    std::optional<ProductId> after;
    while (true) {
      // A page is read in one transaction: what is marked in it is still to be rendered, and all else must be right.
      const auto last = read([&](Tx& tx) -> std::optional<ProductId> {
        const auto page = store::list_products(tx, after, page_size);
        const auto languages = store::list_languages(tx);
        for (const auto& product : page)
          if (!store::is_stale(tx, product.id) && !store::is_document_right(tx, product.id, languages)) differs(product.id.str());
        return page.empty() ? std::nullopt : std::optional(page.back().id);
      });
      if (!last) return;
      after = last;
    }
  };

  // What differs because an event is on its way no longer does when one looks again.
  const auto settle = [&] {
    render_marked(call);
    for (int i = 0; i < 10 && !node_.is_caught_up(); ++i) {
      const auto rendered = std::make_shared<std::promise<void>>();
      progress_.await([rendered] { rendered->set_value(); });
      if (rendered->get_future().wait_for(std::chrono::milliseconds(250)) == std::future_status::ready) render_marked(call);
    }
  };
  const auto counted = [&](std::string check, const auto& compare) {
    Keys stayed;
    for (int look = 0; look < looks_max; ++look) {
      settle();
      Keys found;
      compare([&](const std::string& key) {
        if (found.size() < keys_max && (look == 0 || stayed.contains(key))) found.insert(key);
      });
      stayed = std::move(found);
      if (stayed.empty()) break;
    }
    return AuditFinding{std::move(check), static_cast<std::int64_t>(stayed.size()), stayed.empty() ? "" : *stayed.begin()};
  };
  return {counted("search: products are those of the catalog", products), counted("search: categories are those of the catalog", categories),
          counted("search: prices are those of pricing", prices), counted("search: availability is that of inventory", bands),
          counted("search: documents follow from these", documents)};
}

}  // namespace polyshop::search
