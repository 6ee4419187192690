#include "kernel/observe/redact.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernel/observe/log.hpp"

namespace polyshop::log {
namespace {

constexpr std::size_t token_size = 43;  // 256 bits in base64url

enum Class : std::uint8_t {
  token_char = 1,    // base64url
  address_char = 2,  // before the @ of an address; not / ? & =, which the standard allows, so that URLs stay readable
  domain_char = 4,
  name_char = 8,     // of the name in name=value
  bearer_char = 16,  // RFC 6750
  alphanumeric = 32,
  space = 64,
  trigger = 128,     // a character where a secret's rule starts
};

constexpr std::array<std::uint8_t, 256> classes = [] {
  std::array<std::uint8_t, 256> table{};
  const auto add = [&table](std::string_view chars, unsigned bits) {
    for (const char c : chars) table[static_cast<unsigned char>(c)] |= static_cast<std::uint8_t>(bits);
  };
  for (unsigned c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || (c >= '0' && c <= '9'))
      table[c] = token_char | address_char | domain_char | name_char | bearer_char | alphanumeric;
    if (c >= 0x80) table[c] = address_char | domain_char;  // internationalised addresses, RFC 6531
  }
  add("-_", token_char);
  add(".!#$%'*+-^_`{|}~", address_char);
  add("-.", domain_char);
  add("-_.", name_char);
  add("-._~+/=", bearer_char);
  add(" \t\r\n\v\f", space);
  add("@%=:_ \t\r\n", trigger);
  return table;
}();

bool is(char c, unsigned bits) { return (classes[static_cast<unsigned char>(c)] & bits) != 0; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

bool starts_with_word(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() && std::ranges::equal(text.substr(0, lower_case.size()), lower_case, {}, lower);
}
bool ends_with_word(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() && starts_with_word(text.substr(text.size() - lower_case.size()), lower_case);
}

// Lower-case slugs and hashes may be long, and a hash is what may be shown of a token; 256 random bits have capitals and
// small letters but for one token in two thousand million.
bool is_token(std::string_view run) {
  return run.size() == token_size ||
         (run.size() > token_size && std::ranges::any_of(run, is_upper) && std::ranges::any_of(run, is_lower));
}

// Reads a text once from the left and copies what is no secret. A rule looks back no further than what was copied
// already and continues behind what it replaced, so the time is linear.
class Redactor {
 public:
  explicit Redactor(std::string_view text) : text_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (is(text_[at_], token_char)) {
        step_over_word();
        continue;
      }
      switch (text_[at_]) {
        case '@': address(at_ + 1); break;
        case '%':
          if (text_.substr(at_).starts_with("%40")) address(at_ + 3);
          break;
        case '=': assignment(); break;
        case ':': colon(); break;
      }
      ++at_;
    }
    out_.append(text_.substr(copied_));
    return std::move(out_);
  }

 private:
  std::size_t end_of(unsigned bits, std::size_t from) const {
    while (from < text_.size() && is(text_[from], bits)) ++from;
    return from;
  }
  std::size_t start_of(unsigned bits, std::size_t before) const {
    while (before > copied_ && is(text_[before - 1], bits)) --before;
    return before;
  }
  std::size_t end_of_value(std::size_t from) const {
    while (from < text_.size() && !is(text_[from], space)) ++from;
    return from;
  }
  std::size_t end_of_line(std::size_t from) const { return std::min(text_.find_first_of("\r\n", from), text_.size()); }

  // Leaves at_ on the last replaced character, since run() steps on.
  void replace(std::size_t from, std::size_t to) {
    if (from >= to) return;
    out_.append(text_.substr(copied_, from - copied_)).append(redaction);
    copied_ = to;
    at_ = to - 1;
  }

  void step_over_word() {
    const auto start = at_;
    const auto end = end_of(token_char, start);
    const auto word = text_.substr(start, end - start);
    at_ = end;
    if (is_token(word)) {
      replace(start, end);
      at_ = end;
      return;
    }
    for (const std::string_view prefix : {"sk_", "whsec_"}) {
      for (auto found = word.find(prefix); found != std::string_view::npos; found = word.find(prefix, found + 1)) {
        if ((found > 0 && is(word[found - 1], alphanumeric)) || found + prefix.size() == word.size()) continue;
        replace(start + found + prefix.size(), end);
        at_ = end;
        return;
      }
    }
    const bool bearer = ends_with_word(word, "bearer");
    if (!bearer && word != "Basic") return;
    const auto credentials = end_of(space, end);
    const auto credentials_end = end_of(bearer_char, credentials);
    if (credentials == end || credentials == credentials_end) return;
    // "Basic" is also an English word; credentials in base64 have a capital or a digit.
    const auto value = text_.substr(credentials, credentials_end - credentials);
    if (!bearer && std::ranges::none_of(value, [](char c) { return is_upper(c) || (c >= '0' && c <= '9'); })) return;
    replace(credentials, credentials_end);
    at_ = credentials_end;
  }

  void address(std::size_t domain) {
    auto end = end_of(domain_char, domain);
    if (domain < text_.size() && text_[domain] == '[') end = std::min(text_.find(']', domain), text_.size() - 1) + 1;
    while (end > domain && text_[end - 1] == '.') --end;  // the end of a sentence
    if (end == domain) return;
    auto start = start_of(address_char, at_);
    if (start == at_ && at_ > copied_ && text_[at_ - 1] == '"') {
      // A quoted local part, "john doe"@example.com.
      const auto quote = at_ - 1 > copied_ ? text_.rfind('"', at_ - 2) : std::string_view::npos;
      if (quote != std::string_view::npos && quote >= copied_) start = quote;
    }
    if (start < at_ || (copied_ == at_ && at_ > 0)) replace(start, end);
  }

