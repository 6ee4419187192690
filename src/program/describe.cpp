#include <fmt/format.h>

#include "program/commands.hpp"
#include "program/modules.hpp"
#include "program/shop.hpp"

namespace polyshop {
namespace {

void print_routes(const CommandLine& line) {
  auto config = line.config();
  App app(config, line.data);
  for (const auto& route : app.routes().all()) fmt::print("{:<7} {:<58} {:<20} {}\n", http::name_of(route->method), route->pattern, access_of(*route), route->summary);
}

void print_config(const CommandLine& line) {
  auto config = line.config();
  App app(config, line.data);
  for (const auto& row : config.rows()) {
    fmt::print("# {}{}\n", row.description, row.allowed.empty() ? "" : " (" + row.allowed + ")");
    fmt::print("{} = {}  # {}{}\n\n", row.name, row.value, row.origin, row.origin == "default" ? "" : ", default " + row.standard);
  }
}

void audit(const CommandLine& line) {
  auto config = line.config();
  Shop shop(config, line.data);
  const auto report = shop.audit();
  for (const auto& row : report.rows) fmt::print("{:>8}  {}{}\n", row.violations, row.promise, row.example.empty() ? "" : "  (" + row.example + ")");
  if (report.violations() > 0) throw Problem(409, "promises_broken", fmt::format("{} violations.", report.violations()));
  fmt::print("Every promise holds.\n");
}

}  // namespace

void add_describe(CLI::App& program, CommandLine& line) {
  program.add_subcommand("routes", "List the routes of the HTTP API with who may call them.")->callback([&line] { print_routes(line); });
  program.add_subcommand("openapi", "Print the API's description, OpenAPI 3.1.")->callback([&line] {
    auto config = line.config();
    App app(config, line.data);
    fmt::print("{}\n", http::openapi_text(app.routes()));
  });
  program.add_subcommand("config", "Print every setting with its value, origin and description.")->callback([&line] { print_config(line); });
  program.add_subcommand("audit", "Check the shop's promises, live or at rest; exits with 1 where one is broken.")->callback([&line] { audit(line); });
}

}  // namespace polyshop
