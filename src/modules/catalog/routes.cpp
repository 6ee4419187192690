#include "module.hpp"

namespace polyshop::catalog {
namespace {

// A category as a storefront shows it: in one language, with its place in the tree.
struct StoreCategory {
  CategoryId id;
  std::optional<CategoryId> parent_id;
  std::string handle;
  std::string name;
};
BOOST_DESCRIBE_STRUCT(StoreCategory, (), (id, parent_id, handle, name))

http::Listed<StoreCategory> store_categories(const Call& call, Categories& categories) {
  http::Listed<StoreCategory> page;
  for (const auto& category : categories.list(call)) page.data.push_back({category.id, category.parent_id, category.handle, text_in(category.texts, call.language).name});
  return page;
}

}  // namespace

void add_routes(http::ModuleRoutes routes, Products& products, Categories& categories) {
  using namespace http;
  const auto may_read = staff("catalog.read");
  const auto may_write = staff("catalog.write");

  routes.get("/v1/store/categories", "List the categories, parents first", everyone(), [&](const Call& call) { return store_categories(call, categories); });

  routes.get("/v1/admin/products", "List products, drafts included", may_read, [&](const Call& call, const Params<ListProducts>& wanted) { return products.list(call, wanted); });
  routes.post("/v1/admin/products", "Create a product with its variants", may_write, [&](const Call& call, const Body<CreateProduct>& wanted) {
    auto product = products.create(call, wanted);
    const auto location = "/v1/admin/products/" + product.id.str();
    return Created<Product>{std::move(product), location};
  });
  routes.get("/v1/admin/products/{id}", "Read a product", may_read, [&](const Call& call, const Path<ProductId>& path) { return products.get(call, path.get()); });
  routes.patch("/v1/admin/products/{id}", "Change a product", may_write, [&](const Call& call, const Path<ProductId>& path, const Match& match, const Body<ChangeProduct>& change) {
    return products.change(call, path.get(), match.version, change);
  });
  routes.remove("/v1/admin/products/{id}", "Remove a product", may_write, [&](const Call& call, const Path<ProductId>& path, const Match& match) {
    products.remove(call, path.get(), match.version);
    return NoContent{};
  });

  routes.get("/v1/admin/categories", "List the categories, parents first", may_read, [&](const Call& call) { return Listed<Category>{categories.list(call), {}, {}, {}}; });
  routes.post("/v1/admin/categories", "Create a category", may_write, [&](const Call& call, const Body<CreateCategory>& wanted) {
    auto category = categories.create(call, wanted);
    const auto location = "/v1/admin/categories/" + category.id.str();
    return Created<Category>{std::move(category), location};
  });
  routes.get("/v1/admin/categories/{id}", "Read a category", may_read, [&](const Call& call, const Path<CategoryId>& path) { return categories.get(call, path.get()); });
  routes.patch("/v1/admin/categories/{id}", "Change a category", may_write, [&](const Call& call, const Path<CategoryId>& path, const Match& match, const Body<ChangeCategory>& change) {
    return categories.change(call, path.get(), match.version, change);
  });
  routes.remove("/v1/admin/categories/{id}", "Remove an empty category", may_write, [&](const Call& call, const Path<CategoryId>& path, const Match& match) {
    categories.remove(call, path.get(), match.version);
    return NoContent{};
  });
}

}  // namespace polyshop::catalog
