#include <doctest/doctest.h>

#include <sstream>

#include <fmt/format.h>

#include "program/importer.hpp"
#include "shop_ground.hpp"

namespace polyshop {
namespace {

using tests::Ground;
using tests::on_each_engine;
using tests::ShopGround;

struct Imported {
  ImportCounts counts;
  std::vector<ImportFault> faults;
  std::string errors;
  std::size_t batches = 0;

  // "created changed unchanged left_aside"
  std::string summary() const { return fmt::format("{} {} {} {}", counts.created, counts.changed, counts.unchanged, counts.left_aside); }
  // "3 bad_price, 5 duplicate_sku"
  std::string found() const {
    std::string text;
    for (const auto& fault : faults) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", fault.line, fault.code);
    return text;
  }
};

Imported import(ShopGround& shop, ImportKind kind, const std::string& text, const ImportOptions& options = {}) {
  Imported imported;
  std::istringstream in(text);
  std::ostringstream errors;
  std::size_t bytes = 0;
  imported.counts = import_file(kind, shop.facades, in, options,
                                {[&] { return shop.ground.as_system(); }, [&]() -> std::ostream& { return errors; }, [&](const ImportFault& fault) { imported.faults.push_back(fault); },
                                 [&](const ImportCounts& counts, std::size_t so_far) {
                                   CHECK(counts.rows == counts.created + counts.changed + counts.unchanged + counts.left_aside);
                                   CHECK(so_far >= bytes);
                                   bytes = so_far;
                                   ++imported.batches;
                                 }});
  CHECK(bytes == text.size());
  imported.errors = errors.str();
  return imported;
}

ImportOptions dry(ImportOptions options = {}) {
  options.dry_run = true;
  return options;
}

ImportOptions in_currency(std::string_view code) {
  ImportOptions options;
  options.currency = Currency::parse(code);
  return options;
}

template <class F>
Problem problem_of(F&& run) {
  try {
    run();
  } catch (const Problem& problem) {
    return problem;
  }
  return Problem(0, "none", "");
}

const Currency eur = *Currency::parse("EUR");
const Currency gbp = *Currency::parse("GBP");

}  // namespace

TEST_CASE("a file that is no use as a whole is refused before anything is changed") {
  struct Case {
    ImportKind kind;
    std::string text;
    ImportOptions options;
    std::string code;
    std::string says;
  };
  const auto mapped = [](std::vector<std::string> mapping) {
    ImportOptions options;
    options.mapping = std::move(mapping);
    return options;
  };
  ImportOptions english;
  english.language = "English";
  using enum ImportKind;
  const std::vector<Case> cases{
      {products, "", {}, "empty_file", "first line"},
      {products, "\n\r\n\n", {}, "empty_file", ""},
      {products, "\xEF\xBB\xBF", {}, "empty_file", ""},
      {products, "sku,na\xFFme\nA,B\n", {}, "bad_header", "UTF-8"},
      {products, "sku,\"name\nA,B\n", {}, "bad_header", "quote"},
      {products, "sku,name,colur\nA,B,C\n", {}, "unknown_column", "option.size"},
      {products, "sku;name;price\nA;B;1\n", {}, "unknown_column", "--map"},
      {products, "sku,name,\nA,B,C\n", {}, "unknown_column", ""},
      {products, "sku,name,price_EUX\nA,B,1\n", {}, "unknown_column", ""},
      {products, "sku,name,option.\nA,B,1\n", {}, "unknown_column", ""},
      {products, "sku,name,quantity\nA,B,1\n", {}, "unknown_column", ""},
      {products, "sku,price_EUR\nA,1\n", {}, "column_missing", "name"},
      {products, "name,price_EUR\nA,1\n", {}, "column_missing", "sku"},
      {products, "sku,name,SKU\nA,B,C\n", {}, "field_twice", "sku"},
      {products, "sku,name,price\nA,B,1\n", {}, "currency_missing", "--currency"},
      {products, "sku,name\nA,B\n", english, "unknown_language", "en"},
      {products, "sku,name\nA,B\n", mapped({"sku"}), "bad_mapping", "="},
      {products, "sku,name\nA,B\n", mapped({"Nam=name"}), "unknown_column", "\"name\""},
      {products, "sku,Title\nA,B\n", mapped({"Title=nane"}), "unknown_field", "name"},
      {products, "sku,Title\nA,B\n", mapped({"Title=name", "Title=description"}), "mapped_twice", "Title"},
      {products, "sku,name,Title\nA,B,C\n", mapped({"Title=name"}), "field_twice", "Title"},
      {stock, "sku,count\nA,1\n", {}, "unknown_column", "quantity"},
      {stock, "sku\nA\n", {}, "column_missing", "quantity"},
      {stock, "sku,quantity,name\nA,1,B\n", {}, "unknown_column", ""},
      {customers, "first_name\nA\n", {}, "column_missing", "email"},
      {customers, "email,city\na@b.example,Leeds\n", {}, "column_missing", "line1"},
  };
  Ground ground(Engine::sqlite);
  ShopGround shop(ground);
  const auto before = shop.events();
  for (const auto& test : cases) {
    CAPTURE(test.text);
    const auto problem = problem_of([&] { import(shop, test.kind, test.text, test.options); });
    CHECK(problem.code == test.code);
    CHECK_MESSAGE(problem.detail.find(test.says) != std::string::npos, problem.detail);
  }
  CHECK(shop.events() == before);
  const auto problem = problem_of([&] { import(shop, products, "sku,nmae,weight,price_EUX\nA,B,C,D\n"); });
  REQUIRE(problem.errors.size() == 3);
  CHECK(problem.errors[0].pointer == "\"nmae\"");
  CHECK(problem.errors[0].detail == "The closest field is name.");
  CHECK(problem.errors[1].detail == "The closest field is weight_g.");
  CHECK(problem.errors[2].detail == "EUX is no currency in use as of ISO 4217.");
}

TEST_CASE("rows that are not right are left aside, each with its line and reason, all others take effect") {
  struct Case {
    std::string text;
    ImportOptions options;
    std::string faults;
    std::string summary;
  };
  const std::vector<Case> cases{
      {"sku,name\nA1,\n,B\nA2,C\n", {}, "2 value_missing, 3 value_missing", "1 0 0 2"},
      {"sku,name\nB1,B,C\nB2\nB3,D\n", {}, "2 wrong_cell_count, 3 wrong_cell_count", "1 0 0 2"},
      {"sku,name\nC1,\"never closed\nC2,fine\nC3,a\"b\nC4,\"a\"b\nC5,fine\n", {}, "2 bad_record, 4 bad_record, 5 bad_record", "2 0 0 3"},
      {"sku,name\nD1,caf\xE9\nD2,caf\xC3\xA9\n", {}, "2 bad_record", "1 0 0 1"},
      {std::string("sku,name\nE1,a\0b\nE2,c\n", 20), {}, "2 bad_record", "1 0 0 1"},
      {"sku,name,price\nF1,a,1.999\nF2,a,-1\nF3,a,ten\nF4,a,1e3\nF5,a,\"1,50\"\nF6,a,99999999999999999999\nF7,a,92233720368547758.08\nF8,a,\nF9,a,0\nF10,a,12.500\n", in_currency("GBP"),
       "2 bad_price, 3 negative_price, 4 bad_price, 5 bad_price, 6 bad_price, 7 bad_price, 8 bad_price", "3 0 0 7"},
      {"sku,name,price,currency\nG1,a,1.50,EUR\nG2,a,1.50,EUX\nG3,a,1.50,eur\nG4,a,1.5,JPY\nG5,a,150,JPY\nG6,a,1.50,\n", {}, "3 unknown_currency, 4 unknown_currency, 5 bad_price, 7 currency_missing", "2 0 0 4"},
      {"sku,name,price,currency,price_EUR\nH1,a,1.50,EUR,1.50\nH2,a,1.50,GBP,1.50\nH3,a,1.50,,2\n", in_currency("GBP"), "2 currency_twice", "2 0 0 1"},
      {"sku,name,weight_g\nI1,a,1.5\nI2,a,-1\nI3,a,12.0\nI4,a,heavy\nI5,a,9999999999\n", {}, "2 bad_weight, 3 bad_weight, 5 bad_weight, 6 bad_weight", "1 0 0 4"},
      {"sku,name,state\nJ1,a,draft\nJ2,a,sold\nJ3,a,\n", {}, "3 bad_state", "2 0 0 1"},
      {"sku,name\nK1,a\nK2,a\nK1,b\nk1,c\n K1 ,d\n", {}, "4 duplicate_sku, 6 duplicate_sku", "3 0 0 2"},
      {"sku,name,product\nL1,a,Not a handle\nL2,a,a-handle\n", {}, "2 malformed_handle", "1 0 0 1"},
      {"sku,name,product,option.size\nM1,a,shirt,S\nM2,a,shirt,M\nM3,a,shirt,S\nM4,a,shirt,\n", {}, "4 variant_twice, 5 option_value_missing", "2 0 0 2"},
      {"sku,name,option.size\nN1,a," + std::string(101, 'x') + "\nN2,a," + std::string(100, 'x') + "\n", {}, "2 bad_option", "1 0 0 1"},
      {"sku,name\n" + std::string(65, 'x') + ",a\nO2," + std::string(301, 'x') + "\nO3,\xC3\xA4\n", {}, "2 bad_sku, 3 bad_name", "1 0 0 2"},
      {"sku,name,category\nP1,a,Garden / / Tools\nP2,a,Garden / Tools\n", {}, "2 bad_category", "1 0 0 1"},
      {"sku,name\n", {}, "", "0 0 0 0"},
      {"sku,name\r\nR1,\"two\r\nlines\"\r\nR2,a\"\r\n", {}, "4 bad_record", "1 0 0 1"},
  };
  on_each_engine([&](Ground& ground) {
    ShopGround shop(ground);
    for (const auto& test : cases) {
      CAPTURE(test.text);
      const auto tried = import(shop, ImportKind::products, test.text, dry(test.options));
      CHECK(tried.found() == test.faults);
      CHECK(tried.summary() == test.summary);
      const auto done = import(shop, ImportKind::products, test.text, test.options);
      CHECK(done.found() == test.faults);
      CHECK(done.summary() == test.summary);
      CHECK(done.errors == tried.errors);
      CHECK(done.errors.empty() == test.faults.empty());
      const auto repeated = import(shop, ImportKind::products, test.text, test.options);
      CHECK(repeated.found() == test.faults);
      CHECK(repeated.summary() == fmt::format("0 0 {} {}", done.counts.created, done.counts.left_aside));
    }
  });
}

TEST_CASE("a row with a bad price makes no product, and one the catalog refuses gets no price") {
  on_each_engine([](Ground& ground) {
    ShopGround shop(ground);
    const auto done = import(shop, ImportKind::products, "sku,name,price_EUR,state\nA,a,1.005,\nB,b,1.00,sold\nC,c,1.00,\n");
    CHECK(done.found() == "2 bad_price, 3 bad_state");
    REQUIRE(shop.products().size() == 1);
    CHECK(shop.products()[0].variants[0].sku == "C");
    CHECK(shop.prices_of("C") == std::vector<Money>{{100, eur}});
    CHECK(shop.prices_of("B").empty());
  });
}

TEST_CASE("a row counts as changed where the catalog or a price changes") {
  on_each_engine([](Ground& ground) {
    ShopGround shop(ground);
    const auto file = [](std::string_view a, std::string_view b, std::string_view c) { return fmt::format("sku,name,product,option.size,price_EUR,price_GBP\nA,{}\nB,{}\nC,{}\n", a, b, c); };
    struct Step {
      std::string text;
      std::string summary;
    };
    const std::vector<Step> steps{
        {file("Tee,tee,S,10,9", "Tee,tee,M,10,9", "Mug,,,5,"), "3 0 0 0"},
        {file("Tee,tee,S,10,9", "Tee,tee,M,10,9", "Mug,,,5,"), "0 0 3 0"},
        {file("Tee,tee,S,11,9", "Tee,tee,M,10,9", "Mug,,,5.00,"), "0 1 2 0"},           // a price
        {file("Tee,tee,S,11,9", "Tee,tee,M,10,9", "Cup,,,5,"), "0 1 2 0"},              // a name
        {file("Tee,tee,S,12,8", "Tee,tee,L,10,9", "Mug,,,6,"), "0 3 0 0"},              // prices and names
        {file("Tee,tee,S,12,8", "Tee,tee,L,10,9", "Mug,,,,4"), "0 1 2 0"},              // one more currency, and nothing said of the other
        {file("Tee,tee,S,,", "Tee,tee,L,,", "Mug,,,,"), "0 0 3 0"},
        {"sku,name,product,option.size,price_EUR\nA,Tee,tee,S,12\nD,Tee,tee,XL,12\nE,Cap,,,1\n", "2 0 1 0"},
    };
    for (const auto& step : steps) {
      CAPTURE(step.text);
      CHECK(import(shop, ImportKind::products, step.text, dry()).summary() == step.summary);
      CHECK(import(shop, ImportKind::products, step.text).summary() == step.summary);
      const auto events = shop.events();
      const auto repeated = import(shop, ImportKind::products, step.text);
      CHECK(repeated.counts.unchanged == 3);
      CHECK(shop.events() == events);
    }
    CHECK(shop.prices_of("C") == std::vector<Money>{{600, eur}, {400, gbp}});
  });
}

TEST_CASE("prices of any size are compared without being added up") {
  Ground ground(Engine::sqlite);
  ShopGround shop(ground);
  const std::string text = "sku,name,price_EUR\nA,a,92233720368547758.07\nB,b,92233720368547758.07\n";
  CHECK(import(shop, ImportKind::products, text).summary() == "2 0 0 0");
  CHECK(import(shop, ImportKind::products, text).summary() == "0 0 2 0");
}

TEST_CASE("a dry run changes nothing and says what would happen") {
  on_each_engine([](Ground& ground) {
    ShopGround shop(ground);
    const auto before = shop.events();
    CHECK(import(shop, ImportKind::products, "sku,name,category,price_EUR\nA,a,X / Y,1\nB,b,X / Y,2\nA,c,X,3\n", dry()).summary() == "2 0 0 1");
    CHECK(import(shop, ImportKind::customers, "email\nann@example.com\n", dry()).summary() == "1 0 0 0");
    CHECK(shop.events() == before);
    CHECK(shop.products().empty());
    CHECK(shop.facades.catalog.list_categories(ground.as_system(), {}).empty());
    import(shop, ImportKind::products, "sku,name,price_EUR\nA,a,1\n");
    const auto made = shop.events();
    CHECK(import(shop, ImportKind::products, "sku,name,price_EUR\nA,a,2\n", dry()).summary() == "0 1 0 0");
    CHECK(import(shop, ImportKind::stock, "sku,quantity\nA,5\n", dry()).summary() == "0 1 0 0");
    CHECK(shop.events() == made);
    CHECK(shop.prices_of("A") == std::vector<Money>{{100, eur}});
  });
}

TEST_CASE("the file of faulty rows can be corrected and imported as it is") {
  Ground ground(Engine::sqlite);
  ShopGround shop(ground);
  const auto first = import(shop, ImportKind::products, "sku,Titel,price_EUR\r\nA,\"a, with \"\"quotes\"\"\",1.001\r\nB,\"b\r\nC,c,1\r\nD,d,oops\r\n", {{"Titel=name"}, {}, "de", false});
  CHECK(first.found() == "2 bad_price, 3 bad_record, 5 bad_price");
  CHECK(first.errors.starts_with("error_line,error,sku,Titel,price_EUR\n2,"));
  CHECK(first.errors.find(",A,\"a, with \"\"quotes\"\"\",1.001\n") != std::string::npos);

  // Nothing corrected: the same rows fail again, and the columns do not pile up.
  const ImportOptions options{{"Titel=name"}, {}, "de", false};
  const auto again = import(shop, ImportKind::products, first.errors, options);
  CHECK(again.found() == "2 bad_price, 3 bad_record, 4 bad_price");
  CHECK(again.errors.starts_with("error_line,error,sku,Titel,price_EUR\n2,"));
  CHECK(std::ranges::count(again.errors, '\n') == 4);

  auto corrected = again.errors;
  const auto replace = [&](std::string_view from, std::string_view to) {
    const auto at = corrected.find(from);
    REQUIRE(at != std::string::npos);
    corrected.replace(at, from.size(), to);
  };
  replace(",1.001\n", ",1.01\n");
  replace(",B,\"b\n", ",B,\"b\",2\n");
  const auto third = import(shop, ImportKind::products, corrected, options);
  CHECK(third.summary() == "2 0 0 1");
  CHECK(shop.products().size() == 3);
  CHECK(shop.products()[1].texts.at("de").name == "a, with \"quotes\"");
  CHECK(shop.prices_of("A") == std::vector<Money>{{101, eur}});

  // Wherever a spreadsheet put the columns.
  const auto moved = import(shop, ImportKind::products, "sku,error,name,Error_Line,price_EUR\nE,x: y,e,9,1.001\n");
  CHECK(moved.errors.starts_with("error_line,error,sku,name,price_EUR\n2,"));
  CHECK(moved.errors.ends_with(",E,e,1.001\n"));
}

TEST_CASE("columns are found by name in capitals or not, others by --map, and one can be left out") {
  Ground ground(Engine::sqlite);
  ShopGround shop(ground);
  const ImportOptions options{{"Artikel=sku", "a=b=name", "Notiz=", "Farbe = option.Farbe"}, {}, "de", false};
  const auto done = import(shop, ImportKind::products, "\xEF\xBB\xBF Artikel ,a=b,Notiz,Farbe,PRICE_eur,Weight_G,Option.Size,Category\nA, Hemd ,x,Rot,10,200,S,Hemden / Freizeit\n", options);
  CHECK(done.summary() == "1 0 0 0");
  const auto product = shop.products().at(0);
  CHECK(product.texts.at("de").name == "Hemd");
  CHECK(product.variants[0].weight_g == 200);
  CHECK(product.variants[0].option_values == std::map<std::string, std::string>{{"Farbe", "Rot"}, {"Size", "S"}});
  CHECK(shop.prices_of("A") == std::vector<Money>{{1000, eur}});
  const auto categories = shop.facades.catalog.list_categories(ground.as_system(), {});
  REQUIRE(categories.size() == 2);
  CHECK(product.category_ids == std::vector<catalog::CategoryId>{categories[1].id});
}

TEST_CASE("a long file goes in batches, and what belongs together stays together") {
  Ground ground(Engine::sqlite);
  ShopGround shop(ground);
  // A product of 40 variants lies across the end of the first batch; its last row, and one far away, repeat a size.
  std::string text = "sku,name,product,option.size,price_EUR\n";
  for (int i = 0; i < 480; ++i) text += fmt::format("A{},a,,,1\n", i);
  for (int i = 0; i < 40; ++i) text += fmt::format("B{},b,b,{},1\n", i, i == 39 ? 0 : i);
  for (int i = 0; i < 700; ++i) text += fmt::format("C{},c,,,{}\n", i, i == 600 ? "-1" : "1");
  text += "A3,a,,,1\n";
  const auto tried = import(shop, ImportKind::products, text, dry());
  CHECK(tried.found() == "521 variant_twice, 1122 negative_price, 1222 duplicate_sku");
  const auto done = import(shop, ImportKind::products, text);
  CHECK(done.found() == tried.found());
  CHECK(done.summary() == "1218 0 0 3");
  CHECK(tried.summary() == done.summary());
  CHECK(done.batches == 3);
  CHECK(done.faults[2].detail == "The SKU A3 stands in line 5 already.");
  CHECK(import(shop, ImportKind::products, text).summary() == "0 0 1218 3");
  // A file of faults alone does not pile up either.
  std::string faulty = "sku,name\n";
  for (int i = 0; i < 1100; ++i) faulty += "X\n";
  const auto refused = import(shop, ImportKind::products, faulty);
  CHECK(refused.counts.left_aside == 1100);
  CHECK(refused.batches == 3);
}

TEST_CASE("stock is a count for each SKU and location") {
  on_each_engine([](Ground& ground) {
    ShopGround shop(ground);
    import(shop, ImportKind::products, "sku,name\nA,a\nB,b\n");
    const std::string text = "sku,quantity,location\nA,5,\nB,3,leeds\nB,4,\nA,7,\nX,1,\nA,-1,leeds\nB,many,york\nB,1.5,hull\n,1,\n";
    const auto tried = import(shop, ImportKind::stock, text, dry());
    CHECK(tried.found() == "5 duplicate_sku, 6 unknown_sku, 7 bad_quantity, 8 bad_quantity, 9 bad_quantity, 10 value_missing");
    const auto done = import(shop, ImportKind::stock, text);
    CHECK(done.found() == tried.found());
    CHECK(done.summary() == "0 3 0 6");
    CHECK(tried.summary() == done.summary());
    CHECK(import(shop, ImportKind::stock, text).summary() == "0 0 3 6");
    std::map<std::string, std::int64_t> available;
    for (const auto& row : shop.facades.inventory.get_availability(ground.as_system(), {{"A", "B"}})) available[row.sku] = row.available;
    CHECK(available == std::map<std::string, std::int64_t>{{"A", 5}, {"B", 7}});
  });
}

TEST_CASE("customers are known by their e-mail address") {
  on_each_engine([](Ground& ground) {
    ShopGround shop(ground);
    const std::string text =
        "email,first_name,last_name,phone,name,company,line1,line2,city,region,postal_code,country\n"
        "ann@example.com,Ann,Shaw,,,,1 Mill Lane,,Leeds,,LS1 1AA,gb\n"
        "ANN@example.com,Ann,Shaw,,,,,,,,,\n"
        "bob@example.com,,,,,,,,,,,\n"
        "no address,Cy,,,,,,,,,,\n"
        "cy@example.com,Cy,,,,,1 Mill Lane,,Leeds,,,XX\n"
        "di@example.com,Di,,,,,1 Mill Lane,,,,,GB\n"
        "ed@example.com,,,,,,1 Mill Lane,,Leeds,,,GB\n"
        "flo@example.com,Flo,,,,,1 Mill Lane,,Leeds,," +
        std::string(21, '9') +
        ",GB\n"
        ",Gus,,,,,,,,,,\n";
    const std::string faults = "3 duplicate_email, 5 bad_email, 6 unknown_country, 7 value_missing, 8 value_missing, 9 bad_address, 10 value_missing";
    const auto tried = import(shop, ImportKind::customers, text, dry());
    CHECK(tried.found() == faults);
    const auto done = import(shop, ImportKind::customers, text);
    CHECK(done.found() == faults);
    CHECK(done.summary() == "2 0 0 7");
    CHECK(tried.summary() == done.summary());
    ground.deliver_events();
    CHECK(import(shop, ImportKind::customers, text).summary() == "0 0 2 7");
    const auto user = shop.facades.auth.find_user(ground.as_system(), {auth::UserKind::customer, "ann@example.com"});
    REQUIRE(user.size() == 1);
    CHECK(shop.facades.customer.get_customer(ground.as_system(), {user[0].id}).last_name == "Shaw");
  });
}

TEST_CASE("an import that is cut short says how far it came") {
  Ground ground(Engine::sqlite);
  ShopGround shop(ground);
  std::string text = "sku,name\n";
  for (int i = 0; i < 1200; ++i) text += fmt::format("A{},a\n", i);

  int calls = 0;
  const auto whole = shop.facades.catalog;
  shop.facades.catalog.import_products = [&](const Call& call, const catalog::ImportProducts& rows) {
    if (++calls == 2) throw Problem::unavailable("overloaded", "The database is busy.");
    return whole.import_products(call, rows);
  };
  const auto problem = problem_of([&] { import(shop, ImportKind::products, text); });
  CHECK(problem.code == "overloaded");
  CHECK(problem.detail == "The database is busy. The 500 rows before line 502 were imported; repeat the import when that is settled.");
  CHECK(import(shop, ImportKind::products, text).summary() == "700 0 500 0");

  // A disk that fails after the first 64 KiB, and one that is full for the faulty rows.
  struct Failing : std::stringbuf {
    using std::stringbuf::stringbuf;
    bool was_read = false;
    std::streamsize xsgetn(char* to, std::streamsize size) override {
      if (std::exchange(was_read, true)) throw std::runtime_error("gone");
      return std::stringbuf::xsgetn(to, size);
    }
  };
  std::string long_text = "sku,name\n";
  for (int i = 0; i < 300; ++i) long_text += fmt::format("Z{},{}\n", i, std::string(290, 'z'));
  Failing buffer(long_text);
  std::istream failing(&buffer);
  std::ostringstream errors;
  const ImportSurroundings surroundings{[&] { return ground.as_system(); }, [&]() -> std::ostream& { return errors; }, [](const ImportFault&) {}, [](const ImportCounts&, std::size_t) {}};
  CHECK(problem_of([&] { import_file(ImportKind::products, shop.facades, failing, {}, surroundings); }).code == "reading_failed");
  errors.setstate(std::ios::badbit);
  std::istringstream faulty("sku,name\nZ\n");
  CHECK(problem_of([&] { import_file(ImportKind::products, shop.facades, faulty, {}, surroundings); }).code == "errors_not_written");
}

}  // namespace polyshop
