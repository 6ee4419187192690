#include "program/demo_shop.hpp"

#include <set>

#include <fmt/format.h>

#include "program/demo_catalogue.hpp"

namespace polyshop::demo {
namespace {

constexpr std::size_t rows_max = 1000;  // what facades take at once

// Everything a paged export has; `next` answers the page after the last item of the one before.
template <class Page, class Next>
void for_each_item(const Next& next, const auto& visit) {
  for (Page page = next(nullptr); !page.empty(); page = next(&page.back()))
    for (const auto& item : page) visit(item);
}

template <class Row>
std::vector<std::vector<Row>> in_batches(std::vector<Row> rows) {
  std::vector<std::vector<Row>> batches;
  for (std::size_t i = 0; i < rows.size(); i += rows_max)
    batches.emplace_back(rows.begin() + static_cast<std::ptrdiff_t>(i), rows.begin() + static_cast<std::ptrdiff_t>(std::min(i + rows_max, rows.size())));
  return batches;
}

struct TaxRow {
  const char* country;
  const char* category;  // by handle; null for the country's general tax
  const char* percent;
  bool is_inclusive;
};
// As of 2026. Prices contain the tax where shoppers are used to that. The United States have none here: theirs depends on the
// place, and a shop far away collects none.
constexpr TaxRow taxes[] = {
    {"DE", nullptr, "19", true},   {"DE", "books-and-maps", "7", true},  {"DE", "larder", "7", true},   {"GB", nullptr, "20", true},   {"GB", "books-and-maps", "0", true}, {"GB", "larder", "0", true},
    {"AT", nullptr, "20", true},   {"AT", "books-and-maps", "10", true}, {"AT", "larder", "10", true},  {"BE", nullptr, "21", true},   {"BG", nullptr, "20", true},         {"CY", nullptr, "19", true},
    {"CZ", nullptr, "21", true},   {"DK", nullptr, "25", true},          {"EE", nullptr, "24", true},   {"ES", nullptr, "21", true},   {"FI", nullptr, "25.5", true},       {"FR", nullptr, "20", true},
    {"FR", "books-and-maps", "5.5", true}, {"FR", "larder", "5.5", true}, {"GR", nullptr, "24", true},  {"HR", nullptr, "25", true},   {"HU", nullptr, "27", true},         {"IE", nullptr, "23", true},
    {"IT", nullptr, "22", true},   {"LT", nullptr, "21", true},          {"LU", nullptr, "17", true},   {"LV", nullptr, "21", true},   {"MT", nullptr, "18", true},         {"NL", nullptr, "21", true},
    {"NL", "books-and-maps", "9", true}, {"NL", "larder", "9", true},    {"PL", nullptr, "23", true},   {"PT", nullptr, "23", true},   {"RO", nullptr, "21", true},         {"SE", nullptr, "25", true},
    {"SI", nullptr, "22", true},   {"SK", nullptr, "23", true},          {"CA", nullptr, "5", false},
};

shipping::RateStep up_to(std::int64_t bound, std::int64_t amount) { return {bound, amount}; }
shipping::RateStep always(std::int64_t amount) { return {{}, amount}; }

struct MethodRow {
  const char* key;
  const char* en;
  const char* de;
  shipping::RateKind kind;
  std::vector<shipping::RateStep> eur;
  std::vector<shipping::RateStep> gbp;
};
struct ZoneRow {
  const char* key;
  const char* name;
  std::vector<const char*> countries;
  const char* probe;  // a country of it
  std::vector<MethodRow> methods;
};

const std::vector<ZoneRow>& zones() {
  using enum shipping::RateKind;
  static const std::vector<ZoneRow> all{
      {"de",
       "Germany",
       {"DE"},
       "DE",
       {{"parcel", "Parcel, two to three days", "Paket, zwei bis drei Tage", by_total, {up_to(4999, 490), always(0)}, {up_to(4299, 425), always(0)}}, {"express", "Express, next day", "Express, am nächsten Tag", flat, {always(1290)}, {always(1100)}}}},
      {"gb",
       "United Kingdom",
       {"GB"},
       "GB",
       {{"parcel", "Parcel, two to three days", "Paket, zwei bis drei Tage", by_total, {up_to(5799, 595), always(0)}, {up_to(4999, 495), always(0)}},
        {"express", "Next working day", "Am nächsten Werktag", flat, {always(1190)}, {always(995)}}}},
      {"eu",
       "European Union",
       {"AT", "BE", "BG", "CY", "CZ", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"},
       "FR",
       {{"parcel", "Parcel, four to six days", "Paket, vier bis sechs Tage", by_weight, {up_to(2000, 990), up_to(10000, 1490), up_to(31500, 2490)}, {up_to(2000, 850), up_to(10000, 1250), up_to(31500, 2150)}}}},
      {"world",
       "Rest of the world",
       {},
       "US",
       {{"parcel", "Airmail, one to two weeks", "Luftpost, ein bis zwei Wochen", by_weight, {up_to(1000, 1890), up_to(5000, 3990), up_to(20000, 7990)}, {up_to(1000, 1600), up_to(5000, 3400), up_to(20000, 6900)}}}},
  };
  return all;
}

std::vector<customer::ImportedCustomer> customers() {
  struct Row {
    const char *email, *first_name, *last_name, *phone, *line1, *city, *region, *postal_code, *country;
  };
  // Nobody has these: example.com and its kin, and the numbers set aside for films.
  constexpr Row rows[] = {
      {"anna.becker@example.com", "Anna", "Becker", "", "Lindenstraße 12", "Leipzig", "", "04109", "DE"},
      {"jonas.vogel@example.com", "Jonas", "Vogel", "+49 40 66969123", "Hafenweg 3", "Hamburg", "", "20457", "DE"},
      {"mira.yildiz@example.com", "Mira", "Yıldız", "+49 30 23125456", "Sonnenallee 88", "Berlin", "", "12045", "DE"},
      {"lukas.huber@example.org", "Lukas", "Huber", "", "Steingasse 7", "Salzburg", "", "5020", "AT"},
      {"emily.carter@example.org", "Emily", "Carter", "+44 1632 960123", "14 Cragg Road", "Keswick", "Cumbria", "CA12 5NP", "GB"},
      {"oliver.shaw@example.org", "Oliver", "Shaw", "", "2 Mill Lane", "Hebden Bridge", "West Yorkshire", "HX7 8AD", "GB"},
      {"priya.nair@example.net", "Priya", "Nair", "+44 1632 960456", "31 Leith Walk", "Edinburgh", "", "EH6 8LN", "GB"},
      {"camille.laurent@example.net", "Camille", "Laurent", "", "8 rue des Lilas", "Lyon", "", "69003", "FR"},
      {"sven.devries@example.net", "Sven", "de Vries", "", "Oudegracht 120", "Utrecht", "", "3511 AX", "NL"},
      {"nora.tremblay@example.com", "Nora", "Tremblay", "", "45 rue Saint-Paul", "Montréal", "QC", "H2Y 1H2", "CA"},
  };
  std::vector<customer::ImportedCustomer> all;
  for (const auto& row : rows) {
    customer::ImportedCustomer wanted{static_cast<std::int64_t>(all.size() + 1), row.email, row.first_name, row.last_name, {}, customer::Address()};
    if (*row.phone) wanted.phone = row.phone;
    auto& address = *wanted.address;
    address.name = fmt::format("{} {}", row.first_name, row.last_name);
    address.line1 = row.line1;
    address.city = row.city;
    if (*row.region) address.region.emplace(row.region);
    address.postal_code.emplace(row.postal_code);
    address.country = row.country;
    all.push_back(std::move(wanted));
  }
  return all;
}

void make_account(const Facades& shop, const Call& call, const auth::CreateUser& wanted) {
  if (shop.auth.find_user(call, {wanted.kind, wanted.email}).empty()) shop.auth.create_user(call, wanted);
}

void make_people(const Facades& shop, const Accounts& accounts, const Call& call) {
  shop.auth.define_role(call, {"owner", accounts.staff_permissions});
  make_account(shop, call, {{}, auth::UserKind::staff, staff_email, accounts.password_hash, {"owner"}});
  for (const auto* email : customer_emails) make_account(shop, call, {{}, auth::UserKind::customer, email, accounts.password_hash, {}});
  shop.customer.import_customers(call, {false, customers()});
}

using CategoryIds = std::map<std::string, catalog::CategoryId>;  // by handle

CategoryIds make_categories(const Facades& shop, const Call& call, const Catalogue& catalogue) {
  CategoryIds ids;
  for (const auto& category : shop.catalog.list_categories(call, {})) ids[category.handle] = category.id;
  std::int64_t position = 0;
  for (const auto& category : catalogue.categories) {
    ++position;
    if (ids.contains(category.handle)) continue;
    catalog::CreateCategory wanted{{}, catalog::Handle(category.handle), category.texts, position};
    if (category.parent) wanted.parent_id = ids.at(*category.parent);
    ids[category.handle] = shop.catalog.create_category(call, wanted).id;
  }
  return ids;
}

void set_taxes(const Facades& shop, const Call& call, const CategoryIds& categories) {
  for (const auto& row : taxes) {
    pricing::SetTax wanted{row.country, {}, fmt::format("{} {} %", row.is_inclusive ? "VAT" : "GST", row.percent), *Decimal::parse(row.percent), row.is_inclusive};
    if (row.category) wanted.category_id = categories.at(row.category);
    shop.pricing.set_tax(call, wanted);
  }
}

// Where a zone's country can be delivered to already, somebody has seen to it. Keys let a run that was interrupted between a
// zone and its methods go on with that zone.
void make_delivery(const Facades& shop, const Call& call) {
  static const auto eur = *Currency::parse("EUR");
  static const auto gbp = *Currency::parse("GBP");
  for (const auto& row : zones()) {
    if (!shop.shipping.get_options(call, {row.probe, eur, 1000, 5000}).empty()) continue;
    shipping::CreateZone wanted{Text<1, 100>(row.name), {}};
    for (const auto* country : row.countries) wanted.countries.emplace_back(country);
    const auto zone = shop.shipping.create_zone(call.keyed(fmt::format("demo/zone/{}", row.key)), wanted);
    std::int64_t position = 0;
    for (const auto& method : row.methods)
      shop.shipping.create_method(call.keyed(fmt::format("demo/method/{}/{}", row.key, method.key)), {zone.id, {{"en", Text<1, 200>(method.en)}, {"de", Text<1, 200>(method.de)}}, method.kind, {{eur, method.eur}, {gbp, method.gbp}}, ++position});
  }
}

// The SKUs of the catalogue that the shop has.
std::set<std::string> known_skus(const Facades& shop, const Call& call, const Catalogue& catalogue) {
  std::vector<std::string> skus;
  for (const auto& product : catalogue.products)
    for (const auto& variant : product.wanted.variants) skus.push_back(variant.sku);
  std::set<std::string> known;
  for (auto& batch : in_batches(std::move(skus)))
    for (auto& variant : shop.catalog.find_variants(call, {std::move(batch)})) known.insert(std::move(variant.sku));
  return known;
}

void refuse_other_products(const Facades& shop, const Call& call, const std::set<std::string>& known) {
  using Page = std::vector<catalog::Product>;
  for_each_item<Page>([&](const catalog::Product* last) { return shop.catalog.export_products(call, {last ? std::optional(last->id) : std::nullopt, 100}); },
                      [&](const catalog::Product& product) {
                        if (std::ranges::none_of(product.variants, [&](const auto& variant) { return known.contains(variant.sku); }))
                          throw Problem::conflict("shop_not_empty", fmt::format("The shop has products of its own, such as {}; the demo only goes into a fresh one. Name another data folder with --data.", product.handle));
                      });
}

void set_prices(const Facades& shop, const Call& call, const Catalogue& catalogue, const std::set<std::string>& known) {
  std::set<std::string> priced;
  using Page = std::vector<pricing::PricesOfSku>;
  for_each_item<Page>([&](const pricing::PricesOfSku* last) { return shop.pricing.export_prices(call, {last ? last->sku : "", 1000}); }, [&](const pricing::PricesOfSku& prices) { priced.insert(prices.sku); });
  std::vector<pricing::PriceRow> rows;
  for (const auto& product : catalogue.products)
    for (const auto& row : product.prices)
      if (known.contains(row.sku) && !priced.contains(row.sku)) rows.push_back(row);
  for (auto& batch : in_batches(std::move(rows))) shop.pricing.set_prices(call, {false, std::move(batch)});
}

void set_stock(const Facades& shop, const Call& call, const Catalogue& catalogue, const std::set<std::string>& known) {
  std::set<std::string> stocked;
  using Page = std::vector<inventory::BandOfSku>;
  for_each_item<Page>([&](const inventory::BandOfSku* last) { return shop.inventory.export_bands(call, {last ? last->sku : "", 1000}); }, [&](const inventory::BandOfSku& band) { stocked.insert(band.sku); });
  std::vector<inventory::ImportedStock> rows;
  for (const auto& product : catalogue.products)
    for (const auto& row : product.stock)
      if (known.contains(row.sku) && !stocked.contains(row.sku)) rows.push_back(row);
  for (auto& batch : in_batches(std::move(rows))) shop.inventory.import_stock(call, {false, std::move(batch)});
}

}  // namespace

// Products come last of what is made once: where they are all there, so is what they need.
Report fill(const Facades& shop, const Accounts& accounts, const std::function<Call()>& call) {
  const auto catalogue = demo::catalogue();
  Report report;
  auto known = known_skus(shop, call(), catalogue);
  refuse_other_products(shop, call(), known);
  std::vector<const Product*> missing;
  for (const auto& product : catalogue.products)
    if (std::ranges::none_of(product.wanted.variants, [&](const auto& variant) { return known.contains(variant.sku); })) missing.push_back(&product);

  if (!missing.empty()) {
    const auto categories = make_categories(shop, call(), catalogue);
    set_taxes(shop, call(), categories);
    make_delivery(shop, call());
    make_people(shop, accounts, call());
    for (const auto* product : missing) {
      auto wanted = product->wanted;
      wanted.category_ids = {categories.at(product->category)};
      shop.catalog.create_product(call(), wanted);
      for (const auto& variant : wanted.variants) known.insert(variant.sku);
    }
  }
  set_prices(shop, call(), catalogue, known);
  set_stock(shop, call(), catalogue, known);

  report.categories = catalogue.categories.size();
  report.products = catalogue.products.size();
  report.variants = known.size();
  report.products_made = missing.size();
  return report;
}

}  // namespace polyshop::demo
