#include <doctest/doctest.h>

#include "../../src/modules/catalog/module.hpp"
#include "catalog/events.hpp"
#include "ground.hpp"

namespace polyshop::catalog {
namespace {

using tests::Ground;
using tests::on_each_engine;
using http::Method;

CreateProduct shirt() {
  CreateProduct wanted;
  wanted.texts = {{"en", {Text<1, 300>("Shirt"), {}}}, {"de", {Text<1, 300>("Hemd"), {}}}};
  wanted.options = std::vector<Option>{{Text<1, 60>("size"), {Text<1, 100>("S"), Text<1, 100>("M")}}};
  wanted.variants = {{Sku("SHIRT-S"), {{"size", "S"}}, 200}, {Sku("SHIRT-M"), {{"size", "M"}}, 210}};
  return wanted;
}

std::vector<bus::Event> events(Module& module) { return module.node().log.read_after(0, 1000); }

template <class F>
std::string code_of(F&& run) {
  try {
    run();
  } catch (const Problem& problem) {
    return problem.code;
  }
  return "";
}

void opened(Ground& ground, const std::function<void(Module&)>& body) {
  Module module(ground.platform());
  ground.open();
  body(module);
}

}  // namespace

TEST_CASE("a product is one aggregate with a version and an event for each change") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](Module& module) {
      const auto catalog = module.node().use(module.facade(), "catalog");
      const auto created = catalog.create_product(ground.as_system(), shirt());
      CHECK(created.handle == "shirt");
      CHECK(created.state == State::draft);
      const auto call = ground.as_staff({"catalog.read", "catalog.write"});
      const auto target = "/v1/admin/products/" + created.id.str();

      auto response = ground.send(Method::patch, target, R"({"state":"published","texts":{"de":null}})", call, {{"If-Match", "\"1\""}});
      REQUIRE(response.status == 200);
      CHECK(response.body.find("Hemd") == std::string::npos);
      CHECK(ground.send(Method::patch, target, R"({"state":"draft"})", call, {{"If-Match", "\"1\""}}).status == 412);
      CHECK(ground.send(Method::patch, target, R"({"state":"draft"})", call).status == 428);
      CHECK(ground.send(Method::patch, target, R"({"stat":"draft"})", call, {{"If-Match", "\"2\""}}).status == 400);

      while (module.node().log.sequence()) {}
      const auto published = events(module);
      REQUIRE(published.size() == 2);
      CHECK(published[0].name == "catalog.product_changed.v1");
      CHECK(published[1].position == 2);
      CHECK(published[1].version == 2);
      CHECK(published[1].aggregate == created.id.str());
    });
  });
}

TEST_CASE("a SKU belongs to one product, a handle too") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](Module& module) {
      const auto& catalog = module.facade();
      catalog.create_product(ground.as_system(), shirt());
      CHECK(code_of([&] { catalog.create_product(ground.as_system(), shirt()); }) == "sku_taken");
      auto other = shirt();
      other.handle = Handle("shirt");
      other.variants = {{Sku("X-S"), {{"size", "S"}}, 0}};
      CHECK(code_of([&] { catalog.create_product(ground.as_system(), other); }) == "handle_taken");
      other.handle.reset();
      CHECK(catalog.create_product(ground.as_system(), other).handle != "shirt");
      CHECK(catalog.export_products(ground.as_system(), {}).size() == 2);
    });
  });
}

TEST_CASE("the rules of a product") {
  struct Case {
    const char* code;
    std::function<void(CreateProduct&)> spoil;
  };
  const std::vector<Case> cases{
      {"text_required", [](auto& p) { p.texts.clear(); }},
      {"unknown_language", [](auto& p) { p.texts["english"] = p.texts["en"]; }},
      {"malformed_handle", [](auto& p) { p.handle = Handle("No Blanks"); }},
      {"variants_out_of_range", [](auto& p) { p.variants.clear(); }},
      {"sku_twice", [](auto& p) { p.variants[1].sku = p.variants[0].sku; }},
      {"option_value_missing", [](auto& p) { p.variants[1].option_values["size"] = "XXL"; }},
      {"unknown_option", [](auto& p) { p.variants[1].option_values["colour"] = "red"; }},
      {"variant_twice", [](auto& p) { p.variants[1].option_values["size"] = "S"; }},
      {"unknown_category", [](auto& p) { p.category_ids = std::vector{CategoryId::make(1)}; }},
  };
  Ground ground(Engine::sqlite);
  opened(ground, [&](Module& module) {
    for (const auto& one : cases) {
      auto wanted = shirt();
      one.spoil(wanted);
      CHECK(code_of([&] { module.facade().create_product(ground.as_system(), wanted); }) == one.code);
    }
    CHECK(module.facade().export_products(ground.as_system(), {}).empty());
  });
}

