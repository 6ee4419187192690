#include "program/import_columns.hpp"

#include <algorithm>
#include <numeric>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernel/json/codec.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop {
namespace {

constexpr std::string_view error_line_column = "error_line";
constexpr std::string_view error_column = "error";
constexpr std::string_view price_prefix = "price_";
constexpr std::string_view option_prefix = "option.";

struct Field {
  std::string_view name;
  bool is_required = false;
};

std::span<const Field> fields_of(ImportKind kind) {
  static constexpr Field products[] = {{"sku", true}, {"name", true}, {"product"}, {"description"}, {"category"}, {"weight_g"}, {"state"}, {"price"}, {"currency"}};
  static constexpr Field stock[] = {{"sku", true}, {"quantity", true}, {"location"}};
  static constexpr Field customers[] = {{"email", true}, {"first_name"}, {"last_name"}, {"phone"}, {"name"}, {"company"}, {"line1"}, {"line2"}, {"city"}, {"region"}, {"postal_code"}, {"country"}};
  switch (kind) {
    case ImportKind::products: return products;
    case ImportKind::stock: return stock;
    case ImportKind::customers: return customers;
  }
  return {};
}

std::vector<std::string> names_of(ImportKind kind) {
  std::vector<std::string> names;
  for (const auto& field : fields_of(kind)) names.emplace_back(field.name);
  if (kind == ImportKind::products) names.insert(names.end(), {"price_EUR (and other currencies)", "option.size (and other options)"});
  return names;
}

std::string lower_cased(std::string_view text) {
  std::string lower(text);
  for (auto& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

std::string upper_cased(std::string_view text) {
  std::string upper(text);
  for (auto& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return upper;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto from = text.find_first_not_of(blanks);
  return from == std::string_view::npos ? std::string_view() : text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

// The field that a text names, as it is spelled here.
std::optional<std::string> field_named(ImportKind kind, std::string_view text) {
  const auto lower = lower_cased(text);
  for (const auto& field : fields_of(kind))
    if (field.name == lower) return lower;
  if (kind != ImportKind::products) return {};
  if (lower.starts_with(price_prefix)) {
    const auto code = upper_cased(text.substr(price_prefix.size()));
    if (Currency::parse(code)) return std::string(price_prefix) + code;
  }
  // What follows is the option's name, which may have capitals.
  if (lower.starts_with(option_prefix) && !trimmed(text.substr(option_prefix.size())).empty()) return std::string(option_prefix) + std::string(trimmed(text.substr(option_prefix.size())));
  return {};
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i + 1);
    for (std::size_t k = 0; k < b.size(); ++k) diagonal = std::exchange(row[k + 1], std::min({diagonal + (a[i] != b[k]), row[k] + 1, row[k + 1] + 1}));
  }
  return row.back();
}

template <class Names>
std::string closest_to(std::string_view text, const Names& names) {
  const auto distance = [lower = lower_cased(text)](const std::string& name) { return edit_distance(lower, lower_cased(name)); };
  return *std::ranges::min_element(names, {}, distance);
}

// Names longer than any that somebody wrote on purpose are cut, so that a file which is no table does not fill the screen.
std::string shown(std::string_view column) {
  constexpr std::size_t shown_max = 60;
  if (column.size() <= shown_max) return std::string(column);
  std::size_t end = shown_max;
  while (end > 0 && (static_cast<unsigned char>(column[end]) & 0xc0) == 0x80) --end;
  return std::string(column.substr(0, end)) + "...";
}

std::string fault_of_column(ImportKind kind, std::string_view column) {
  if (kind == ImportKind::products && lower_cased(column).starts_with(price_prefix)) return fmt::format("{} is no currency in use as of ISO 4217.", shown(column.substr(price_prefix.size())));
  std::vector<std::string> names;
  for (const auto& field : fields_of(kind)) names.emplace_back(field.name);
  return fmt::format("The closest field is {}.", closest_to(column, names));
}

}  // namespace

ImportColumns::ImportColumns(ImportKind kind, const csv::Record& header, const std::vector<std::string>& mapping) : size_(header.fields.size()), fields_(header.fields.size()) {
  const auto kind_name = json::enum_name(kind);
  if (!header.fault.empty()) throw Problem::invalid("bad_header", fmt::format("The first line of the file is no header. {}", header.fault));
  std::vector<std::string> columns;
  for (const auto& field : header.fields) columns.emplace_back(trimmed(field));

  std::vector<bool> mapped(size_);
  for (const auto& text : mapping) {
    const auto at = text.rfind('=');  // a column may be named with one, a field is not
    if (at == std::string::npos) throw Problem::invalid("bad_mapping", fmt::format("Write --map \"column=field\"; \"{}\" has no =.", shown(text)));
    const auto column = trimmed(std::string_view(text).substr(0, at));
    const auto wanted = trimmed(std::string_view(text).substr(at + 1));
    const auto found = std::ranges::find(columns, column);
    if (found == columns.end())
      throw Problem::invalid("unknown_column", fmt::format("--map names a column \"{}\", which the file does not have. The closest is \"{}\".", shown(column), shown(closest_to(column, columns))));
    const auto index = static_cast<std::size_t>(found - columns.begin());
    if (mapped[index]) throw Problem::invalid("mapped_twice", fmt::format("--map names the column \"{}\" twice.", shown(column)));
    mapped[index] = true;
    if (wanted.empty()) continue;
    const auto field = field_named(kind, wanted);
    if (!field)
      throw Problem::invalid("unknown_field", fmt::format("--map names a field \"{}\", which {} do not have. {} The fields are {}.", shown(wanted), kind_name, fault_of_column(kind, wanted), fmt::join(names_of(kind), ", ")));
    fields_[index] = *field;
  }

  std::vector<FieldError> unknown;
  for (std::size_t i = 0; i < size_; ++i) {
    if (mapped[i]) continue;
    const auto lower = lower_cased(columns[i]);
    if (lower == error_line_column || lower == error_column) {
      error_columns_.push_back(i);
    } else if (const auto field = field_named(kind, columns[i])) {
      fields_[i] = *field;
    } else {
      unknown.push_back({fmt::format("\"{}\"", shown(columns[i])), "unknown_column", columns[i].empty() ? fmt::format("Column {} has no name.", i + 1) : fault_of_column(kind, columns[i])});
    }
  }
  if (!unknown.empty()) {
    auto problem = Problem::invalid("unknown_column", fmt::format("{} of the file's columns {} no field of {}. Say which each is with --map \"column=field\", or leave it out with --map \"column=\". The fields are {}.",
                                                                  unknown.size(), unknown.size() == 1 ? "is" : "are", kind_name, fmt::join(names_of(kind), ", ")));
    problem.errors = std::move(unknown);
    throw problem;
  }

  for (std::size_t i = 0; i < size_; ++i) {
    if (fields_[i].empty()) continue;
    const auto other = std::ranges::find(fields_, fields_[i]);
    if (other != fields_.begin() + static_cast<std::ptrdiff_t>(i))
      throw Problem::invalid("field_twice", fmt::format("The columns \"{}\" and \"{}\" are both {}. Leave one of them out with --map \"column=\".", shown(columns[static_cast<std::size_t>(other - fields_.begin())]), shown(columns[i]), fields_[i]));
    add(fields_[i]);
  }

  const auto require = [&](std::string_view name, std::string_view why) {
    if (!has(name)) throw Problem::invalid("column_missing", fmt::format("The file has no column {}, {}. Say which column it is with --map \"column={}\".", name, why, name));
  };
  for (const auto& field : fields_of(kind))
    if (field.is_required) require(field.name, fmt::format("which {} need", kind_name));
  if (kind == ImportKind::customers && std::ranges::any_of(fields_, [](const auto& field) { return field == "name" || field == "company" || field == "line1" || field == "line2" || field == "city" || field == "region" || field == "postal_code" || field == "country"; }))
    for (const auto* part : {"line1", "city", "country"}) require(part, "which an address needs");
}

void ImportColumns::add(const std::string& field) {
  if (field.starts_with(price_prefix)) prices_.push_back({*Currency::parse(field.substr(price_prefix.size())), field});
  if (field.starts_with(option_prefix)) options_.push_back(field.substr(option_prefix.size()));
}

std::optional<std::size_t> ImportColumns::find(std::string_view field) const {
  const auto found = std::ranges::find(fields_, field);
  if (found == fields_.end()) return {};
  return static_cast<std::size_t>(found - fields_.begin());
}

std::string_view ImportColumns::cell(const csv::Record& record, std::string_view field) const {
  const auto column = find(field);
  return column ? trimmed(record.fields[*column]) : std::string_view();
}

std::string ImportColumns::raw_without_errors(const csv::Record& record) const {
  if (error_columns_.empty()) return record.raw;
  if (record.fault.empty()) {
    std::vector<std::string> fields;
    for (std::size_t i = 0; i < record.fields.size(); ++i)
      if (std::ranges::find(error_columns_, i) == error_columns_.end()) fields.push_back(record.fields[i]);
    auto text = csv::format_record(fields);
    text.pop_back();  // the line end
    return text;
  }
  // Such a record cannot be taken apart; where the columns stand in front, as we write them, they can be.
  if (error_columns_ != std::vector<std::size_t>{0, 1}) return record.raw;
  std::size_t at = 0;
  for (int separators = 0, is_quoted = 0; at < record.raw.size() && separators < 2; ++at) {
    if (record.raw[at] == '"') is_quoted = !is_quoted;
    if (record.raw[at] == ',' && !is_quoted) ++separators;
  }
  return record.raw.substr(at);
}

}  // namespace polyshop