  // The name before at_, without quotes and the backslashes of a quoted quote.
  std::string_view name_before() const {
    auto end = at_;
    while (end > copied_ && (text_[end - 1] == '"' || text_[end - 1] == '\'' || text_[end - 1] == '\\' || text_[end - 1] == ' ')) --end;
    const auto start = start_of(name_char, end);
    return text_.substr(start, end - start);
  }

  // Replaces a quoted value that starts at `from`, spaces and the quote's own backslashes first, or nothing.
  bool quoted(std::size_t from) {
    from = end_of(space, from);
    const auto opening = from;
    while (from < text_.size() && text_[from] == '\\') ++from;
    if (from == text_.size() || (text_[from] != '"' && text_[from] != '\'')) return false;
    // In a text that was quoted n times the closing quote has as many backslashes as the opening one, one inside has more.
    const auto depth = from - opening;
    const char quote = text_[from];
    std::size_t backslashes = 0;
    auto end = from + 1;
    for (; end < text_.size(); ++end) {
      if (text_[end] == quote && backslashes <= depth) break;
      backslashes = text_[end] == '\\' ? backslashes + 1 : 0;
    }
    if (end < text_.size()) end -= backslashes;
    replace(from + 1, end);
    return true;
  }

  void assignment() {
    if (names_secret(name_before()) && !quoted(at_ + 1)) {
      const auto value = end_of(space, at_ + 1);
      replace(value, end_of_value(value));
    }
  }

  // A member of an object, a header's line, or the user and password of a URL.
  void colon() {
    if (text_.substr(at_).starts_with("://")) {
      const auto authority = at_ + 3;
      const auto end = std::min(text_.find_first_of("/?#\"<> \t\r\n", authority), text_.size());
      const auto user_size = text_.substr(authority, end - authority).rfind('@');
      if (user_size == std::string_view::npos) return;
      replace(authority, authority + user_size);
      at_ = authority + user_size;  // not an address: the host stays
      return;
    }
    const auto name = name_before();
    if (!names_secret(name)) return;
    if (quoted(at_ + 1)) return;
    const bool is_member = text_[at_ - 1] == '"' || text_[at_ - 1] == '\'';
    if (is_member) {
      const auto value = end_of(space, at_ + 1);
      const bool nested = value < text_.size() && (text_[value] == '{' || text_[value] == '[');
      replace(value, nested ? text_.size() : std::min(text_.find_first_of(",}] \t\r\n", value), text_.size()));
      return;
    }
    // "Unexpected token: }" and "duplicate key: sku" are what parsers say, and tell more than they betray.
    if ((name == "token" || name == "key") && name.data() > text_.data() && is(*(name.data() - 1), space)) return;
    replace(end_of(space, at_ + 1), end_of_line(end_of(space, at_ + 1)));
  }

  std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
  std::size_t copied_ = 0;  // up to here the text is in out_
};

}  // namespace

bool names_secret(std::string_view key) {
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto rest = key.substr(i);
    switch (lower(key[i])) {
      case 'p':
        if (starts_with_word(rest, "passw") || starts_with_word(rest, "passphrase") || starts_with_word(rest, "pwd")) return true;
        break;
      case 't':
        if (starts_with_word(rest, "token")) return true;
        break;
      case 's':
        if (starts_with_word(rest, "secret")) return true;
        break;
      case 'a':
        if (starts_with_word(rest, "authorization") || starts_with_word(rest, "apikey")) return true;
        break;
      case 'c':
        if (starts_with_word(rest, "cookie") || starts_with_word(rest, "credential")) return true;
        break;
      case 'k':
        // A word of its own, as in api_key, Api-Key and apiKey, but not in monkey or keyboard.
        if (starts_with_word(rest, "key") && (i == 0 || !is(key[i - 1], alphanumeric) || (key[i] == 'K' && is_lower(key[i - 1])))) {
          const auto end = rest.size() > 3 && lower(rest[3]) == 's' ? 4U : 3U;
          if (rest.size() == end || !is_lower(rest[end])) return true;
        }
        break;
    }
  }
  return false;
}

bool may_hold_secret(std::string_view text) {
  std::size_t run = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto bits = classes[static_cast<unsigned char>(text[i])];
    run = (bits & token_char) ? run + 1 : 0;
    if (run >= token_size) return true;
    if ((bits & trigger) == 0) continue;
    const char before = i > 0 ? lower(text[i - 1]) : ' ';
    switch (text[i]) {
      case '_':
        if (before == 'k' || before == 'c') return true;  // sk_, whsec_
        break;
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        // "Bearer x" and "Basic x".
        if (i >= 5 && ((before == 'r' && lower(text[i - 2]) == 'e' && lower(text[i - 3]) == 'r') || before == 'c')) return true;
        break;
      case '%':
        if (text.substr(i).starts_with("%40")) return true;
        break;
      default: return true;  // @ = :
    }
  }
  return false;
}

std::string redacted(std::string_view text) { return may_hold_secret(text) ? Redactor(text).run() : std::string(text); }

}  // namespace polyshop::log
