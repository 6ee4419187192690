#include <cstdio>
#include <exception>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kernel/security/token.hpp"
#include "kernel/types/problem.hpp"
#include "online_retail/files.hpp"
#include "replay_orders/checks.hpp"

namespace polyshop::replay {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr const char* staff_email = "replay@example.com";

struct Options {
  std::string file;
  std::string engine = "sqlite";
  int shoppers = 16;
  bool keep = false;
  std::filesystem::path program = live::program_beside_this();
};

void replay(const Options& options, Report& report) {
  const auto derivation = online_retail::derive_file(options.file);
  const auto invoices = invoices_of(derivation);
  if (invoices.empty()) throw Problem::invalid("no_orders", "There is no line in it that could be ordered. Give a file with sales.");
  live::Folder folder("polyshop-replay");
  online_retail::write_files(derivation, folder.path());
  report.step(fmt::format("{} products, {} invoices with {} lines", derivation.products.size(), invoices.size(), derivation.orders.size()));

  live::Variables settings;
  std::optional<live::PostgresqlDatabase> database;
  if (options.engine == "postgresql") settings = database.emplace().settings();
  const auto data = folder.path() / "shop";
  if (options.keep) {
    folder.keep();
    if (database) database->keep();
    report.step(fmt::format("the data stays in {}{}", data.string(), database ? " and at " + database->url() : ""));
  }
  live::Shop shop(options.program, data, settings);
  if (database) shop.command({"provision", "--execute"});
  shop.command({"import", "products", (folder.path() / "products.csv").string()});
  shop.command({"import", "stock", (folder.path() / "stock.csv").string()});
  const auto password = make_token();
  shop.command({"user", "create", "--email", staff_email}, password + "\n");
  shop.serve();
  live::Staff staff(shop.port(), staff_email, password);
  staff.offer_free_delivery(*Currency::parse("GBP"));
  report.step(fmt::format("serving on port {} with {}, {} shoppers", shop.port(), options.engine, options.shoppers));

  Placed placed;
  try {
    placed = place(invoices, shop.port(), options.shoppers, report);
    check_reservations(staff, report);
    check_stock(staff, derivation.products, report);
    check_sold_out(derivation.products, shop.port(), options.shoppers, report);
    check_stock(staff, derivation.products, report);  // and what was refused took nothing
    check_reservations(staff, report);
    check_audit(shop, "live", report);
  } catch (const Problem& problem) {
    if (problem.code == "unreachable") throw Problem::unavailable("unreachable", fmt::format("{} The shop's log ends with\n{}", problem.detail, shop.end_of_log()));
    throw;
  }
  const auto status = shop.stop();
  if (status != 0) report.mismatch(status ? fmt::format("polyshop serve ended with status {}; its log ends with\n{}", *status, shop.end_of_log()) : "polyshop serve does not end on SIGTERM");
  if (status) check_audit(shop, "stopped", report);
  report.step(fmt::format("{} orders, {} GBP, {:.1f} s", placed.orders, amount_text(placed.total), placed.seconds));
}

int run(int argc, char** argv) {
  CLI::App app{"Replays a month of the UCI Online Retail data set against a fresh shop: every invoice is placed as a live checkout and checked to the penny."};
  Options options;
  app.add_option("FILE", options.file, "A CSV file of the data set, such as 2010-12.csv")->required();
  app.add_option("--engine", options.engine, "What keeps the data; postgresql needs POLYSHOP_TEST_POSTGRESQL")->check(CLI::IsMember({"sqlite", "postgresql"}))->capture_default_str();
  app.add_option("--shoppers", options.shoppers, "How many buy at the same time")->check(CLI::Range(1, 256))->capture_default_str();
  app.add_flag("--keep", options.keep, "Leave the data where they are");
  app.add_option("--polyshop", options.program, "The program; the one built together with this unless given")->type_name("FILE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  live::take_signals();
  Report report("replay");
  try {
    replay(options, report);
  } catch (const Problem& problem) {
    report.mismatch(fmt::format("{}: {}", options.file, problem.detail));
  } catch (const std::exception& error) {
    report.mismatch(fmt::format("{}: {}", options.file, error.what()));
  }
  return report.mismatches() == 0 ? 0 : exit_failed;
}

}  // namespace
}  // namespace polyshop::replay

int main(int argc, char** argv) { return polyshop::replay::run(argc, argv); }
