#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include <fmt/format.h>

// One log for the process, written to standard error by a thread of its own: a line of JSON each, or a coloured readable
// line where it is a terminal. A line carries the request id and trace id of the Scope it is written in. Values under keys
// that name secrets (password, token, secret, authorization, cookie, key) are replaced by ***; so are bearer tokens, e-mail
// addresses and our own token formats (sk_..., 43 base64url characters) inside texts.
namespace polyshop::log {

enum class Level { debug, info, warning, error };
enum class Format { automatic, json, terminal };  // automatic: terminal where standard error is one

void configure(Format format, Level least);
void flush();
// Redirects whole lines, for tests. An empty function restores standard error.
void capture(void (*sink)(std::string_view line));

struct Field {
  std::string_view key;
  std::string value;
  bool is_number = false;

  Field(std::string_view key, std::string_view value) : key(key), value(value) {}
  Field(std::string_view key, const char* value) : key(key), value(value) {}
  Field(std::string_view key, const std::string& value) : key(key), value(value) {}
  template <class T>
    requires std::integral<T> || std::floating_point<T>
  Field(std::string_view key, T value) : key(key), value(fmt::format("{}", value)), is_number(true) {}
};

void write(Level level, std::string_view message, std::initializer_list<Field> fields);
bool enabled(Level level);

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::debug)) write(Level::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::info)) write(Level::info, message, fields);
}
inline void warning(std::string_view message, std::initializer_list<Field> fields = {}) { write(Level::warning, message, fields); }
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) { write(Level::error, message, fields); }

// While it lives, lines of this thread carry these ids.
class Scope {
 public:
  Scope(std::string_view request_id, std::string_view trace_id);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::string_view outer_request_id_;
  std::string_view outer_trace_id_;
};

// What Scope gives to this thread; for who changes the job that a thread runs.
struct Ids {
  std::string_view request_id;
  std::string_view trace_id;
};
Ids exchange_ids(const Ids& ids);

// A text with everything that looks like a secret or an e-mail address replaced by ***.
std::string redacted(std::string_view text);

}  // namespace polyshop::log
