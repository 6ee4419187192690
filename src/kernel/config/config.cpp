#include "kernel/config/config.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <numeric>

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "kernel/types/problem.hpp"

namespace polyshop {
namespace {

constexpr std::string_view environment_prefix = "POLYSHOP_";
// These say where the settings are, so the command line reads them before there are any.
constexpr std::array<std::string_view, 2> environment_of_command_line = {"POLYSHOP_CONFIG", "POLYSHOP_DATA"};

Problem bad_setting(std::string_view name, std::string detail) {
  return Problem::invalid("bad_setting", std::move(detail), std::string(name));
}

std::string variable_of(std::string_view name) {
  std::string variable(environment_prefix);
  for (const char c : name) variable += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return variable;
}

// As TOML writes a basic string.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
      fmt::format_to(std::back_inserter(out), "\\u{:04X}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out += '"';
}

std::string in_quotes(const std::vector<std::string>& items) {
  std::vector<std::string> texts;
  for (const auto& item : items) texts.push_back(in_quotes(item));
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::vector<std::string> items_of(std::string_view text) {
  std::vector<std::string> items;
  if (trimmed(text).empty()) return items;
  while (true) {
    const auto comma = text.find(',');
    items.emplace_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
}

std::string read_file(const std::filesystem::path& path) {
  const auto unreadable = [&path](std::string_view reason) {
    return bad_setting({}, fmt::format("The settings file {} cannot be read: {}.", path.string(), reason));
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw unreadable("it is a folder");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw unreadable(std::strerror(errno));
  std::string content{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) throw unreadable(std::strerror(errno));
  return content;
}

// How many letters must be inserted, removed or replaced to make one text the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> above(b.size() + 1);
  std::iota(above.begin(), above.end(), 0U);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t i = 0; i < a.size(); ++i) {
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j)
      row[j + 1] = std::min({above[j + 1] + 1, row[j] + 1, above[j] + (a[i] == b[j] ? 0U : 1U)});
    std::swap(above, row);
  }
  return above.back();
}

// Beyond a third of its letters a name is another name, and to suggest it would mislead.
std::string suggestion(std::string_view unknown, const std::vector<std::string>& known) {
  const auto distance = [unknown](const std::string& name) { return edit_distance(unknown, name); };
  const auto closest = std::ranges::min_element(known, {}, distance);
  if (closest == known.end() || distance(*closest) > std::max<std::size_t>(2, unknown.size() / 3)) return {};
  return fmt::format(" Did you mean {}?", *closest);
}

// Turns a TOML document into settings by name; nested tables flatten with dots.
class FileReader {
 public:
  FileReader(std::string file, std::map<std::string, GivenSetting, std::less<>>& into) : file_(std::move(file)), into_(into) {}

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const auto name = prefix + std::string(key.str());
      if (const auto* const inner = node.as_table())
        this->table(*inner, name + '.');
      else
        setting(name, node);
    }
  }

 private:
  void setting(const std::string& name, const toml::node& node) {
    const auto where = fmt::format("{}:{}", file_, node.source().begin.line);
    GivenSetting given = scalar(node);
    given.origin = "file";
    given.where = where;
    if (const auto* const array = node.as_array()) {
      given.kind = "list";
      for (const auto& element : *array) {
        if (!element.is_string()) throw bad_setting(name, fmt::format("{} sets {} to a list that holds more than strings.", where, name));
        given.items.push_back(element.as_string()->get());
      }
    }
    if (!into_.emplace(name, std::move(given)).second)
      throw bad_setting(name, fmt::format("{} sets {} again: a key with dots in quotes is the same as a key in a section.", where, name));
  }