TEST_CASE("a command repeated with its key answers the first result") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](Module& module) {
      const auto call = ground.as_staff({"catalog.write"});
      const std::string body = R"({"texts":{"en":{"name":"Cup"}},"variants":[{"sku":"CUP","option_values":{},"weight_g":300}]})";
      const auto first = ground.send(Method::post, "/v1/admin/products", body, call, {{"Idempotency-Key", "k1"}});
      const auto again = ground.send(Method::post, "/v1/admin/products", body, call, {{"Idempotency-Key", "k1"}});
      REQUIRE(first.status == 201);
      CHECK(again.status == 201);
      CHECK(again.body == first.body);
      CHECK(std::ranges::any_of(again.fields, [](const auto& f) { return f.first == "Idempotency-Replayed"; }));
      const auto other = ground.send(Method::post, "/v1/admin/products", R"({"texts":{"en":{"name":"Mug"}},"variants":[{"sku":"MUG","option_values":{},"weight_g":300}]})", call, {{"Idempotency-Key", "k1"}});
      CHECK(other.status == 422);
      CHECK(module.facade().export_products(ground.as_system(), {}).size() == 1);
    });
  });
}

TEST_CASE("categories form a tree") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](Module& module) {
      const auto& catalog = module.facade();
      const auto garden = catalog.create_category(ground.as_system(), {{}, {}, {{"en", {Text<1, 200>("Garden")}}}, {}});
      const auto tools = catalog.create_category(ground.as_system(), {garden.id, {}, {{"en", {Text<1, 200>("Tools")}}}, {}});
      const auto gifts = catalog.create_category(ground.as_system(), {{}, {}, {{"en", {Text<1, 200>("Gifts")}}}, {}});
      auto wanted = shirt();
      wanted.category_ids = std::vector{tools.id, gifts.id};
      catalog.create_product(ground.as_system(), wanted);
      const auto found = catalog.find_variants(ground.as_system(), {{"SHIRT-S", "SHIRT-S", "NONE"}});
      REQUIRE(found.size() == 1);
      CHECK(found[0].category_ids == std::vector{tools.id, garden.id, gifts.id});  // the product's own order, each with what lies above it
      CHECK(catalog.find_skus(ground.as_system(), {{"SHIRT-S", "shirt-s", "NONE", "SHIRT-M", "SHIRT-S", "SHIRT-L"}}) == std::vector<std::string>{"SHIRT-M", "SHIRT-S"});
      CHECK(catalog.find_skus(ground.as_system(), {}).empty());
      const auto call = ground.as_staff({"catalog.write"});
      const auto below_itself = ground.send(Method::patch, "/v1/admin/categories/" + garden.id.str(), R"({"parent_id":")" + tools.id.str() + "\"}", call, {{"If-Match", "\"1\""}});
      CHECK(below_itself.status == 409);
      CHECK(ground.send(Method::del, "/v1/admin/categories/" + tools.id.str(), "", call, {{"If-Match", "\"1\""}}).status == 409);
    });
  });
}

