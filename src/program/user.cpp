#include <termios.h>
#include <unistd.h>

#include <iostream>

#include <fmt/format.h>

#include "program/commands.hpp"
#include "program/shop.hpp"

namespace polyshop {
namespace {

// A password is read from the terminal without an echo, or as a line of standard input: never from an argument, which every
// user of the machine could see.
std::string read_password() {
  const bool is_terminal = ::isatty(STDIN_FILENO);
  termios before{};
  if (is_terminal) {
    fmt::print(stderr, "Password: ");
    ::tcgetattr(STDIN_FILENO, &before);
    auto silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
  }
  std::string password;
  std::getline(std::cin, password);
  if (is_terminal) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
    fmt::print(stderr, "\n");
  }
  const auto length = code_points(password);
  if (!is_utf8(password) || length < 10 || length > 200) throw Problem::invalid("bad_password", "Give a password of 10 to 200 characters on standard input.");
  return password;
}

}  // namespace

const std::vector<std::string>& all_permissions() {
  static const std::vector<std::string> all{"auth.read",      "auth.write",      "customer.read", "customer.write", "catalog.read", "catalog.write", "pricing.read", "pricing.write",      "inventory.read",    "inventory.write",
                                            "shipping.read",  "shipping.write",  "payment.read",  "payment.write",  "order.read",   "order.write",   "notification.read", "notification.write", "sagas.read",        "sagas.write",
                                            "events.read",    "events.write",    "webhook.read",  "webhook.write"};
  return all;
}

void add_user(CLI::App& program, CommandLine& line) {
  auto* user = program.add_subcommand("user", "Manage the people who run the shop.");
  user->require_subcommand(1);
  auto* create = user->add_subcommand("create", "Create a member of staff; the password is read from standard input.");
  const auto email = std::make_shared<std::string>();
  const auto roles = std::make_shared<std::vector<std::string>>(std::vector<std::string>{"owner"});
  create->add_option("--email", *email, "The address to sign in with.")->required();
  create->add_option("--role", *roles, "A role; may be given several times. The role owner may everything.");
  create->callback([&line, email, roles] {
    const auto password = read_password();
    auto config = line.config();
    Shop shop(config, line.data);
    const auto hash = PasswordHasher(1, 1, {}).hash_now(password);
    if (std::ranges::find(*roles, "owner") != roles->end()) shop.facades().auth.define_role(shop.call(), {"owner", all_permissions()});
    const auto made = shop.facades().auth.create_user(shop.call(), {{}, auth::UserKind::staff, *email, hash, *roles});
    fmt::print("{}\n", made.id.view());
  });
}

}  // namespace polyshop
