#pragma once

#include "bus/node.hpp"
#include "catalog/facade.hpp"

namespace polyshop::catalog {

struct ChangeCategory {
  Patch<CategoryId> parent_id;  // null moves it to the root
  Patch<Handle> handle;
  std::optional<std::map<std::string, Patch<CategoryText>>> texts;
  Patch<Range<0, 1'000'000>> position;
};
BOOST_DESCRIBE_STRUCT(ChangeCategory, (), (parent_id, handle, texts, position))

// The tree of categories; at most 32 levels deep.
class Categories {
 public:
  explicit Categories(bus::Node& node) : node_(node) {}

  Category create(const Call& call, const CreateCategory& wanted);
  Category change(const Call& call, const CategoryId& id, std::int64_t version, const ChangeCategory& change);
  void remove(const Call& call, const CategoryId& id, std::int64_t version);  // only an empty one
  Category get(const Call& call, const CategoryId& id);
  std::vector<Category> list(const Call& call);

 private:
  bus::Node& node_;
};

// The category at "Garden / Tools", by names in a language; made, and added to all that there are, where it is missing.
CategoryId category_at_path(Tx& tx, std::vector<Category>& all, std::string_view path, const std::string& language);

}  // namespace polyshop::catalog
