#include "shopload/answer.hpp"

#include <cstring>

#include <charconv>

#include <fmt/format.h>
#include <strings.h>

namespace polyshop::load {
namespace {

constexpr std::size_t shown_max = 400;

// glibc's memmem is several times faster than std::string_view::find.
std::size_t find(std::string_view text, std::string_view mark, std::size_t from = 0) {
  if (from > text.size()) return std::string_view::npos;
  const auto* found = static_cast<const char*>(::memmem(text.data() + from, text.size() - from, mark.data(), mark.size()));
  return found ? static_cast<std::size_t>(found - text.data()) : std::string_view::npos;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return {};
  return value;
}

std::optional<std::string_view> rest_after(std::string_view body, std::string_view mark, std::string_view from) {
  const auto start = from.empty() ? 0 : find(body, from);
  if (start == std::string_view::npos) return {};
  const auto at = find(body, mark, start);
  if (at == std::string_view::npos) return {};
  return body.substr(at + mark.size());
}

}  // namespace

std::string_view Answer::field(std::string_view name) const {
  for (auto at = find(head, "\r\n"); at != std::string_view::npos && at + 2 < head.size();) {
    const auto line = head.substr(at + 2);
    if (line.size() > name.size() && line[name.size()] == ':' && ::strncasecmp(line.data(), name.data(), name.size()) == 0) {
      auto value = line.substr(name.size() + 1, line.find('\r') - name.size() - 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      return value;
    }
    at = find(head, "\r\n", at + 2);
  }
  return {};
}

bool Answer::closes() const {
  const auto value = field("Connection");
  return value.size() == 5 && ::strncasecmp(value.data(), "close", 5) == 0;
}

std::optional<int> Answer::retry_after() const {
  const auto seconds = number(field("Retry-After"));
  if (!seconds || *seconds < 0) return {};
  return static_cast<int>(std::min<std::int64_t>(*seconds, 3600));
}

std::optional<Framed> take_answer(std::string_view bytes) {
  const auto end = find(bytes, "\r\n\r\n");
  if (end == std::string_view::npos) return {};
  Answer answer;
  answer.head = bytes.substr(0, end + 2);
  const auto status = number(bytes.substr(0, 12).substr(std::min<std::size_t>(bytes.size(), 9)));
  if (!bytes.starts_with("HTTP/1.1 ") || !status) throw Fault{"not an HTTP/1.1 answer", std::string(bytes.substr(0, shown_max))};
  answer.status = static_cast<int>(*status);
  const auto head_size = end + 4;
  if (answer.status == 204 || answer.status == 304) return Framed{answer, head_size};
  const auto length = number(answer.field("Content-Length"));
  if (!length || *length < 0) throw Fault{"an answer without Content-Length", std::string(answer.head.substr(0, shown_max))};
  const auto size = head_size + static_cast<std::size_t>(*length);
  if (bytes.size() < size) return {};
  answer.body = bytes.substr(head_size, static_cast<std::size_t>(*length));
  return Framed{answer, size};
}

std::optional<std::string_view> text_after(std::string_view body, std::string_view mark, std::string_view from) {
  const auto rest = rest_after(body, mark, from);
  if (!rest) return {};
  return rest->substr(0, rest->find('"'));
}

std::optional<std::int64_t> number_after(std::string_view body, std::string_view mark, std::string_view from) {
  const auto rest = rest_after(body, mark, from);
  if (!rest) return {};
  return number(*rest);
}

std::size_t count_of(std::string_view body, std::string_view mark) {
  std::size_t count = 0;
  for (auto at = find(body, mark); at != std::string_view::npos; at = find(body, mark, at + mark.size())) ++count;
  return count;
}

}  // namespace polyshop::load
