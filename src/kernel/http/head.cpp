#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "kernel/http/characters.hpp"
#include "kernel/http/framing.hpp"

namespace polyshop::http {
namespace {

using Verdict = std::optional<Refusal>;

Refusal bad(std::string code, std::string detail) { return {400, std::move(code), std::move(detail)}; }

Refusal head_too_long(const Limits& limits) {
  return {431, "head_too_long",
          fmt::format("The request line and the header fields exceed {} bytes together; send fewer or shorter fields.",
                      limits.head_size_max)};
}

Refusal target_too_long(std::size_t size_max) {
  return {414, "target_too_long", fmt::format("The request target exceeds {} bytes; shorten the query.", size_max)};
}

Refusal malformed_method() {
  return bad("malformed_method", "The request must start with an HTTP method; send plain HTTP to this port, not TLS.");
}

std::optional<Method> known_method(std::string_view text) {
  switch (text.size()) {
    case 3: return text == "GET" ? std::optional(Method::get) : text == "PUT" ? std::optional(Method::put) : std::nullopt;
    case 4:
      return text == "POST" ? std::optional(Method::post) : text == "HEAD" ? std::optional(Method::head) : std::nullopt;
    case 5: return text == "PATCH" ? std::optional(Method::patch) : std::nullopt;
    case 6: return text == "DELETE" ? std::optional(Method::del) : std::nullopt;
    case 7: return text == "OPTIONS" ? std::optional(Method::options) : std::nullopt;
    default: return std::nullopt;
  }
}

// The first byte from `at` on that may not stand in a field's value. Eight bytes at a time, since values are most of a
// head: the lowest bit set in `stops` is in the first byte that is below a blank or DEL, and false ones come behind it.
const char* skip_text(const char* at, const char* end) {
  static_assert(std::endian::native == std::endian::little, "the first byte must be the lowest");
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  while (end - at >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    const auto deleted = word ^ ones * 0x7f;
    const auto stops = (((word - ones * 0x20) & ~word) | ((deleted - ones) & ~deleted)) & tops;
    if (stops == 0) {
      at += 8;
      continue;
    }
    at += std::countr_zero(stops) / 8;
    if (*at != '\t') return at;
    ++at;
  }
  while (at != end && is(*at, text_character)) ++at;
  return at;
}

// Calls `visit` for every member of a comma-separated list, blanks around it removed, until it answers false.
template <class Visit>
bool all_members(std::string_view list, Visit visit) {
  while (true) {
    const auto comma = std::min(list.find(','), list.size());
    auto member = list.substr(0, comma);
    while (!member.empty() && is_blank(member.front())) member.remove_prefix(1);
    while (!member.empty() && is_blank(member.back())) member.remove_suffix(1);
    if (!visit(member)) return false;
    if (comma == list.size()) return true;
    list.remove_prefix(comma + 1);
  }
}

// Reads one head from front to back. Every loop over characters ends at the CR of the head's last line at the latest,
// since no class holds a CR, so that they need no bound.
class HeadParser {
 public:
  HeadParser(std::string_view bytes, const Limits& limits, Head& head)
      : limits_(limits), head_(head), at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  Verdict parse() {
    if (auto refusal = request_line()) return refusal;
    while (*at_ != '\r')
      if (auto refusal = field_line()) return refusal;
    // An empty line before the end: the caller measured wrongly, or a lone CR starts a line.
    if (end_ - at_ != 2) return bare_cr();
    return conclusions();
  }

 private:
  static std::string_view between(const char* from, const char* to) { return {from, static_cast<std::size_t>(to - from)}; }
  static Refusal bare_cr() { return bad("bare_cr", "A CR stands alone; end every line in CRLF and send no other CR."); }

  // By way of a local: a char may alias a member, which the compiler would then store at every step.
  void skip(CharacterClass allowed) {
    const char* at = at_;
    while (is(*at, allowed)) ++at;
    at_ = at;
  }

