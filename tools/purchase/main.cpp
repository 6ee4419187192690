#include <cstdio>
#include <exception>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kernel/json/codec.hpp"
#include "kernel/types/problem.hpp"
#include "live/run_tool.hpp"
#include "live/shop.hpp"
#include "live/shopper.hpp"

// Buys something in a fresh demo shop, as a storefront would.
namespace polyshop::purchase {

struct Variant {
  std::string sku;
  std::string availability;
  std::vector<Money> prices;
};
BOOST_DESCRIBE_STRUCT(Variant, (), (sku, availability, prices))

struct Product {
  std::string name;
  std::vector<Variant> variants;
};
BOOST_DESCRIBE_STRUCT(Product, (), (name, variants))

struct Products {
  std::vector<Product> data;
};
BOOST_DESCRIBE_STRUCT(Products, (), (data))

namespace {

struct Choice {
  std::string name;
  std::string sku;
};

// The first product that can be bought. The list is made from events, so that it fills a moment after the start.
Choice choose(int port, Currency currency) {
  live::Connection connection(port);
  for (const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30); std::chrono::steady_clock::now() < give_up;) {
    const auto answer = connection.send(http::Method::get, fmt::format("/v1/store/products?limit=10&currency={}&filter[available]=true", currency.code()));
    for (const auto& product : json::from_text<Products>(answer.body, json::Mode::lenient).data)
      for (const auto& variant : product.variants)
        if (variant.availability != "sold_out" && std::ranges::any_of(variant.prices, [&](const Money& price) { return price.currency == currency; })) return {product.name, variant.sku};
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  throw Problem::unavailable("nothing_to_buy", "The demo shop lists nothing that could be bought.");
}

void purchase(const std::filesystem::path& program, const std::string& engine) {
  const live::Folder folder("polyshop-purchase");
  std::optional<live::PostgresqlDatabase> database;
  if (engine == "postgresql") database.emplace();
  live::Shop shop(program, folder.path() / "shop", database ? database->settings() : live::Variables{});
  if (database) shop.command({"provision", "--execute"});
  shop.command({"demo"});
  shop.serve();
  const auto euro = *Currency::parse("EUR");
  const auto chosen = choose(shop.port(), euro);
  live::Shopper shopper(shop.port());
  const auto cart = shopper.fill_cart({{chosen.sku, 2}}, euro, "DE");
  const auto order = shopper.complete(cart);
  const auto again = shopper.read_order(order.id, cart);
  if (order.state != "placed" || order.totals.total != cart.total || again.number != order.number || again.totals.total != cart.total)
    throw Problem(500, "wrong_order", fmt::format("The cart's total is {}, that of order {} is {} ({}), and read again, order {} is of {}.", cart.total, order.number, order.totals.total, order.state, again.number, again.totals.total));
  if (shop.stop() != 0) throw Problem(500, "not_stopped", fmt::format("polyshop serve did not stop well; its log ends with\n{}", shop.end_of_log()));
  shop.command({"audit"});
  fmt::print("order {}: 2 x {}, {} {}\n", order.number, chosen.name, format_amount(order.totals.total, order.currency), order.currency.code());
}

int run(int argc, char** argv) {
  CLI::App app{"Buys something in a fresh demo shop through HTTP and prints the order's number and total."};
  auto program = live::program_beside_this();
  std::string engine = "sqlite";
  app.add_option("--engine", engine, "What keeps the data; postgresql needs POLYSHOP_TEST_POSTGRESQL, and every module runs there under a role of its own")->check(CLI::IsMember({"sqlite", "postgresql"}))->capture_default_str();
  app.add_option("--polyshop", program, "The program; the one built together with this unless given")->type_name("FILE");
  return live::run_tool(app, argc, argv, "purchase", 1, [&] {
    purchase(program, engine);
    return 0;
  });
}

}  // namespace
}  // namespace polyshop::purchase

int main(int argc, char** argv) { return polyshop::purchase::run(argc, argv); }
