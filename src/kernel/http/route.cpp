#include "kernel/http/route.hpp"

#include <charconv>

#include <fmt/format.h>

#include "kernel/security/token.hpp"

namespace polyshop::http {
namespace {

// Calls visit with each decoded segment of a path; false where one cannot be decoded or is empty.
bool split_path(std::string_view path, std::vector<std::string>& segments) {
  if (path.empty() || path[0] != '/') return false;
  path.remove_prefix(1);
  while (true) {
    const auto end = path.find('/');
    auto segment = percent_decode(path.substr(0, end), false);
    if (!segment || segment->empty()) return false;
    segments.push_back(std::move(*segment));
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

// "filter[category]" is the member filter_category.
std::string member_name(std::string name) {
  if (name.starts_with("filter[") && name.ends_with("]")) return "filter_" + name.substr(7, name.size() - 8);
  return name;
}

}  // namespace

std::string_view Request::field(std::string_view name) const {
  for (const auto& [key, value] : fields)
    if (equals_ignoring_case(key, name)) return value;
  return {};
}

void Routes::add_route(Route route) {
  auto& stored = *routes_.emplace_back(std::make_unique<Route>(std::move(route)));
  std::vector<std::string> segments;
  Node* node = &root_;
  std::string_view rest = std::string_view(stored.pattern).substr(1);
  while (true) {
    const auto end = rest.find('/');
    const auto segment = rest.substr(0, end);
    auto& next = segment.starts_with('{') ? node->variable : node->literals[std::string(segment)];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (!node->methods.emplace(stored.method, &stored).second) die("the route " + stored.pattern + " was added twice");
}

Routes::Found Routes::find(Method method, std::string_view path) const {
  Found found;
  std::vector<std::string> segments;
  if (!split_path(path, segments)) return found;
  const Node* node = &root_;
  for (auto& segment : segments) {
    if (const auto literal = node->literals.find(segment); literal != node->literals.end()) {
      node = literal->second.get();
    } else if (node->variable) {
      node = node->variable.get();
      found.values.push_back(std::move(segment));
    } else {
      return found;
    }
  }
  auto wanted = node->methods.find(method);
  if (wanted == node->methods.end() && method == Method::head) wanted = node->methods.find(Method::get);
  if (wanted != node->methods.end()) {
    found.route = wanted->second;
    return found;
  }
  for (const auto& [allowed, route] : node->methods) {
    if (!found.allowed.empty()) found.allowed += ", ";
    found.allowed += name_of(allowed);
    if (allowed == Method::get) found.allowed += ", HEAD";
  }
  return found;
}

std::string encode_cursor(std::string_view json_text) {
  auto text = to_base64(json_text);
  for (auto& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::string decode_cursor(std::string_view cursor) {
  std::string text(cursor);
  for (auto& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4) text += '=';
  if (auto decoded = from_base64(text)) return *decoded;
  throw Problem::malformed("malformed_cursor", "Send a cursor as you got it from page.next_cursor.", "cursor");
}

json::Value query_as_value(const std::string& query, const std::map<std::string, bool>& known_and_numeric) {
  json::Object object;
  std::string_view rest = query;
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const auto part = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (part.empty()) continue;
    const auto equals = part.find('=');
    const auto name = percent_decode(part.substr(0, equals), true);
    const auto value = percent_decode(equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1), true);
    if (!name || !value) throw Problem::malformed("malformed_query", "A part of the query is not percent-encoded UTF-8.");
    const auto member = member_name(*name);
    const auto known = known_and_numeric.find(member);
    if (known == known_and_numeric.end()) {
      std::string names;
      for (const auto& [one, numeric] : known_and_numeric) names += (names.empty() ? "" : ", ") + one;
      throw Problem::malformed("unknown_parameter", fmt::format("The parameter {} is not known here. Known are: {}.", *name, names.empty() ? "none" : names), *name);
    }
    if (object.contains(member)) throw Problem::malformed("repeated_parameter", fmt::format("The parameter {} stands twice; send it once.", *name), *name);
    if (known->second) {
      std::int64_t number = 0;
      const auto [stop, error] = std::from_chars(value->data(), value->data() + value->size(), number);
      if (error != std::errc() || stop != value->data() + value->size())
        throw Problem::malformed("malformed_parameter", fmt::format("The parameter {} is a whole number.", *name), *name);
      object[member] = number;
    } else {
      object[member] = *value;
    }
  }
  return object;
}

std::optional<std::int64_t> version_of_match(const Request& request) {
  auto text = request.field("If-Match");
  if (text.empty() || text == "*") return {};
  if (text.size() > 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
    std::int64_t version = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), version);
    if (error == std::errc() && stop == text.data() + text.size()) return version;
  }
  throw Problem::precondition_failed("If-Match is not an ETag of this resource; read it and send the ETag you got.");
}

std::string etag_of(std::int64_t version) { return fmt::format("\"{}\"", version); }

}  // namespace polyshop::http
