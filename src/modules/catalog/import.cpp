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
    if (known != ids_.end()) return known->second;
    if (!categories_) categories_ = store::list_categories(tx);
    return ids_.emplace(path, category_at_path(tx, *categories_, path, language_)).first->second;
  }

 private:
  const std::string& language_;
  std::optional<std::vector<Category>> categories_;
  std::map<std::string, CategoryId> ids_;
};

std::vector<Variant>::iterator variant_of(Product& product, const std::string& sku) {
  return std::ranges::find(product.variants, sku, [](const auto& v) -> const std::string& { return v.sku; });
}

void apply_row(Tx& tx, const ImportedProduct& row, const std::string& language, Places& places, Product& product) {
  auto& text = product.texts[language];
  text.name = row.name;
  if (row.description) text.description = *row.description;
  if (row.state) product.state = *json::enum_value<State>(*row.state);
  if (row.category) product.category_ids = {places.at(tx, *row.category)};
  merge_options(product, row.option_values);
  auto variant = variant_of(product, row.sku);
  if (variant == product.variants.end()) variant = product.variants.insert(variant, Variant{Sku(row.sku), {}, 0});
  if (!row.option_values.empty()) variant->option_values = row.option_values;
  if (row.weight_g) variant->weight_g = *row.weight_g;
}

// The product whose rows come one after the other: it is written, and told of, once for all of them, when the turn of another comes.
class Held {
 public:
  Held(Tx& tx, const std::string& language) : tx_(tx), language_(language), places_(language) {}

  Effect put(const ImportedProduct& row) {
    check_row(row);
    if (!is_of(row)) {
      write();
      find(row);
    } else if (row.product && !has(row.sku) && store::find_product_by_sku(tx_, row.sku)) {
      throw taken(row.sku);
    }
    auto product = *product_;
    apply_row(tx_, row, language_, places_, product);
    check(product);
    auto text = json::to_text(product);
    if (text == text_) return Effect::unchanged;
    const bool is_new = !before_ && text_.empty();
    product_ = std::move(product);
    text_ = std::move(text);
    return is_new ? Effect::created : Effect::changed;
  }

  // What was found or refused in this transaction is so until its end, unless somebody else comes between, on PostgreSQL.
  void write() {
    auto product = std::exchange(product_, {});
    const auto before = std::exchange(before_, {});
    if (!product || text_.empty()) return;  // every row of a new one was refused
    if (!before) {
      if (!store::insert_product(tx_, *product)) Tx::start_over("the handle was taken meanwhile");
      store::insert_categories(tx_, *product);
      if (store::insert_variants(tx_, *product)) Tx::start_over("a SKU was taken meanwhile");
    } else {
      if (text_ == json::to_text(*before)) return;
      product->updated_ms = tx_.now();
      store::update_product(tx_, *product);
      if (product->category_ids != before->category_ids) store::replace_categories(tx_, *product);
      if (product->variants != before->variants) {
        store::delete_variants(tx_, product->id);
        if (store::insert_variants(tx_, *product)) Tx::start_over("a SKU was taken meanwhile");
      }
      ++product->version;
    }
    tx_.publish(ProductChanged{*product, product->version});
  }

 private:
  static Problem taken(const std::string& sku) { return bad("sku_taken", fmt::format("The SKU {} belongs to another product.", sku)); }

  bool has(const std::string& sku) { return variant_of(*product_, sku) != product_->variants.end(); }
  bool is_of(const ImportedProduct& row) { return product_ && (row.product ? product_->handle == *row.product : has(row.sku)); }

  void find(const ImportedProduct& row) {
    auto id = store::find_product_by_sku(tx_, row.sku);
    if (row.product) {
      const auto by_handle = store::find_product_by_handle(tx_, *row.product);
      if (id && by_handle != id) throw taken(row.sku);
      id = by_handle;
    }
    if (id) {
      before_ = store::find_product(tx_, *id);
      product_ = before_;
      text_ = json::to_text(*before_);
      return;
    }
    Product product;
    product.id = ProductId::make(tx_.now());
    product.state = State::published;
    product.version = 1;
    product.created_ms = product.updated_ms = tx_.now();
    // A SKU is unique where names repeat, so it tells products of one name apart.
    product.handle = row.product ? *row.product : handle_of(row.name + "-" + row.sku);
    if (!row.product && store::find_product_by_handle(tx_, product.handle)) product.handle += '-' + product.id.str().substr(ProductId::size - 6);
    product_ = std::move(product);
    text_.clear();
  }

  Tx& tx_;
  const std::string& language_;
  Places places_;
  std::optional<Product> before_;   // as it is stored; nothing where it is new
  std::optional<Product> product_;  // as the rows so far make it
  std::string text_;                // of that; empty where no row has been taken for a new one
};

}  // namespace

ImportResult Products::import(const Call& call, const ImportProducts& rows) {
  if (rows.rows.size() > 1000) throw Problem::invalid("too_many", "Import at most 1,000 rows at once.", "/rows");
  check_languages({rows.language});
  ImportResult result;
  const auto run = [&](Tx& tx) {
    result = {};
    Held held(tx, rows.language);
    for (const auto& row : rows.rows) {
      try {
        switch (held.put(row)) {
          case Effect::created: ++result.created; break;
          case Effect::changed: ++result.changed; break;
          case Effect::unchanged: ++result.unchanged; break;
        }
      } catch (const Problem& problem) {
        if (problem.status >= 500) throw;
        result.faults.push_back({row.line, problem.code, problem.detail});
      }
    }
    held.write();
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