TEST_CASE("an import is safe to repeat, and bad rows are left aside alone") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](Module& module) {
      const auto& catalog = module.facade();
      ImportProducts rows;
      rows.rows = {{2, "A-S", "Apron", "apron", {}, "Kitchen / Textiles", 90, {}, {{"size", "S"}}},
                   {3, "A-M", "Apron", "apron", {}, "Kitchen / Textiles", 95, {}, {{"size", "M"}}},
                   {4, "", "Nameless", {}, {}, {}, {}, {}, {}},
                   {5, "B", "Bowl", {}, {}, "Kitchen", {}, {}, {}},
                   {6, "A-S", "Bowl", "bowl", {}, {}, {}, {}, {}}};
      rows.dry_run = true;
      const auto dry = catalog.import_products(ground.as_system(), rows);
      CHECK(dry.created == 2);
      CHECK(catalog.export_products(ground.as_system(), {}).empty());
      rows.dry_run = false;
      const auto first = catalog.import_products(ground.as_system(), rows);
      CHECK(first.created == 2);
      CHECK(first.changed == 1);
      REQUIRE(first.faults.size() == 2);
      CHECK(first.faults[0].line == 4);
      CHECK(first.faults[0].code == "bad_sku");
      CHECK(first.faults[1].code == "sku_taken");
      const auto again = catalog.import_products(ground.as_system(), rows);
      CHECK(again.unchanged == 3);
      CHECK(again.created + again.changed == 0);
      CHECK(catalog.list_categories(ground.as_system(), {}).size() == 2);
      CHECK(catalog.export_products(ground.as_system(), {}).size() == 2);
    });
  });
}

TEST_CASE("rows of a product that follow each other are one change of it, and a refused one takes none of them with it") {
  on_each_engine([](Ground& ground) {
    opened(ground, [&](Module& module) {
      const auto& catalog = module.facade();
      const auto told = [&] {
        while (module.node().log.sequence()) {}
        return std::ranges::count(events(module), ProductChanged::event_name, &bus::Event::name);
      };
      ImportProducts rows;
      rows.rows = {{2, "B", "Bowl", "bowl", {}, {}, {}, {}, {}},
                   {3, "A-S", "Apron", "apron", {}, {}, 90, {}, {{"size", "S"}}},
                   {4, "A-M", "Apron", "apron", {}, {}, 95, {}, {{"size", "M"}}},
                   {5, "B", "Apron", "apron", {}, {}, 95, {}, {{"size", "L"}}},
                   {6, "A-M", "Apron", {}, {}, {}, 96, {}, {}}};
      const auto first = catalog.import_products(ground.as_system(), rows);
      CHECK(first.created == 2);
      CHECK(first.changed == 2);
      REQUIRE(first.faults.size() == 1);
      CHECK(first.faults[0].line == 5);
      CHECK(first.faults[0].code == "sku_taken");
      CHECK(told() == 2);
      auto stored = catalog.export_products(ground.as_system(), {});
      REQUIRE(stored.size() == 2);
      std::ranges::sort(stored, {}, [](const Product& product) { return std::string(product.handle); });
      CHECK(stored[0].version == 1);
      REQUIRE(stored[0].variants.size() == 2);
      CHECK(stored[0].variants[1].weight_g == 96);

      // There and back again within one run of rows is no change.
      rows.rows = {{2, "A-S", "Apron", "apron", {}, {}, 91, {}, {}}, {3, "A-S", "Apron", "apron", {}, {}, 90, {}, {}}, {4, "B", "Bowl", "bowl", {}, {}, 5, {}, {}}, {5, "A-M", "Apron", "apron", {}, {}, 97, {}, {}}};
      CHECK(catalog.import_products(ground.as_system(), rows).changed == 4);
      CHECK(told() == 4);
      stored = catalog.export_products(ground.as_system(), {});
      std::ranges::sort(stored, {}, [](const Product& product) { return std::string(product.handle); });
      CHECK(stored[0].version == 2);
      CHECK(stored[0].variants[1].weight_g == 97);
    });
  });
}

TEST_CASE("staff need the permission; nobody else gets in") {
  Ground ground(Engine::sqlite);
  opened(ground, [&](Module&) {
    CHECK(ground.send(Method::get, "/v1/admin/products", "", ground.call()).status == 401);
    CHECK(ground.send(Method::get, "/v1/admin/products", "", ground.as_customer("usr_x")).status == 403);
    CHECK(ground.send(Method::get, "/v1/admin/products", "", ground.as_staff({"order.read"})).status == 403);
    CHECK(ground.send(Method::get, "/v1/admin/products", "", ground.as_staff({"catalog.read"})).status == 200);
    CHECK(ground.send(Method::get, "/v1/admin/products?colour=red", "", ground.as_staff({"catalog.read"})).status == 400);
    CHECK(ground.send(Method::get, "/v1/admin/products?limit=101", "", ground.as_staff({"catalog.read"})).status == 422);
  });
}

}  // namespace polyshop::catalog
