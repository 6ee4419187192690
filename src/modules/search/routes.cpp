#include "kernel/security/token.hpp"
#include "module.hpp"

namespace polyshop::search {
namespace {

// Answers that set their own fields and may wait, and still say in the API's description what their body is.
struct ProductAnswer {
  http::Outcome outcome;
};
struct ListAnswer {
  http::Outcome outcome;
};

// Everyone may keep it and asks whether it still holds.
http::Response cacheable(http::Response response, const std::string& etag, std::vector<std::string> cached_under) {
  response.fields = {{"ETag", etag}, {"Cache-Control", "public, max-age=0, must-revalidate"}, {"Vary", "Accept-Language"}};
  response.cached_under = std::move(cached_under);
  return response;
}

struct Asked {
  Call call;
  std::string id_or_handle;
  GetProduct wanted;
  Deadline give_up;
};

// The wait ends when something was rendered; another instance may do that, so it also looks four times a second.
http::Outcome product_when_there(Storefront& storefront, Progress& progress, const Asked& asked) {
  if (auto found = storefront.find(asked.call, asked.id_or_handle, asked.wanted)) {
    http::Response response;
    response.body = std::move(found->body);
    // Who asks for a version is the one who changed it, and asks once.
    return cacheable(std::move(response), found->etag, asked.wanted.min_version ? std::vector<std::string>() : std::vector{found->depends_on});
  }
  if (std::chrono::steady_clock::now() >= asked.give_up) throw Problem::unavailable("not_yet", "The product is not shown in this version yet. Ask again.");
  http::Deferred wait;
  wait.seconds_max = 0.25;
  wait.start = [&storefront, &progress, asked](std::move_only_function<void()> resume) {
    progress.await(std::move(resume));
    // It may have come between the look and the wait.
    bool is_there = true;
    try {
      is_there = storefront.find(asked.call, asked.id_or_handle, asked.wanted).has_value();
    } catch (const Problem&) {
    }
    if (is_there) progress.announce();
  };
  wait.finish = [&storefront, &progress, asked] { return product_when_there(storefront, progress, asked); };
  return wait;
}

}  // namespace
}  // namespace polyshop::search

namespace polyshop::http::detail {

template <>
Outcome outcome_of<search::ProductAnswer>(search::ProductAnswer&& answer) {
  return std::move(answer.outcome);
}
template <>
void document_answer<search::ProductAnswer>(json::Schemas& schemas, Documentation& out) {
  out.answer = json::schema_of<search::StoreProduct>(schemas);
}
template <>
Outcome outcome_of<search::ListAnswer>(search::ListAnswer&& answer) {
  return std::move(answer.outcome);
}
template <>
void document_answer<search::ListAnswer>(json::Schemas& schemas, Documentation& out) {
  document_answer<Listed<search::StoreProduct>>(schemas, out);
  (*out.answer)["properties"].as_object()["facets"] = json::schema_of<search::Facets>(schemas);
}

}  // namespace polyshop::http::detail

namespace polyshop::search {

void add_routes(http::ModuleRoutes routes, Storefront& storefront, Progress& progress) {
  using namespace http;
  routes.get("/v1/store/products", "List, search and filter the products of the shop", everyone(), [&](const Call& call, const Params<ListProducts>& wanted) {
    auto list = storefront.list(call, wanted);
    auto response = std::get<Response>(detail::outcome_of(std::move(list.page)));
    const auto etag = '"' + sha256_hex(response.body).substr(0, 32) + '"';
    return ListAnswer{cacheable(std::move(response), etag, std::move(list.depends_on))};
  });
  routes.get("/v1/store/products/{id}", "Read a product by its id or handle", everyone(), [&](const Call& call, const http::Path<std::string>& path, const Params<GetProduct>& wanted) {
    return ProductAnswer{product_when_there(storefront, progress, {call, path.get(), wanted, std::chrono::steady_clock::now() + std::chrono::seconds(1)})};
  });
}

}  // namespace polyshop::search