  Verdict request_line() {
    const char* const start = at_;
    skip(token_character);
    head_.method_text = between(start, at_);
    if (at_ == start) return malformed_method();
    if (*at_ != ' ')
      return bad("malformed_request_line", "The request line must be a method, a target and a version, one blank between them.");
    ++at_;
    // Before the target is looked at, since CONNECT's has a form of its own.
    if (head_.method_text == "CONNECT" || head_.method_text == "TRACE")
      return Refusal{405, "method_not_allowed", fmt::format("{} is not allowed here.", head_.method_text)};
    if (auto refusal = target()) return refusal;
    ++at_;
    if (auto refusal = version()) return refusal;
    const auto method = known_method(head_.method_text);
    if (!method)
      return Refusal{501, "unknown_method", "The method is unknown here; use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS."};
    head_.method = *method;
    if (head_.target == "*" && head_.method != Method::options)
      return bad("malformed_target", "The target * goes with OPTIONS only; give a path.");
    return {};
  }

  // Leaves `at_` on the blank after the target.
  Verdict target() {
    const char* const start = at_;
    if (*at_ == '*' && at_[1] == ' ') {
      ++at_;
      head_.target = head_.path = between(start, at_);
      return {};
    }
    if (*at_ != '/')
      if (auto refusal = scheme_and_authority()) return refusal;
    const char* const path = at_;
    if (auto refusal = target_part(path_character)) return refusal;
    head_.path = between(path, at_);
    if (*at_ == '?') {
      const char* const query = ++at_;
      if (auto refusal = target_part(query_character)) return refusal;
      head_.query = between(query, at_);
    }
    head_.target = between(path, at_);
    if (static_cast<std::size_t>(at_ - start) > limits_.target_size_max) return target_too_long(limits_.target_size_max);
    if (*at_ == ' ') return {};
    if (*at_ == '\r') return bad("malformed_version", "The request line ends without a version; send HTTP/1.1.");
    if (*at_ == '#') return bad("fragment_in_target", "The target holds a '#'; send no fragment, or %23.");
    if (static_cast<unsigned char>(*at_) > 0x7f)
      return bad("non_ascii_target", "The target holds a byte over 0x7f; percent-encode it as UTF-8.");
    return bad("malformed_target", "The target holds a character that no URI may hold; percent-encode it.");
  }

  Verdict target_part(CharacterClass allowed) {
    while (true) {
      skip(allowed);
      if (*at_ != '%') return {};
      if (hex_digit(at_[1]) < 0 || hex_digit(at_[2]) < 0)
        return bad("malformed_escape", "A '%' in the target must be followed by two hexadecimal digits.");
      at_ += 3;
    }
  }

  // A target for a proxy. An empty path is refused: the same target would be "/" to one reader and "*" to another.
  Verdict scheme_and_authority() {
    const auto rest = between(at_, end_);
    const auto scheme_size = equals_ignoring_case(rest.substr(0, 7), "http://")    ? 7
                             : equals_ignoring_case(rest.substr(0, 8), "https://") ? 8
                                                                                   : 0;
    const auto authority_size = rest.substr(static_cast<std::size_t>(scheme_size)).find_first_of("/?# \t\r");
    authority_ = rest.substr(static_cast<std::size_t>(scheme_size), authority_size);
    if (scheme_size == 0 || authority_.empty() || authority_.data()[authority_.size()] != '/')
      return bad("malformed_target", "The target must be a path that starts with '/', or http://, a host and such a path.");
    at_ = authority_.data() + authority_.size();
    return {};
  }

  Verdict version() {
    constexpr std::size_t size = 10;  // with the line's end
    const auto text = between(at_, end_).substr(0, size);
    if (text == "HTTP/1.1\r\n") {
      head_.minor_version = 1;
    } else if (text == "HTTP/1.0\r\n") {
      head_.minor_version = 0;
    } else if (text.size() == size && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' &&
               is_digit(text[7]) && text.ends_with("\r\n")) {
      return Refusal{505, "version_not_supported", "This version of HTTP is not spoken here; use HTTP/1.1."};
    } else {
      return bad("malformed_version", "After the target there must be one blank, HTTP/1.1 or HTTP/1.0, and CRLF.");
    }
    at_ += size;
    return {};
  }