  static GivenSetting scalar(const toml::node& node) {
    GivenSetting given;
    if (const auto* const text = node.as_string()) {
      given.kind = "string";
      given.text = text->get();
    } else if (const auto* const number = node.as_integer()) {
      given.kind = "integer";
      given.text = fmt::format("{}", number->get());
    } else if (const auto* const truth = node.as_boolean()) {
      given.kind = "boolean";
      given.text = truth->get() ? "true" : "false";
    } else {
      given.kind = node.is_floating_point() ? "number with decimals" : "date or time";
    }
    return given;
  }

  std::string file_;
  std::map<std::string, GivenSetting, std::less<>>& into_;
};

// "polyshop.toml:12 sets http.port to "http", a string"
std::string said(std::string_view name, const GivenSetting& given) {
  const auto what = given.kind == "list" ? in_quotes(given.items) : given.kind.empty() || given.kind == "string" ? in_quotes(given.text) : given.text;
  if (given.kind.empty()) return fmt::format("{} sets {} to {}", given.where, name, what);
  return fmt::format("{} sets {} to {}{}a{} {}", given.where, name, what, what.empty() ? "" : ", ", given.kind == "integer" ? "n" : "", given.kind);
}

// Whether a value may be read as this type: one from a file only where TOML says so, a plain text if it parses.
bool may_be(const GivenSetting& given, std::string_view kind) {
  return given.kind.empty() || given.kind == kind;
}

}  // namespace

Config Config::load(const std::optional<std::filesystem::path>& file, const Values& environment, const Values& command_line) {
  Config config;
  if (file) {
    const auto content = read_file(*file);
    try {
      FileReader(file->string(), config.file_).table(toml::parse(content, file->string()), {});
    } catch (const toml::parse_error& error) {
      const auto at = error.source().begin;
      throw bad_setting({}, fmt::format("{}:{}:{}: {}", file->string(), at.line, at.column, error.description()));
    }
  }
  for (const auto& [variable, value] : environment)
    if (variable.starts_with(environment_prefix) && !variable.starts_with("POLYSHOP_TEST_") && std::ranges::find(environment_of_command_line, variable) == environment_of_command_line.end())
      config.environment_[variable] = {value, {}, "environment", variable, {}};
  for (const auto& [name, value] : command_line) config.command_line_[name] = {value, {}, "command line", "--" + name, {}};
  return config;
}

