#pragma once

#include <string>
#include <string_view>

namespace polyshop::db {

// Whom a PostgreSQL connection string or URL connects to and as whom, with libpq's defaults (PGHOST, PGUSER and the like)
// for what it leaves out.
struct Target {
  std::string host;  // a name, an address or the folder of a socket; empty for libpq's default socket
  std::string port;
  std::string database;
  std::string role;
  std::string password;  // only what stands in the string itself

  std::string server() const { return host + ":" + port; }
};

// Throws Problem 422 `bad_connection_string`, which does not quote the string: there may be a password in it.
Target target_of(const std::string& connection);
// The same connection with one of libpq's settings replaced, such as dbname.
std::string with_setting(const std::string& connection, std::string_view keyword, const std::string& value);

// The text with every {name} replaced, as in "shop_{module}".
std::string with_value(std::string text, std::string_view name, std::string_view value);

// The file that holds the password of a role, and its first line. Throws Problem 422 `bad_password_file` where it cannot be read.
std::string password_path(const std::string& password_file, const std::string& role);
std::string read_password_file(const std::string& path);
// The connection with the password of its role, from the file where the string has none. Without a file as it was: libpq
// looks in its own places then, such as ~/.pgpass.
std::string with_password(const std::string& connection, const std::string& password_file);

}  // namespace polyshop::db
