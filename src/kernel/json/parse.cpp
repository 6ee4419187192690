#include "kernel/json/parse.hpp"

#include <memory_resource>
#include <set>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop::json {
namespace {

namespace bj = boost::json;

// Builds the document as boost::json::parser does, and watches the keys of every open object.
struct Handler {
  static constexpr std::size_t max_object_size = bj::object::max_size();
  static constexpr std::size_t max_array_size = bj::array::max_size();
  static constexpr std::size_t max_key_size = bj::string::max_size();
  static constexpr std::size_t max_string_size = bj::string::max_size();

  bj::value_stack stack;
  std::string key;
  std::byte first[2048];
  std::pmr::monotonic_buffer_resource memory{first, sizeof first};
  std::pmr::vector<std::pmr::set<std::pmr::string>> open_keys{&memory};
  std::string duplicate;  // may be the empty key, hence the flag
  bool found_duplicate = false;

  bool on_document_begin(bj::error_code&) { return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code&) {
    open_keys.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t size, bj::error_code&) {
    open_keys.pop_back();
    stack.push_object(size);
    return true;
  }
  bool on_array_begin(bj::error_code&) { return true; }
  bool on_array_end(std::size_t size, bj::error_code&) {
    stack.push_array(size);
    return true;
  }
  bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) {
    key += part;
    stack.push_chars(part);
    return true;
  }
  bool on_key(bj::string_view part, std::size_t, bj::error_code& error) {
    key += part;
    stack.push_key(part);
    if (!open_keys.back().emplace(key).second) {
      duplicate = key;
      found_duplicate = true;
      error = bj::error::syntax;
      return false;
    }
    key.clear();
    return true;
  }
  bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) {
    stack.push_chars(part);
    return true;
  }
  bool on_string(bj::string_view part, std::size_t, bj::error_code&) {
    stack.push_string(part);
    return true;
  }
  bool on_number_part(bj::string_view, bj::error_code&) { return true; }
  bool on_int64(std::int64_t number, bj::string_view, bj::error_code&) {
    stack.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, bj::string_view, bj::error_code&) {
    stack.push_uint64(number);
    return true;
  }
  bool on_double(double number, bj::string_view, bj::error_code&) {
    stack.push_double(number);
    return true;
  }
  bool on_bool(bool value, bj::error_code&) {
    stack.push_bool(value);
    return true;
  }
  bool on_null(bj::error_code&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }
};

}  // namespace

Value parse(std::string_view text, bj::storage_ptr storage) {
  bj::parse_options options;
  options.max_depth = 64;
  bj::basic_parser<Handler> parser(options);
  parser.handler().stack.reset(std::move(storage));
  bj::error_code error;
  const auto used = parser.write_some(false, text.data(), text.size(), error);
  if (parser.handler().found_duplicate)
    throw Problem::malformed("duplicate_key", fmt::format("The key \"{}\" stands twice in one object; send it once.", parser.handler().duplicate));
  if (!error && used < text.size() && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) error = bj::error::extra_data;
  if (!error && !parser.done()) error = bj::error::incomplete;
  if (error) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(used, text.size())), '\n');
    throw Problem::malformed("malformed_json", fmt::format("The text is not JSON: {} at byte {}, line {}.", error.message(), used, line));
  }
  return parser.handler().stack.release();
}

}  // namespace polyshop::json
