#include "program/commands.hpp"
#include "program/demo_shop.hpp"
#include "program/shop.hpp"

#include <fmt/format.h>

namespace polyshop {
namespace {

constexpr std::string_view password = "polyshop-demo";

// Where the shop is served, as far as its settings say it.
std::string address_of(const Config& config) {
  std::string listen;
  for (const auto& row : config.rows())
    if (row.name == "http.listen") listen = row.value;
  std::erase(listen, '"');
  if (listen.starts_with("0.0.0.0:")) listen.replace(0, 7, "127.0.0.1");
  return "http://" + listen;
}

void fill(const CommandLine& line) {
  auto config = line.config();
  Shop shop(config, line.data);
  const demo::Accounts accounts{PasswordHasher(1, 1, {}).hash_now(password), all_permissions()};
  const auto report = demo::fill(shop.facades(), accounts, [&] { return shop.call(); });

  fmt::print("The shop has {} categories and {} products in {} variants, with prices in EUR and GBP, stock, taxes, delivery and customers.\n", report.categories, report.products, report.variants);
  if (report.products_made == 0)
    fmt::print("All of it was there already; nothing was changed.\n");
  else if (report.products_made < report.products)
    fmt::print("{} products were missing and were made.\n", report.products_made);
  fmt::print("\nWith the password {} you can sign in as\n  {:<26} staff, may everything\n", password, demo::staff_email);
  for (const auto* email : demo::customer_emails) fmt::print("  {:<26} customer\n", email);
  fmt::print("Everybody knows this password: use another shop for real customers.\n\nTry next\n");
  if (!shop.is_remote()) fmt::print("  polyshop --data {} serve\n", line.data.string());
  const auto address = address_of(config);
  fmt::print("  curl '{}/v1/store/products?q=jacket'\n", address);
  fmt::print("  curl '{}/v1/auth/sessions' -H 'Content-Type: application/json' -d '{{\"kind\":\"staff\",\"email\":\"{}\",\"password\":\"{}\"}}'\n", address, demo::staff_email, password);
  fmt::print("  polyshop --data {} audit\n", line.data.string());
}

}  // namespace

void add_demo(CLI::App& program, CommandLine& line) {
  program.add_subcommand("demo", "Fill a fresh shop with a catalogue to try out; safe to repeat.")->callback([&line] { fill(line); });
}

}  // namespace polyshop