  Verdict field_line() {
    const char* const start = at_;
    skip(name_character);
    const auto name = between(start, at_);
    if (*at_ != ':' || name.empty()) return malformed_name(name);
    do ++at_;
    while (is_blank(*at_));
    const char* const from = at_;
    at_ = skip_text(at_, end_);
    const char* to = at_;
    while (to != from && is_blank(to[-1])) --to;
    if (*at_ != '\r')
      return bad("control_character_in_field", "A header field holds a control character; only HTAB may stand there.");
    if (at_[1] != '\n') return bare_cr();
    at_ += 2;
    if (head_.fields.size() >= limits_.fields_max)
      return Refusal{431, "too_many_fields", fmt::format("There are more than {} header fields; send fewer.", limits_.fields_max)};
    head_.fields.push_back({name, between(from, to)});
    return framing_field(head_.fields.back());
  }

  Refusal malformed_name(std::string_view name) const {
    if (name.empty() && is_blank(*at_))
      return bad("folded_field", "A header line starts with a blank; write each field on one line.");
    if (!name.empty() && is_blank(*at_))
      return bad("blank_before_colon", "There is a blank between a field's name and its colon; remove it.");
    if (*at_ == '_') return bad("underscore_in_field_name", "A field name holds '_'; gateways read it as '-', so write '-'.");
    return bad("malformed_field_name", "A header line does not start with a field name and a colon.");
  }

  // The fields that say how the message is framed, by the length of their names first: few others share them.
  Verdict framing_field(const Field& field) {
    switch (field.name.size()) {
      case 4: return equals_ignoring_case(field.name, "host") ? host(field.value) : Verdict();
      case 6: return equals_ignoring_case(field.name, "expect") ? expect(field.value) : Verdict();
      case 10: return equals_ignoring_case(field.name, "connection") ? connection(field.value) : Verdict();
      case 14: return equals_ignoring_case(field.name, "content-length") ? content_length(field.value) : Verdict();
      case 16: return equals_ignoring_case(field.name, "content-encoding") ? content_encoding(field.value) : Verdict();
      case 17: return equals_ignoring_case(field.name, "transfer-encoding") ? transfer_encoding(field.value) : Verdict();
      default: return {};
    }
  }

  Verdict host(std::string_view value) {
    if (has_host_) return bad("repeated_host", "There is more than one Host field; send one.");
    has_host_ = true;
    if (!is_host(value)) return bad("malformed_host", "Host must be a name or an address, and may be followed by a port.");
    head_.host = value;
    return {};
  }

  Verdict expect(std::string_view value) {
    if (!equals_ignoring_case(value, "100-continue"))
      return Refusal{417, "unknown_expectation", "Expect can only be 100-continue; leave the field out."};
    expects_continue_ = true;
    return {};
  }

  Verdict connection(std::string_view value) {
    const bool tokens = all_members(value, [&](std::string_view option) {
      closes_ |= equals_ignoring_case(option, "close");
      keeps_alive_ |= equals_ignoring_case(option, "keep-alive");
      return option.empty() || is_token(option);  // RFC 9110 section 5.6.1 has recipients take empty members
    });
    if (!tokens) return bad("malformed_connection", "Connection must be a list of tokens, such as close.");
    return {};
  }

  Verdict content_length(std::string_view value) {
    if (head_.content_length) return bad("repeated_content_length", "There is more than one Content-Length; send one.");
    std::uint64_t length = 0;
    bool fits = !value.empty() && (value.front() != '0' || value.size() == 1);
    for (const char c : value) {
      constexpr auto length_max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      const auto digit = static_cast<std::uint64_t>(c - '0');
      fits = fits && is_digit(c) && length <= (length_max - digit) / 10;
      length = length * 10 + digit;
    }
    if (!fits) return bad("malformed_content_length", "Content-Length must be one decimal number without leading zeros.");
    head_.content_length = length;
    return {};
  }

