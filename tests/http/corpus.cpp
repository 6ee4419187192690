#include "corpus.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

namespace polyshop::tests {
namespace {

constexpr int repeats_max = 2'000'000;  // a slip of the keyboard must not fill the memory

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : file_(path.filename().string()), input_(path) {
    if (!input_) fail("cannot be read");
  }

  void read(std::vector<WireCase>& cases) {
    for (std::string line; std::getline(input_, line);) {
      ++line_;
      if (line.empty() || line.starts_with('#')) continue;
      if (line.back() == ' ' || line.back() == '\t' || line.back() == '\r') fail("the line ends in a blank; write \\x20");
      if (line.starts_with("=== ")) {
        finish(cases);
        current_ = {file_, line_, line.substr(4), {}, -1, {}};
        if (!names_.insert(current_.name).second) fail("the name is taken");
        open_ = true;
      } else if (!open_) {
        fail("text before the first ===");
      } else if (current_.status < 0) {
        expectation(line);
      } else {
        current_.bytes += expanded(line);
      }
    }
    finish(cases);
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw std::runtime_error(fmt::format("{}:{}: {}", file_, line_, what));
  }

  void finish(std::vector<WireCase>& cases) {
    if (!open_) return;
    if (current_.status < 0) fail("the case before has no expectation");
    if (current_.bytes.empty()) fail("the case before has no request");
    cases.push_back(std::move(current_));
  }

  void expectation(std::string_view line) {
    constexpr std::string_view start = "expect: ";
    if (!line.starts_with(start)) fail("expected: expect: ok, or a status and a code");
    line.remove_prefix(start.size());
    if (line == "ok") {
      current_.status = 0;
      return;
    }
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), current_.status);
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    const bool snake = line.size() > 1 && std::all_of(line.begin() + 1, line.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (error != std::errc() || current_.status < 400 || current_.status > 599 || !snake || line.front() != ' ')
      fail("expected a status of 400 to 599 and a code in snake_case");
    current_.code = line.substr(1);
  }

  std::string expanded(std::string_view text) const {
    std::string bytes;
    while (!text.empty()) {
      const char c = text.front();
      if (c == '\\') {
        bytes += escape(text);
      } else if (c == '{') {
        bytes += repetition(text);
      } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) {
        fail("a byte outside visible ASCII; write \\xNN");
      } else {
        bytes += c;
        text.remove_prefix(1);
      }
    }
    return bytes;
  }

  // Takes one escape from the front of `text`.
  char escape(std::string_view& text) const {
    const char kind = text.size() > 1 ? text[1] : '\0';
    auto size = std::size_t{2};
    auto byte = 0u;
    switch (kind) {
      case 'r': byte = '\r'; break;
      case 'n': byte = '\n'; break;
      case 't': byte = '\t'; break;
      case '\\':
      case '{': byte = static_cast<unsigned char>(kind); break;
      case 'x': {
        size = 4;
        const auto digits = text.substr(2, 2);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
        if (error != std::errc() || digits.size() != 2 || end != digits.data() + 2) fail("\\x needs two hexadecimal digits");
        break;
      }
      default: fail("unknown escape; there are \\r \\n \\t \\\\ \\{ \\xNN");
    }
    text.remove_prefix(size);
    return static_cast<char>(byte);
  }

  // Takes one {text*n} from the front of `text`.
  std::string repetition(std::string_view& text) const {
    const auto close = text.find('}');
    if (close == std::string_view::npos) fail("a '{' without its '}'; write \\{ for the character");
    const auto inner = text.substr(1, close - 1);
    const auto star = inner.rfind('*');
    if (star == std::string_view::npos || inner.find('{') != std::string_view::npos) fail("a repetition is {text*n}");
    int count = 0;
    const auto* const last = inner.data() + inner.size();
    const auto [end, error] = std::from_chars(inner.data() + star + 1, last, count);
    if (error != std::errc() || end != last || count < 1 || count > repeats_max) fail("a repetition is {text*n}, n at least 1");
    const auto once = expanded(inner.substr(0, star));
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes += once;
    text.remove_prefix(close + 1);
    return bytes;
  }

  std::string file_;
  std::ifstream input_;
  int line_ = 0;
  bool open_ = false;
  WireCase current_;
  std::set<std::string> names_;
};

}  // namespace

std::vector<WireCase> load_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<WireCase> cases;
  for (const auto& file : files) Reader(file).read(cases);
  return cases;
}

}  // namespace polyshop::tests