Config::Values Config::process_environment() {
  Values values;
  for (auto** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (text.starts_with(environment_prefix) && equals != std::string_view::npos)
      values.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return values;
}

std::int64_t Config::integer(std::string_view name, std::int64_t standard, std::int64_t min, std::int64_t max, std::string_view description) {
  if (standard < min || standard > max) die(fmt::format("the default of the setting {} is out of its bounds", name));
  const auto allowed = fmt::format("{} to {}", min, max);
  auto& row = this->row(name, fmt::format("{}", standard), allowed, description);
  const auto* const given = find(name);
  if (!given) return standard;
  std::int64_t number = 0;
  const auto* const end = given->text.data() + given->text.size();
  const auto [stop, error] = std::from_chars(given->text.data(), end, number);
  if (!may_be(*given, "integer") || error != std::errc{} || stop != end || number < min || number > max)
    throw bad_setting(name, fmt::format("{}; it must be an integer from {}.", said(name, *given), allowed));
  row.value = fmt::format("{}", number);
  row.origin = given->origin;
  return number;
}

bool Config::boolean(std::string_view name, bool standard, std::string_view description) {
  auto& row = this->row(name, standard ? "true" : "false", "true | false", description);
  const auto* const given = find(name);
  if (!given) return standard;
  if (!may_be(*given, "boolean") || (given->text != "true" && given->text != "false"))
    throw bad_setting(name, fmt::format("{}; it must be true or false.", said(name, *given)));
  row.value = given->text;
  row.origin = given->origin;
  return given->text == "true";
}

std::string Config::text(std::string_view name, std::string_view standard, std::string_view description) {
  auto& row = this->row(name, in_quotes(standard), {}, description);
  const auto* const given = find(name);
  if (!given) return std::string(standard);
  if (!may_be(*given, "string")) throw bad_setting(name, fmt::format("{}; it must be a string.", said(name, *given)));
  row.value = in_quotes(given->text);
  row.origin = given->origin;
  return given->text;
}

std::string Config::secret(std::string_view name, std::string_view description) {
  auto& row = this->row(name, in_quotes(""), {}, description);
  const auto* const given = find(name);
  if (!given) return {};
  // What it is set to is not said: the message goes to a log.
  if (!may_be(*given, "string")) throw bad_setting(name, fmt::format("{} sets {}; it must be a string.", given->where, name));
  if (!given->text.empty()) row.value = "***";
  row.origin = given->origin;
  return given->text;
}

std::string Config::choice(std::string_view name, std::string_view standard, const std::vector<std::string>& allowed, std::string_view description) {
  if (std::ranges::find(allowed, standard) == allowed.end()) die(fmt::format("the default of the setting {} is not allowed", name));
  const auto choices = fmt::format("{}", fmt::join(allowed, " | "));
  auto& row = this->row(name, in_quotes(standard), choices, description);
  const auto* const given = find(name);
  if (!given) return std::string(standard);
  if (!may_be(*given, "string") || std::ranges::find(allowed, given->text) == allowed.end())
    throw bad_setting(name, fmt::format("{}; allowed is {}.", said(name, *given), choices));
  row.value = in_quotes(given->text);
  row.origin = given->origin;
  return given->text;
}

std::vector<std::string> Config::list(std::string_view name, const std::vector<std::string>& standard, std::string_view description) {
  auto& row = this->row(name, in_quotes(standard), {}, description);
  const auto* const given = find(name);
  if (!given) return standard;
  if (!may_be(*given, "list")) throw bad_setting(name, fmt::format("{}; it must be a list of strings.", said(name, *given)));
  auto items = given->kind.empty() ? items_of(given->text) : given->items;
  if (std::ranges::find(items, "") != items.end()) throw bad_setting(name, fmt::format("{}; an item is empty.", said(name, *given)));
  row.value = in_quotes(items);
  row.origin = given->origin;
  return items;
}

void Config::finish() const {
  std::vector<std::string> names;
  std::vector<std::string> variables;
  for (const auto& row : rows_) {
    names.push_back(row.name);
    variables.push_back(variable_of(row.name));
  }
  std::vector<FieldError> errors;
  const auto refuse = [&errors](const Source& source, const std::vector<std::string>& known) {
    for (const auto& [name, given] : source)
      if (std::ranges::find(known, name) == known.end()) {
        const auto what = given.origin == "environment" ? fmt::format("{} names no setting.", name)
                                                        : fmt::format("{}: there is no setting {}.", given.where, name);
        errors.push_back({name, "unknown_setting", what + suggestion(name, known)});
      }
  };
  refuse(file_, names);
  refuse(environment_, variables);
  refuse(command_line_, names);
  if (errors.empty()) return;
  std::vector<std::string_view> details;
  for (const auto& error : errors) details.push_back(error.detail);
  auto problem = Problem::invalid("unknown_setting", fmt::format("{}", fmt::join(details, " ")));
  problem.errors = std::move(errors);
  throw problem;
}

SettingRow& Config::row(std::string_view name, std::string standard, std::string allowed, std::string_view description) {
  if (std::ranges::find(rows_, name, &SettingRow::name) != rows_.end()) die(fmt::format("the setting {} was asked for twice", name));
  return rows_.emplace_back(SettingRow{std::string(name), standard, standard, std::move(allowed), "default", std::string(description)});
}

const GivenSetting* Config::find(std::string_view name) const {
  if (const auto found = command_line_.find(name); found != command_line_.end()) return &found->second;
  if (const auto found = environment_.find(variable_of(name)); found != environment_.end()) return &found->second;
  if (const auto found = file_.find(name); found != file_.end()) return &found->second;
  return nullptr;
}

}  // namespace polyshop
