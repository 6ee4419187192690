#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace polyshop {

// What a setting is, what it says now, and where that comes from: one row of `polyshop config`.
struct SettingRow {
  std::string name;         // "inventory.reservation_ttl_s": section and key; the unit comes last
  std::string value;        // as it would be written in TOML; "***" for a secret that is set
  std::string standard;     // the default, in the same notation
  std::string allowed;      // "10 to 86400", "sqlite | postgresql", ""
  std::string origin;       // "default", "file", "environment", "command line"
  std::string description;  // a sentence
};

// What one source says of a setting.
struct GivenSetting {
  std::string text;                // a scalar's text
  std::vector<std::string> items;  // a list's, from a file
  std::string origin;              // as in SettingRow
  std::string where;               // "polyshop.toml:12" or "POLYSHOP_HTTP_LISTEN" or "--http.listen"
  std::string kind;                // TOML's type of a file's value: "integer", "string", "boolean", "list"; "" for plain text
};

// The settings of the program, from (weakest first) defaults, a TOML file, the environment (POLYSHOP_SECTION_KEY, so
// `http.listen` is POLYSHOP_HTTP_LISTEN) and the command line. A part of the program asks for its settings when it is
// constructed, with name, default, bounds and description, and that is the only place they stand in. Once everything is
// constructed, finish() refuses a key that nobody asked for. Errors are Problem 422 `bad_setting` (or `unknown_setting`, with
// the closest known name) that say which setting, from where (file and line), what it says and what is allowed.
class Config {
 public:
  using Values = std::map<std::string, std::string>;

  // `environment` are name and value pairs as of environ; `command_line` is by setting name. A missing file is an error
  // unless no path is given.
  static Config load(const std::optional<std::filesystem::path>& file, const Values& environment, const Values& command_line);
  static Values process_environment();  // those that start with POLYSHOP_

  std::int64_t integer(std::string_view name, std::int64_t standard, std::int64_t min, std::int64_t max, std::string_view description);
  bool boolean(std::string_view name, bool standard, std::string_view description);
  std::string text(std::string_view name, std::string_view standard, std::string_view description);
  std::string secret(std::string_view name, std::string_view description);  // empty when not set; never printed
  std::string choice(std::string_view name, std::string_view standard, const std::vector<std::string>& allowed, std::string_view description);
  std::vector<std::string> list(std::string_view name, const std::vector<std::string>& standard, std::string_view description);

  void finish() const;
  const std::vector<SettingRow>& rows() const { return rows_; }  // in the order they were asked for

 private:
  using Source = std::map<std::string, GivenSetting, std::less<>>;  // by setting name; the environment's by variable

  SettingRow& row(std::string_view name, std::string standard, std::string allowed, std::string_view description);
  const GivenSetting* find(std::string_view name) const;

  Source file_;
  Source environment_;
  Source command_line_;
  std::vector<SettingRow> rows_;
};

}  // namespace polyshop
