#include "kernel/http/framing.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "../http/corpus.hpp"
#include "kernel/http/characters.hpp"

using namespace polyshop::http;
using polyshop::tests::WireCase;

namespace {

// A copy without a spare byte behind it, so that the address sanitizer sees a read past the end.
class Exact {
 public:
  explicit Exact(std::string_view text) : bytes_(new char[text.size()]), size_(text.size()) {
    text.copy(bytes_.get(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

// What became of a stream of bytes, in words, so that two outcomes are compared and printed alike.
struct Outcome {
  std::vector<std::string> requests;
  std::optional<Refusal> refusal;
  bool waiting = false;  // in the middle of a message

  std::string text() const {
    auto text = refusal ? fmt::format("{} {}", refusal->status, refusal->code) : std::string(waiting ? "waiting" : "ok");
    for (const auto& request : requests) text += "\n  " + request;
    return text;
  }
};

std::string summary_of(const Head& head) {
  auto text = fmt::format("{} {} {}?{} {} 1.{} {} {} {} {}", head.method_text, head.target, head.path, head.query, head.host,
                          head.minor_version, head.content_length.value_or(0), head.chunked, head.keep_alive,
                          head.expect_continue);
  for (const auto& field : head.fields) text += fmt::format(" [{}: {}]", field.name, field.value);
  return text;
}

// The reading half of a connection: takes bytes as they come and reads request after request.
class Connection {
 public:
  void take(std::string_view piece) {
    if (outcome_.refusal) return;
    buffer_ += piece;
    while (!outcome_.refusal && (in_body_ ? read_body() : read_head())) {
    }
  }

  Outcome outcome() const {
    auto outcome = outcome_;
    outcome.waiting = in_body_ || !buffer_.empty();
    return outcome;
  }

 private:
  bool read_head() {
    if (buffer_.empty()) return false;
    auto end = find_head_end(Exact(buffer_).view(), scanned_, limits_);
    if (end.refusal) return refuse(*end.refusal);
    if (end.size == 0) return false;
    const Exact bytes(std::string_view(buffer_).substr(0, end.size));
    if (auto refusal = parse_head(bytes.view(), limits_, head_)) return refuse(*refusal);
    request_ = summary_of(head_);
    body_left_ = head_.content_length.value_or(0);
    if (head_.chunked) chunks_.emplace(limits_, limits_.body_size_max);
    buffer_.erase(0, end.size);
    scanned_ = 0;
    in_body_ = true;
    return true;
  }

  bool read_body() {
    if (head_.chunked) {
      std::string_view rest = buffer_;
      if (auto refusal = chunks_->decode(rest, body_)) return refuse(*refusal);
      buffer_.erase(0, buffer_.size() - rest.size());
      if (!chunks_->done()) return false;
    } else {
      const auto taken = std::min(body_left_, buffer_.size());
      body_ += buffer_.substr(0, taken);
      buffer_.erase(0, taken);
      body_left_ -= taken;
      if (body_left_ > 0) return false;
    }
    outcome_.requests.push_back(fmt::format("{} with {} bytes, hash {}", request_, body_.size(), std::hash<std::string>()(body_)));
    body_.clear();
    in_body_ = false;
    return true;
  }

  bool refuse(const Refusal& refusal) {
    outcome_.refusal = refusal;
    return false;
  }

  const Limits limits_;
  std::string buffer_;
  std::size_t scanned_ = 0;
  Head head_;  // its views are not used once its bytes have left the buffer
  bool in_body_ = false;
  std::size_t body_left_ = 0;
  std::optional<ChunkedDecoder> chunks_;
  std::string request_;
  std::string body_;
  Outcome outcome_;
};

Outcome outcome_of(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  Connection connection;
  std::size_t from = 0;
  for (const auto cut : cuts) {
    connection.take(bytes.substr(from, cut - from));
    from = cut;
  }
  connection.take(bytes.substr(from));
  return connection.outcome();
}

const std::vector<WireCase>& corpus() {
  static const auto cases =
      polyshop::tests::load_corpus(std::filesystem::path(POLYSHOP_SOURCE_DIR) / "tests/http/malformed");
  return cases;
}

std::string place_of(const WireCase& wire) { return fmt::format("{}:{}: {}", wire.file, wire.line, wire.name); }

std::optional<Refusal> parsed(std::string_view bytes, Head& head) { return parse_head(bytes, Limits{}, head); }

}  // namespace

TEST_CASE("framing: the corpus is large enough to be worth its name") {
  const auto taken = std::count_if(corpus().begin(), corpus().end(), [](const WireCase& wire) { return wire.status == 0; });
  CHECK(corpus().size() - static_cast<std::size_t>(taken) >= 120);
  CHECK(taken >= 30);
}

TEST_CASE("framing: every case of the corpus is refused or taken as it says") {
  for (const auto& wire : corpus()) {
    INFO(place_of(wire));
    const auto outcome = outcome_of(wire.bytes, {});
    if (wire.status == 0) {
      CHECK_MESSAGE(!outcome.refusal, outcome.text());
      CHECK(!outcome.waiting);
      CHECK(!outcome.requests.empty());
    } else {
      REQUIRE_MESSAGE(outcome.refusal, outcome.text());
      CHECK(outcome.refusal->status == wire.status);
      CHECK(outcome.refusal->code == wire.code);
      CHECK(outcome.refusal->detail.ends_with('.'));
      CHECK(outcome.requests.empty());
    }
  }
}

TEST_CASE("framing: the outcome does not depend on how the bytes are cut") {
  const auto seed = std::random_device()();
  INFO("seed ", seed);
  std::mt19937 random(seed);
  for (const auto& wire : corpus()) {
    INFO(place_of(wire));
    const auto whole = outcome_of(wire.bytes, {}).text();
    // Byte by byte where that says something new: the test's own copies make it quadratic.
    if (wire.bytes.size() < 20'000) {
      std::vector<std::size_t> all;
      for (std::size_t i = 1; i < wire.bytes.size(); ++i) all.push_back(i);
      CHECK(outcome_of(wire.bytes, all).text() == whole);
    }
    for (int round = 0; round < 4; ++round) {
      std::vector<std::size_t> cuts(1 + random() % 5);
      for (auto& cut : cuts) cut = random() % (wire.bytes.size() + 1);
      std::sort(cuts.begin(), cuts.end());
      CHECK(outcome_of(wire.bytes, cuts).text() == whole);
    }
  }
}

TEST_CASE("framing: a code has one status") {
  std::map<std::string, std::set<int>> statuses;
  for (const auto& wire : corpus())
    if (wire.status != 0) statuses[wire.code].insert(wire.status);
  for (const auto& [code, known] : statuses) {
    INFO(code);
    CHECK(known.size() == 1);
  }
}

TEST_CASE("framing: what a head says") {
  Head head;
  const std::string bytes =
      "PATCH /v1/carts/%C3%A4?a=b?c&d HTTP/1.1\r\nhOST:shop.example:80 \r\nX-A:  one\r\nx-a: two\t\r\n"
      "Content-Length: 9223372036854775807\r\nExpect: 100-continue\r\n\r\n";
  REQUIRE(!parsed(bytes, head));
  CHECK(head.method == Method::patch);
  CHECK(name_of(head.method) == head.method_text);
  CHECK(head.target == "/v1/carts/%C3%A4?a=b?c&d");
  CHECK(head.path == "/v1/carts/%C3%A4");
  CHECK(head.query == "a=b?c&d");
  CHECK(head.host == "shop.example:80");
  CHECK(head.minor_version == 1);
  CHECK(head.content_length == 9223372036854775807u);
  CHECK(!head.chunked);
  CHECK(head.keep_alive);
  CHECK(head.expect_continue);
  CHECK(head.field("host") == "shop.example:80");
  CHECK(head.field("X-A") == "one");
  CHECK(head.field("X-B") == std::nullopt);
  CHECK(head.fields.size() == 5);

  // The next request on the connection inherits nothing.
  REQUIRE(!parsed("GET http://b/x HTTP/1.0\r\nHost: b\r\n\r\n", head));
  CHECK(summary_of(head) == "GET /x /x? b 1.0 0 false false false [Host: b]");
  CHECK(!head.content_length);
  REQUIRE(!parsed("OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n", head));
  CHECK(head.target == "*");
  CHECK(head.path == "*");
}

TEST_CASE("framing: names of methods") {
  for (const auto* name : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    Head head;
    REQUIRE(!parsed(fmt::format("{} / HTTP/1.1\r\nHost: a\r\n\r\n", name), head));
    CHECK(name_of(head.method) == name);
  }
}

TEST_CASE("framing: keep_alive") {
  struct Row {
    int minor_version;
    std::string fields;
    bool keep_alive;
  };
  const Row rows[] = {
      {1, "", true},
      {1, "Connection: close\r\n", false},
      {1, "Connection: CLOSE\r\n", false},
      {1, "Connection: x, close ,y\r\n", false},
      {1, "Connection: x\r\nConnection: close\r\n", false},
      {1, "Connection: keep-alive, close\r\n", false},
      {1, "Connection: closed\r\n", true},
      {1, "Connection: keep-alive\r\n", true},
      {1, "Proxy-Connection: close\r\n", true},
      {0, "", false},
      {0, "Connection: Keep-Alive\r\n", true},
      {0, "Connection: x,keep-alive\r\n", true},
      {0, "Connection: keep-alive\r\nConnection: close\r\n", false},
  };
  for (const auto& row : rows) {
    INFO(row.minor_version, " ", row.fields);
    Head head;
    REQUIRE(!parsed(fmt::format("GET / HTTP/1.{}\r\nHost: a\r\n{}\r\n", row.minor_version, row.fields), head));
    CHECK(head.keep_alive == row.keep_alive);
  }
}

TEST_CASE("framing: 100 Continue is waited for only where a body follows") {
  const std::pair<std::string, bool> rows[] = {
      {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", true},
      {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", true},
      {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", false},
      {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", false},
      {"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", false},
  };
  for (const auto& [bytes, expected] : rows) {
    INFO(bytes);
    Head head;
    REQUIRE(!parsed(bytes, head));
    CHECK(head.expect_continue == expected);
  }
}

TEST_CASE("framing: limits are those given") {
  Limits limits;
  limits.target_size_max = 10;
  limits.fields_max = 2;
  Head head;
  CHECK(!parse_head("GET /123456789 HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n", limits, head));
  auto refusal = parse_head("GET /1234567890 HTTP/1.1\r\nHost: a\r\n\r\n", limits, head);
  REQUIRE(refusal);
  CHECK(refusal->status == 414);
  refusal = parse_head("GET http://a/12 HTTP/1.1\r\nHost: a\r\n\r\n", limits, head);
  REQUIRE(refusal);
  CHECK(refusal->status == 414);
  refusal = parse_head("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\nX: b\r\n\r\n", limits, head);
  REQUIRE(refusal);
  CHECK(refusal->status == 431);
  limits.head_size_max = 20;
  refusal = parse_head("GET / HTTP/1.1\r\nHost: a\r\n\r\n", limits, head);
  REQUIRE(refusal);
  CHECK(refusal->code == "head_too_long");
  refusal = parse_head("GET / HTTP/1.1\r\nH", limits, head);
  REQUIRE(refusal);
  CHECK(refusal->code == "incomplete_head");

  std::string body;
  std::string_view input = "5\r\nhello\r\n1\r\n";
  const auto whole = ChunkedDecoder(limits, 5).decode(input, body);
  REQUIRE(whole);
  CHECK(whole->status == 413);
  CHECK(body == "hello");

  // A caller that passes the body on piece by piece still has its whole size limited.
  ChunkedDecoder chunks(limits, 5);
  body.clear();
  input = "5\r\nhello\r\n";
  CHECK(!chunks.decode(input, body));
  body.clear();
  input = "1\r\n";
  CHECK(chunks.decode(input, body));
}

TEST_CASE("framing: the decoder leaves what follows the body") {
  ChunkedDecoder chunks(Limits{}, 100);
  std::string body = "kept ";
  std::string_view input = "2\r\nhi\r\n0\r\nX: y\r\n\r\nGET /";
  CHECK(!chunks.decode(input, body));
  CHECK(chunks.done());
  CHECK(body == "kept hi");
  CHECK(input == "GET /");
  CHECK(!chunks.decode(input, body));
  CHECK(input == "GET /");
}

TEST_CASE("framing: a slow sender costs one look at each byte") {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  std::size_t scanned = 0;
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const auto end = find_head_end(std::string_view(bytes).substr(0, size), scanned, Limits{});
    CHECK(end.size == 0);
    CHECK(scanned == size);
  }
  CHECK(find_head_end(bytes, scanned, Limits{}).size == bytes.size());
}

TEST_CASE("framing: hosts") {
  for (const auto* text : {"a", "a:1", "a.b-c_d.", "127.0.0.1", "[::]", "[::1]:443", "[2001:db8::192.0.2.1]", "A"}) {
    INFO(text);
    CHECK(is_host(text));
  }
  for (const auto* text : {"", ":", "a:", "a:x", "a:99999", "a,b", "a..b", ".", "..", "[", "]", "[]", "[:]", "[::1", "::1",
                           "[::1]:", "[::1]]", "[1.2.3.4]", "a\n", "a b", "@", "a?", "[0:0:0:0:0:0:0:0:0]"}) {
    INFO(text);
    CHECK(!is_host(text));
  }
}

TEST_CASE("framing: percent_decode") {
  struct Row {
    std::string text;
    bool plus_is_blank;
    std::optional<std::string> decoded;
  };
  const Row rows[] = {
      {"", false, ""},
      {"abc", false, "abc"},
      {"a%20b", false, "a b"},
      {"a+b", false, "a+b"},
      {"a+b", true, "a b"},
      {"a%2Bb", true, "a+b"},
      {"%2f%2F", false, "//"},
      {"%25", false, "%"},
      {"%2541", false, "%41"},  // once, never twice
      {"%c3%A4", false, "\xc3\xa4"},
      {"%F0%9F%9B%92", false, "\xf0\x9f\x9b\x92"},
      {"%C2%A0", false, "\xc2\xa0"},
      {"%", false, {}},
      {"%2", false, {}},
      {"a%", false, {}},
      {"%g0", false, {}},
      {"%0g", false, {}},
      {"%%20", false, {}},
      {"%+1", true, {}},
      {"%00", false, {}},
      {"%0a", false, {}},
      {"%0D", false, {}},
      {"%09", false, {}},
      {"%7F", false, {}},
      {"%C2%85", false, {}},        // a C1 control
      {"%FF", false, {}},
      {"%C3", false, {}},           // cut off
      {"%C0%AF", false, {}},        // an overlong slash
      {"%E0%80%AF", false, {}},     // another
      {"%ED%A0%80", false, {}},     // a surrogate
      {"%F4%90%80%80", false, {}},  // past U+10FFFF
  };
  for (const auto& row : rows) {
    INFO(row.text);
    CHECK(percent_decode(Exact(row.text).view(), row.plus_is_blank) == row.decoded);
  }
}

namespace {

// A second, slow reading of an accepted head: what is found here must agree with what the parser said.
std::string disagreement(std::string_view bytes, const Head& head) {
  const auto inside = [&](std::string_view view) {
    return view.data() == nullptr || (view.data() >= bytes.data() && view.data() + view.size() <= bytes.data() + bytes.size());
  };
  for (const auto view : {head.method_text, head.target, head.path, head.query, head.host})
    if (!inside(view)) return "a view points outside";
  std::map<std::string, int> counts;
  for (const auto& field : head.fields) {
    if (!inside(field.name) || !inside(field.value)) return "a field points outside";
    std::string name(field.name);
    for (auto& c : name) {
      if (c == '_' || !is(c, token_character)) return "a name holds what no name holds";
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    for (const unsigned char c : field.value)
      if ((c < 0x20 && c != '\t') || c == 0x7f) return "a value holds a control character";
    if (!field.value.empty() && (is_blank(field.value.front()) || is_blank(field.value.back()))) return "a value is not trimmed";
    ++counts[name];
  }
  if (counts["host"] != 1) return "not one Host";
  if (counts["content-length"] > 1 || counts["transfer-encoding"] > 1) return "a length is repeated";
  if (head.chunked != (counts["transfer-encoding"] == 1)) return "chunked without its field";
  if (head.content_length.has_value() != (counts["content-length"] == 1)) return "a length without its field";
  if (head.content_length && fmt::format("{}", *head.content_length) != *head.field("content-length")) return "another length";
  if (head.content_length && head.chunked) return "two lengths";
  if (head.chunked && head.minor_version == 0) return "chunked on HTTP/1.0";
  if (head.fields.size() > Limits{}.fields_max) return "too many fields";
  if (head.target.empty() || (head.target != "*" && !head.target.starts_with('/'))) return "not a path";
  for (const char c : head.target)
    if (c <= 0x20 || c == 0x7f || c == '#') return "the target holds what no target holds";
  // Every line accounted for: nothing was skipped that another reader would take for a field.
  std::size_t line_ends = 0, crs = 0, lfs = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    crs += bytes[i] == '\r';
    lfs += bytes[i] == '\n';
    line_ends += bytes.substr(i, 2) == "\r\n";
  }
  if (crs != line_ends || lfs != line_ends || line_ends != head.fields.size() + 2) return "a line is not accounted for";
  return {};
}

std::string mutated(std::string text, std::mt19937& random) {
  static constexpr std::string_view insertions[] = {
      "\r\n", "\n", "\r", " ", "\t", ":", "_", "%", "#", std::string_view("\0", 1), "\x7f", "\xff", ",", ";", "\"", "0", "ffffffff", "Host: a\r\n",
      "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: ", "Connection: close\r\n", "\r\n\r\n",
      "http://a", "*", "HTTP/1.0", "Expect: 100-continue\r\n", "[::1]",
  };
  for (auto changes = 1 + random() % 3; changes > 0; --changes) {
    const auto at = random() % (text.size() + 1);
    switch (random() % 5) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      case 1: text.insert(at, insertions[random() % std::size(insertions)]); break;
      case 2: text.erase(at, 1 + random() % 8); break;
      case 3: text.insert(random() % (text.size() + 1), text.substr(at, random() % 40)); break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random() % 8));
    }
  }
  return text;
}

}  // namespace

TEST_CASE("framing: two hundred thousand mutations of good requests") {
  const std::vector<std::string> seeds = {
      "GET /v1/store/products?limit=25&filter[a]=b HTTP/1.1\r\nHost: shop.example:80\r\nAccept: */*\r\nUser-Agent: x y\r\n\r\n",
      "POST /v1/store/carts HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}",
      "POST /v1/store/carts HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2;a=\"b\"\r\n{}\r\nA\r\n0123456789\r\n0\r\nX-A: b\r\n\r\n",
      "GET http://a.b/c%20d HTTP/1.0\r\nHost: a.b\r\nConnection: keep-alive, x\r\nX-Long: abcdefghijklmnopqrstuvwxyz\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  };
  constexpr unsigned seed = 20240229;
  INFO("seed ", seed);
  std::mt19937 random(seed);
  const Limits limits;
  Head head;
  std::string body;
  int accepted = 0, bodies = 0;
  for (int round = 0; round < 200'000; ++round) {
    const auto text = mutated(seeds[static_cast<std::size_t>(round) % seeds.size()], random);
    const Exact bytes(text);
    std::size_t scanned = 0;
    const auto end = find_head_end(bytes.view(), scanned, limits);
    // Where there is no head, the parser gets the whole of it: it must bear a caller that measured wrongly.
    const auto head_bytes = Exact(end.size > 0 ? bytes.view().substr(0, end.size) : bytes.view());
    if (parse_head(head_bytes.view(), limits, head)) continue;
    ++accepted;
    if (end.refusal) FAIL("taken though refused before, round ", round, ": ", text);
    if (const auto fault = disagreement(head_bytes.view(), head); !fault.empty()) FAIL(fault, ", round ", round, ": ", text);
    if (!head.chunked) continue;
    body.clear();
    const Exact rest(bytes.view().substr(end.size));
    auto input = rest.view();
    ChunkedDecoder chunks(limits, 64);
    const bool refused = chunks.decode(input, body).has_value();
    if (body.size() > 64) FAIL("a body over its limit, round ", round, ": ", text);
    if (!refused && !chunks.done() && !input.empty()) FAIL("bytes left lying, round ", round, ": ", text);
    bodies += chunks.done();
  }
  // A loop in which nearly all or nearly nothing is taken would test one side only.
  CHECK(accepted > 20'000);
  CHECK(accepted < 180'000);
  CHECK(bodies > 2'000);
}

TEST_CASE("framing: a corpus file that is not as it must be is refused") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("polyshop_corpus_{}", std::random_device()());
  std::filesystem::create_directory(folder);
  const auto load = [&](const std::string& text) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen((folder / "case.txt").c_str(), "wb"), &std::fclose);
    REQUIRE(file);
    std::fputs(text.c_str(), file.get());
    file.reset();
    return polyshop::tests::load_corpus(folder);
  };
  const auto cases = load("# why\n=== one\nexpect: 400 some_code\nA\\r\\n\n\n{b\\t*2}\\x00\\\\\\{}\n=== two\nexpect: ok\nx\n");
  REQUIRE(cases.size() == 2);
  CHECK(cases[0].file == "case.txt");
  CHECK(cases[0].line == 2);
  CHECK(cases[0].name == "one");
  CHECK(cases[0].status == 400);
  CHECK(cases[0].code == "some_code");
  CHECK(cases[0].bytes == std::string("A\r\nb\tb\t\0\\{}", 11));
  CHECK(cases[1].status == 0);
  for (const auto* text :
       {"GET", "=== a\nexpect: fine\nx\n", "=== a\nexpect: 200 ok\nx\n", "=== a\nexpect: 400\nx\n", "=== a\nexpect: 400 Bad\nx\n",
        "=== a\nexpect: ok\n", "=== a\n", "=== a\nexpect: ok\nx \n", "=== a\nexpect: ok\n\\q\n", "=== a\nexpect: ok\n\\x1\n",
        "=== a\nexpect: ok\n{x\n", "=== a\nexpect: ok\n{x*}\n", "=== a\nexpect: ok\n{x*0}\n", "=== a\nexpect: ok\n{x}\n",
        "=== a\nexpect: ok\nx\ty\n", "=== a\nexpect: ok\nx\n=== a\nexpect: ok\nx\n", "=== a\nexpect: ok\nx\\\n"}) {
    INFO(text);
    CHECK_THROWS_AS(load(text), std::runtime_error);
  }
  std::filesystem::remove_all(folder);
}
