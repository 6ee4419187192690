#include "kernel/db/connection_string.hpp"

#include <cerrno>
#include <fstream>
#include <memory>
#include <system_error>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "kernel/types/problem.hpp"

namespace polyshop::db {
namespace {

using Settings = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

Settings parsed(const std::string& connection) {
  char* reason = nullptr;
  Settings settings(PQconninfoParse(connection.c_str(), &reason), &PQconninfoFree);
  PQfreemem(reason);
  if (!settings)
    throw Problem::invalid("bad_connection_string", "A connection string cannot be read. Write it as postgresql://role@host:5432/database or as host=... dbname=... user=...; in a URL, what is not a letter or digit is written as %40.");
  return settings;
}

std::string value_of(const Settings& settings, std::string_view keyword) {
  for (const auto* one = settings.get(); one->keyword; ++one)
    if (one->keyword == keyword) return one->val ? one->val : "";
  return {};
}

}  // namespace

Target target_of(const std::string& connection) {
  const auto given = parsed(connection);
  const Settings defaults(PQconndefaults(), &PQconninfoFree);
  if (!defaults) die("libpq has no defaults");
  const auto either = [&](std::string_view keyword) {
    auto value = value_of(given, keyword);
    return value.empty() ? value_of(defaults, keyword) : value;
  };
  Target target{either("host"), either("port"), either("dbname"), either("user"), value_of(given, "password")};
  if (target.host.empty()) target.host = either("hostaddr");
  if (value_of(given, "dbname").empty() && value_of(defaults, "dbname").empty()) target.database = target.role;
  return target;
}

std::string with_setting(const std::string& connection, std::string_view keyword, const std::string& value) {
  const auto settings = parsed(connection);
  std::string out;
  const auto add = [&](std::string_view name, std::string_view text) {
    fmt::format_to(std::back_inserter(out), "{}{}='", out.empty() ? "" : " ", name);
    for (const char c : text) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    out += '\'';
  };
  for (const auto* one = settings.get(); one->keyword; ++one)
    if (one->val && one->keyword != keyword) add(one->keyword, one->val);
  add(keyword, value);
  return out;
}

std::string with_value(std::string text, std::string_view name, std::string_view value) {
  const auto placeholder = fmt::format("{{{}}}", name);
  for (std::size_t at = 0; (at = text.find(placeholder, at)) != std::string::npos; at += value.size()) text.replace(at, placeholder.size(), value);
  return text;
}

std::string password_path(const std::string& password_file, const std::string& role) { return with_value(password_file, "role", role); }

std::string read_password_file(const std::string& path) {
  std::ifstream file(path);
  std::string password;
  if (!std::getline(file, password) || password.empty())
    throw Problem::invalid("bad_password_file", fmt::format("The password file {} {}. It holds a role's password in its first line.", path, file.is_open() ? "is empty" : "cannot be read: " + std::system_category().message(errno)));
  if (password.ends_with('\r')) password.pop_back();
  return password;
}

std::string with_password(const std::string& connection, const std::string& password_file) {
  if (password_file.empty()) return connection;
  const auto target = target_of(connection);
  if (!target.password.empty()) return connection;
  return with_setting(connection, "password", read_password_file(password_path(password_file, target.role)));
}

}  // namespace polyshop::db
