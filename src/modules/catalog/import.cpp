#include <fmt/format.h>

#include "catalog/events.hpp"
#include "categories.hpp"
#include "products.hpp"
#include "store.hpp"

// Rows of a file become products. A row says all of a variant and the name of its product; repeated, it changes nothing.
namespace polyshop::catalog {
namespace {

enum class Effect { created, changed, unchanged };

// Thrown to leave a dry run's transaction without a trace.
struct DryRunEnds {};

Problem bad(std::string code, std::string detail) { return Problem::invalid(std::move(code), std::move(detail)); }

void check_row(const ImportedProduct& row) {
  const auto sku_size = code_points(row.sku);
  if (sku_size < Sku::size_min || sku_size > Sku::size_max) throw bad("bad_sku", fmt::format("A SKU has 1 to {} characters; this one has {}.", Sku::size_max, sku_size));
  const auto name_size = code_points(row.name);
  if (name_size < 1 || name_size > 300) throw bad("bad_name", fmt::format("A name has 1 to 300 characters; this one has {}.", name_size));
  if (row.description && code_points(*row.description) > 10000) throw bad("bad_description", "A description has at most 10,000 characters.");
  if (row.weight_g && (*row.weight_g < 0 || *row.weight_g > 1'000'000'000)) throw bad("bad_weight", "A weight is 0 to 1,000,000,000 g.");
  if (row.state && !json::enum_value<State>(*row.state)) throw bad("bad_state", "The state is draft or published.");
  if (row.product) check_handle(*row.product, {});
}

// Options follow from the values that variants have.
void merge_options(Product& product, const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values) {
    auto option = std::ranges::find(product.options, name, [](const auto& o) -> const std::string& { return o.name; });
    if (option == product.options.end()) option = product.options.insert(option, Option{Text<1, 60>(name), {}});
    if (std::ranges::find(option->values, value, [](const auto& v) -> const std::string& { return v; }) == option->values.end()) option->values.emplace_back(value);
  }
}

// The categories that rows named, by their paths. Of one transaction: what is made in it is gone if it fails.
class Places {
 public:
  explicit Places(const std::string& language) : language_(language) {}
  CategoryId at(Tx& tx, const std::string& path) {
    const auto known = ids_.find(path);
    return known != ids_.end() ? known->second : ids_.emplace(path, category_at_path(tx, path, language_)).first->second;
  }

 private:
  const std::string& language_;
  std::map<std::string, CategoryId> ids_;
};

void apply_row(Tx& tx, const ImportedProduct& row, const std::string& language, Places& places, Product& product) {
  auto& text = product.texts[language];
  text.name = row.name;
  if (row.description) text.description = *row.description;
  if (row.state) product.state = *json::enum_value<State>(*row.state);
  if (row.category) product.category_ids = {places.at(tx, *row.category)};
  merge_options(product, row.option_values);
  auto variant = std::ranges::find(product.variants, row.sku, [](const auto& v) -> const std::string& { return v.sku; });
  if (variant == product.variants.end()) variant = product.variants.insert(variant, Variant{Sku(row.sku), {}, 0});
  if (!row.option_values.empty()) variant->option_values = row.option_values;
  if (row.weight_g) variant->weight_g = *row.weight_g;
}

Effect put_row(Tx& tx, const ImportedProduct& row, const std::string& language, Places& places) {
  check_row(row);
  auto id = store::find_product_by_sku(tx, row.sku);
  if (row.product) {
    const auto by_handle = store::find_product_by_handle(tx, *row.product);
    if (id && by_handle != id) throw bad("sku_taken", fmt::format("The SKU {} belongs to another product.", row.sku));
    id = by_handle;
  }
  if (!id) {
    Product product;
    product.id = ProductId::make(tx.now());
    product.state = State::published;
    product.version = 1;
    product.created_ms = product.updated_ms = tx.now();
    // A SKU is unique where names repeat, so it tells products of one name apart.
    product.handle = row.product ? *row.product : handle_of(row.name + "-" + row.sku);
    apply_row(tx, row, language, places, product);
    check(product);
    if (!store::insert_product(tx, product)) {
      product.handle += '-' + product.id.str().substr(ProductId::size - 6);
      if (!store::insert_product(tx, product)) throw bad("handle_taken", fmt::format("The handle {} is taken.", product.handle));
    }
    store::replace_categories(tx, product);
    if (const auto taken = store::insert_variants(tx, product)) throw bad("sku_taken", fmt::format("The SKU {} belongs to another product.", *taken));
    tx.publish(ProductChanged{product, product.version});
    return Effect::created;
  }
  const auto before = store::find_product(tx, *id);
  auto product = *before;
  apply_row(tx, row, language, places, product);
  if (json::to_text(product) == json::to_text(*before)) return Effect::unchanged;
  check(product);
  product.updated_ms = tx.now();
  store::update_product(tx, product);
  if (product.category_ids != before->category_ids) store::replace_categories(tx, product);
  if (product.variants != before->variants) {
    store::delete_variants(tx, *id);
    store::insert_variants(tx, product);
  }
  ++product.version;
  tx.publish(ProductChanged{product, product.version});
  return Effect::changed;
}

}  // namespace

ImportResult Products::import(const Call& call, const ImportProducts& rows) {
  if (rows.rows.size() > 1000) throw Problem::invalid("too_many", "Import at most 1,000 rows at once.", "/rows");
  check_languages({rows.language});
  ImportResult result;
  const auto run = [&](Tx& tx) {
    result = {};
    Places places(rows.language);
    for (const auto& row : rows.rows) {
      try {
        switch (put_row(tx, row, rows.language, places)) {
          case Effect::created: ++result.created; break;
          case Effect::changed: ++result.changed; break;
          case Effect::unchanged: ++result.unchanged; break;
        }
      } catch (const Problem& problem) {
        if (problem.status >= 500) throw;
        result.faults.push_back({row.line, problem.code, problem.detail});
      }
    }
  };
  if (!rows.dry_run)
    return node_.db.write(call, [&](Tx& tx) {
      run(tx);
      return result;
    });
  try {
    node_.db.write(call.unkeyed(), [&](Tx& tx) {
      run(tx);
      throw DryRunEnds();
    });
  } catch (const DryRunEnds&) {
  }
  return result;
}

}  // namespace polyshop::catalog
