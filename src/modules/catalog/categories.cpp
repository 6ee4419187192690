#include "categories.hpp"

#include <fmt/format.h>

#include "catalog/events.hpp"
#include "products.hpp"
#include "store.hpp"

namespace polyshop::catalog {
namespace {

constexpr int depth_max = 32;

void check(const Category& category) {
  if (category.texts.empty()) throw Problem::invalid("text_required", "Give the category a name in at least one language.", "/texts");
  std::vector<std::string> languages;
  for (const auto& [language, text] : category.texts) languages.push_back(language);
  check_languages(languages);
  check_handle(category.handle, "/handle");
}

// A parent must exist and not lie below its own child.
void check_parent(Tx& tx, const Category& category) {
  auto parent_id = category.parent_id;
  for (int depth = 1; parent_id; ++depth) {
    if (*parent_id == category.id) throw Problem::conflict("category_cycle", "A category cannot lie below itself.", "/parent_id");
    if (depth >= depth_max) throw Problem::conflict("category_too_deep", fmt::format("Categories are at most {} levels deep.", depth_max), "/parent_id");
    const auto parent = store::find_category(tx, *parent_id);
    if (!parent) throw Problem::invalid("unknown_category", fmt::format("There is no category {}.", parent_id->view()), "/parent_id");
    parent_id = parent->parent_id;
  }
}

void insert(Tx& tx, const Category& category) {
  if (!store::insert_category(tx, category)) throw Problem::conflict("handle_taken", fmt::format("The handle {} belongs to another category.", category.handle), "/handle");
  tx.publish(CategoryChanged{category, category.version});
}

}  // namespace

Category Categories::create(const Call& call, const CreateCategory& wanted) {
  Category category{CategoryId::make(call.now), wanted.parent_id, wanted.handle ? std::string(*wanted.handle) : handle_of(text_in(wanted.texts, call.language).name), wanted.texts,
                    wanted.position ? static_cast<std::int64_t>(*wanted.position) : 0, 1};
  check(category);
  return node_.db.write(call, [&](Tx& tx) {
    check_parent(tx, category);
    insert(tx, category);
    return category;
  });
}

Category Categories::change(const Call& call, const CategoryId& id, std::int64_t version, const ChangeCategory& change) {
  return node_.db.write(call, [&](Tx& tx) {
    auto category = store::find_category(tx, id);
    if (!category) throw Problem::not_found("category", id.view());
    if (category->version != version) throw Problem::precondition_failed("The category has changed since you read it; read it again and repeat your change.");
    change.parent_id.apply_to(category->parent_id);
    if (change.handle.value) category->handle = *change.handle.value;
    if (change.position.value) category->position = *change.position.value;
    for (const auto& [language, text] : change.texts.value_or(std::map<std::string, Patch<CategoryText>>{})) {
      if (text.value)
        category->texts[language] = *text.value;
      else
        category->texts.erase(language);
    }
    check(*category);
    check_parent(tx, *category);
    for (const auto& other : store::list_categories(tx))
      if (other.handle == category->handle && other.id != id) throw Problem::conflict("handle_taken", fmt::format("The handle {} belongs to another category.", category->handle), "/handle");
    store::update_category(tx, *category);
    ++category->version;
    tx.publish(CategoryChanged{*category, category->version});
    return *category;
  });
}

void Categories::remove(const Call& call, const CategoryId& id, std::int64_t version) {
  node_.db.write(call, [&](Tx& tx) {
    if (!store::find_category(tx, id)) throw Problem::not_found("category", id.view());
    if (const auto uses = store::count_uses(tx, id)) throw Problem::conflict("category_in_use", fmt::format("{} products or categories are in it; move them first.", uses));
    if (!store::delete_category(tx, id, version)) throw Problem::precondition_failed("The category has changed since you read it.");
    tx.publish(CategoryRemoved{id, version + 1});
  });
}

Category Categories::get(const Call& call, const CategoryId& id) {
  auto category = node_.db.read(call, [&](Tx& tx) { return store::find_category(tx, id); });
  if (!category) throw Problem::not_found("category", id.view());
  return std::move(*category);
}

std::vector<Category> Categories::list(const Call& call) {
  return node_.db.read(call, [](Tx& tx) { return store::list_categories(tx); });
}

CategoryId category_at_path(Tx& tx, std::vector<Category>& all, std::string_view path, const std::string& language) {
  std::optional<CategoryId> parent;
  int depth = 0;
  while (!path.empty()) {
    const auto end = path.find('/');
    auto name = path.substr(0, end);
    path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (name.empty() || code_points(name) > 200 || ++depth > depth_max) throw Problem::invalid("bad_category", "Write a category as names from the root, such as Garden / Tools.");
    const auto found = std::ranges::find_if(all, [&](const auto& c) { return c.parent_id == parent && text_in(c.texts, language).name == name; });
    if (found != all.end()) {
      parent = found->id;
      continue;
    }
    Category made{CategoryId::make(tx.now()), parent, handle_of(name), {{language, {Text<1, 200>(name)}}}, static_cast<std::int64_t>(all.size()), 1};
    if (std::ranges::any_of(all, [&](const auto& c) { return c.handle == made.handle; })) made.handle += '-' + made.id.str().substr(CategoryId::size - 6);
    insert(tx, made);
    parent = made.id;
    all.push_back(std::move(made));
  }
  if (!parent) throw Problem::invalid("bad_category", "Write a category as names from the root, such as Garden / Tools.");
  return *parent;
}

}  // namespace polyshop::catalog