  Verdict content_encoding(std::string_view value) {
    if (equals_ignoring_case(value, "identity")) return {};
    return Refusal{415, "unsupported_content_encoding", "Bodies are taken without a content coding only; send it plain."};
  }

  Verdict transfer_encoding(std::string_view value) {
    if (transfer_encoding_) return bad("repeated_transfer_encoding", "There is more than one Transfer-Encoding; send one.");
    transfer_encoding_ = value;
    return {};
  }

  // What can only be judged once all fields are known.
  Verdict conclusions() {
    if (!has_host_) return bad("missing_host", "There is no Host field; send one.");
    if (authority_.data() && !equals_ignoring_case(authority_, head_.host))
      return bad("host_mismatch", "The target names another host than the Host field; send the same in both.");
    if (auto refusal = transfer_coding()) return refusal;
    head_.keep_alive = !closes_ && (head_.minor_version == 1 || keeps_alive_);
    head_.expect_continue =
        expects_continue_ && head_.minor_version == 1 && (head_.chunked || head_.content_length.value_or(0) > 0);
    return {};
  }

  Verdict transfer_coding() {
    if (!transfer_encoding_) return {};
    if (head_.minor_version == 0)
      return bad("transfer_encoding_in_http_1_0", "HTTP/1.0 has no Transfer-Encoding; send Content-Length or HTTP/1.1.");
    if (head_.content_length)
      return bad("two_lengths", "There are both Content-Length and Transfer-Encoding; send one of them.");
    head_.chunked = equals_ignoring_case(*transfer_encoding_, "chunked");
    if (head_.chunked) return {};
    bool known = true;
    const bool tokens = all_members(*transfer_encoding_, [&](std::string_view coding) {
      known = known && equals_ignoring_case(coding, "chunked");
      return is_token(coding);
    });
    if (tokens && !known)
      return Refusal{501, "unknown_transfer_coding", "The only transfer coding known here is chunked; send no other."};
    return bad("malformed_transfer_encoding", "Transfer-Encoding must be exactly: chunked.");
  }

  const Limits& limits_;
  Head& head_;
  const char* at_;
  const char* const end_;
  std::string_view authority_;  // of a target in absolute form
  std::optional<std::string_view> transfer_encoding_;
  bool has_host_ = false;
  bool closes_ = false;
  bool keeps_alive_ = false;
  bool expects_continue_ = false;
};

}  // namespace

HeadEnd find_head_end(std::string_view bytes, std::size_t& scanned, const Limits& limits) {
  if (scanned == 0 && !bytes.empty() && !is(bytes.front(), token_character)) return {0, malformed_method()};
  const auto window = bytes.substr(0, limits.head_size_max);
  while (scanned < window.size()) {
    const auto lf = window.find('\n', scanned);
    if (lf == std::string_view::npos) {
      scanned = window.size();
      break;
    }
    scanned = lf + 1;
    if (lf == 0 || window[lf - 1] != '\r') return {0, bad("bare_lf", "An LF stands alone; end every line in CRLF.")};
    if (lf >= 2 && window[lf - 2] == '\n') return {lf + 1, {}};
  }
  if (bytes.size() < limits.head_size_max) return {};
  // Even the first line did not end: what is too long is the target.
  if (window.find('\n') == std::string_view::npos) return {0, target_too_long(std::min(limits.target_size_max, limits.head_size_max))};
  return {0, head_too_long(limits)};
}

Verdict parse_head(std::string_view bytes, const Limits& limits, Head& head) {
  auto fields = std::move(head.fields);
  fields.clear();
  head = Head{};
  head.fields = std::move(fields);
  if (bytes.size() > limits.head_size_max) return head_too_long(limits);
  if (!bytes.ends_with("\r\n\r\n")) return bad("incomplete_head", "The header fields must end in an empty line.");
  return HeadParser(bytes, limits, head).parse();
}

}  // namespace polyshop::http
