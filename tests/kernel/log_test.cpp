#include "kernel/observe/log.hpp"

#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "kernel/runtime/clock.hpp"

using namespace polyshop;

namespace {

std::vector<std::string> captured;

// Lines go to `captured` while it lives.
struct Capture {
  explicit Capture(log::Format format = log::Format::json, log::Level least = log::Level::info) {
    captured.clear();
    log::configure(format, least);
    log::capture([](std::string_view line) { captured.emplace_back(line); });
  }
  ~Capture() {
    log::capture(nullptr);
    log::configure(log::Format::automatic, log::Level::info);
  }
  std::string last() const {
    REQUIRE_FALSE(captured.empty());
    return captured.back();
  }
  boost::json::object json() const { return boost::json::parse(last()).as_object(); }
};

// Standard error is a file while it lives.
class StandardErrorFile {
 public:
  StandardErrorFile() {
    log::flush();
    path_ = std::filesystem::temp_directory_path() / "polyshop_log_test_XXXXXX";
    const int file = mkstemp(path_.data());
    REQUIRE(file >= 0);
    before_ = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
    log::configure(log::Format::json, log::Level::info);
  }
  ~StandardErrorFile() {
    log::flush();
    dup2(before_, STDERR_FILENO);
    close(before_);
    unlink(path_.c_str());
    log::configure(log::Format::automatic, log::Level::info);
  }
  std::vector<std::string> lines() const {
    log::flush();
    std::vector<std::string> lines;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

 private:
  std::string path_;
  int before_ = -1;
};

}  // namespace

TEST_CASE("a line of JSON has time, level, message, ids and fields, in this order") {
  const Capture capture;
  const log::Scope scope("req_1", "0af7651916cd43dd8448eb211c80319c");
  const auto before = SystemClock().now();
  log::info("order placed", {{"order", "ord_1"}, {"amount_minor", 1299}, {"share", 0.5}, {"paid", true}, {"debt", -7}});
  const auto after = SystemClock().now();
  const auto line = capture.last();
  constexpr std::string_view start = R"({"time":")";
  REQUIRE(line.starts_with(start));
  const auto time = parse_time(std::string_view(line).substr(start.size(), 24));
  REQUIRE(time.has_value());
  CHECK(*time >= before);
  CHECK(*time <= after);
  CHECK(line.substr(start.size() + 24) ==
        R"(","level":"info","message":"order placed","request_id":"req_1","trace_id":"0af7651916cd43dd8448eb211c80319c",)"
        R"("order":"ord_1","amount_minor":1299,"share":0.5,"paid":true,"debt":-7})");
}

TEST_CASE("scopes nest, and are of one thread") {
  const Capture capture;
  const auto ids = [&] {
    log::info("x");
    const auto line = capture.json();
    const auto text = [&line](std::string_view key) { return line.contains(key) ? std::string(line.at(key).as_string()) : std::string("-"); };
    return text("request_id") + " " + text("trace_id");
  };
  CHECK(ids() == "- -");
  {
    const log::Scope outer("a", "1");
    CHECK(ids() == "a 1");
    {
      const log::Scope inner("b", "");
      CHECK(ids() == "b -");
    }
    CHECK(ids() == "a 1");
    std::string elsewhere;
    std::thread([&] { elsewhere = ids(); }).join();
    CHECK(elsewhere == "- -");
  }
  CHECK(ids() == "- -");
}

TEST_CASE("levels below the least are not written") {
  const Capture capture(log::Format::json, log::Level::warning);
  CHECK_FALSE(log::enabled(log::Level::debug));
  CHECK_FALSE(log::enabled(log::Level::info));
  CHECK(log::enabled(log::Level::warning));
  log::debug("x");
  log::info("x");
  CHECK(captured.empty());
  log::warning("x");
  CHECK(capture.json().at("level") == "warning");
  log::error("x");
  CHECK(capture.json().at("level") == "error");
  log::configure(log::Format::json, log::Level::debug);
  log::debug("x");
  CHECK(capture.json().at("level") == "debug");
  log::configure(log::Format::json, log::Level::error);
  log::warning("y");
  CHECK(captured.size() == 3);
}

TEST_CASE("whatever a text holds, the line is one line of valid JSON") {
  const Capture capture;
  struct Case {
    std::string text;
    std::string_view json;
  };
  for (const auto& [text, json] : {
           Case{"plain", "plain"},
           {"quote \" and \\", R"(quote \" and \\)"},
           {"\n\r\t\b", R"(\n\u000d\t\u0008)"},
           {std::string("\0\x1f\x7f", 3), R"(\u0000\u001f\u007f)"},
           {"\x1b[31m", R"(\u001b[31m)"},
           {"Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x9b\x92", "Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x9b\x92"},
           {"\xc2\x9b", R"(\u009b)"},  // the C1 form of ESC [
           {"\xc2\xa0", "\xc2\xa0"},
           {"\x80", R"(\ufffd)"},
           {"a\xc3", R"(a\ufffd)"},
           {"\xc3z", R"(\ufffdz)"},
           {"\xc0\xaf", R"(\ufffd\ufffd)"},              // too long a form of /
           {"\xe0\x80\xaf", R"(\ufffd\ufffd\ufffd)"},
           {"\xed\xa0\x80", R"(\ufffd\ufffd\ufffd)"},    // a surrogate
           {"\xed\x9f\xbf", "\xed\x9f\xbf"},
           {"\xf0\x8f\xbf\xbf", R"(\ufffd\ufffd\ufffd\ufffd)"},
           {"\xf4\x90\x80\x80", R"(\ufffd\ufffd\ufffd\ufffd)"},  // beyond U+10FFFF
           {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
           {"\xff\xfe", R"(\ufffd\ufffd)"},
       }) {
    CAPTURE(json);
    log::info(text, {{"field", text}});
    CHECK(capture.last().ends_with("\"message\":\"" + std::string(json) + "\",\"field\":\"" + std::string(json) + "\"}"));
    CHECK_NOTHROW(capture.json());
  }
  log::info("x", {{"a\"b\n", 1}});
  CHECK(capture.last().ends_with(R"("a\"b\n":1})"));
}

TEST_CASE("numbers that JSON cannot write are texts") {
  const Capture capture;
  log::info("x", {{"a", std::nan("")}, {"b", -std::numeric_limits<double>::infinity()}, {"c", 'x'}, {"d", 1e300}, {"e", std::numeric_limits<std::int64_t>::min()}});
  const auto line = capture.json();
  CHECK(line.at("a").is_string());
  CHECK(line.at("b") == "-inf");
  CHECK(line.at("c") == "x");
  CHECK(line.at("d").as_double() == 1e300);
  CHECK(line.at("e").as_int64() == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("a long value is cut, between characters, and after secrets are gone") {
  const Capture capture;
  std::string text(8191, 'x');
  text += "\xe2\x82\xac and more";
  log::info(text);
  auto message = std::string(capture.json().at("message").as_string());
  CHECK(message == std::string(8191, 'x') + "...");
  const std::string token = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF";
  log::info(std::string(8170, ' ') + token);
  CHECK(capture.last().find("Zm9vYmFy") == std::string::npos);
}

TEST_CASE("the terminal's format is for people") {
  const Capture capture(log::Format::terminal);
  {
    const log::Scope scope("req_1", "");
    log::warning("low stock", {{"sku", "A-1"}, {"left", 2}, {"note", "two words"}, {"empty", ""}, {"password", "hunter2"}});
  }
  const auto line = capture.last();
  CAPTURE(line);
  REQUIRE(line.size() > 12);
  for (const std::size_t i : {0U, 1U, 3U, 4U, 6U, 7U, 9U, 10U, 11U}) CHECK((line[i] >= '0' && line[i] <= '9'));
  CHECK(line[2] == ':');
  CHECK(line[5] == ':');
  CHECK(line[8] == '.');
  CHECK(line.substr(12) == " \x1b[33mwarning\x1b[0m low stock sku=A-1 left=2 note=\"two words\" empty=\"\" password=*** request_id=req_1");
  log::info("evil \x1b[2J\n12:00:00.000 fake");
  CHECK(capture.last().find("\x1b[2J") == std::string::npos);
  CHECK(capture.last().find('\n') == std::string::npos);
}

TEST_CASE("what looks like a secret is replaced") {
  const std::string token = "q1W2e3R4t5Y6u7I8o9P0a-S_d1F2g3H4j5K6l7Z8x9C";
  REQUIRE(token.size() == 43);
  struct Case {
    std::string text;
    std::string clean;
  };
  for (const auto& [text, clean] : {
           // Bearer and basic credentials.
           Case{"Authorization: Bearer abc.def-ghi", "Authorization: ***"},
           {"sent Bearer abc.def~ghi+/= to", "sent Bearer *** to"},
           {"sent bearer\tabc", "sent bearer\t***"},
           {"BEARER abc", "BEARER ***"},
           {"Bearer\r\n abc", "Bearer\r\n ***"},
           {"Basic dXNlcjpwYXNz, x", "Basic ***, x"},
           {"authorization: Basic dXNlcjpwYXNz\nHost: x", "authorization: ***\nHost: x"},
           // Our tokens.
           {token, "***"},
           {"session " + token + ".", "session ***."},
           {"/carts/" + token + "/lines", "/carts/***/lines"},
           {"x-" + token, "***"},
           {std::string(43, 'a'), "***"},
           {"sk_live_abc", "sk_***"},
           {"key sk_1 refused", "key sk_*** refused"},
           {"(sk_abc)", "(sk_***)"},
           {"x-sk_abc", "x-sk_***"},
           {"whsec_abc", "whsec_***"},
           {"eyJhbGciOiJIUzI1NiJ9." + token + "." + token, "eyJhbGciOiJIUzI1NiJ9.***.***"},
           // Addresses.
           {"bob@example.com", "***"},
           {"mail to bob.o'neil+shop@mail.example.co.uk.", "mail to ***."},
           {"<bob@example.com>, <ann@example.com>", "<***>, <***>"},
           {"/customers?email=bob@example.com&page=2", "/customers?email=***&page=2"},
           {"email=bob%2Bx%40example.com", "email=***"},
           {"\"bob smith\"@example.com", "***"},
           {"bob@localhost", "***"},
           {"bob@[192.0.2.1] x", "*** x"},
           {"b\xc3\xbc" "b@ex\xc3\xa4mple.de", "***"},
           {"a@b@c", "******"},
           // User and password in a URL.
           {"postgresql://shop:hunter2@localhost:5432/order", "postgresql://***@localhost:5432/order"},
           {"redis://:p@ss@host/0", "redis://***@host/0"},
           {"https://shop.example/a?email=bob@example.com", "https://shop.example/a?email=***"},
           // Assignments and members.
           {"host=db password=hunter2 dbname=x", "host=db password=*** dbname=x"},
           {"password = 'hunter 2' x", "password = '***' x"},
           {"password='it\\'s 2' x", "password='***' x"},
           {"PGPASSWORD=hunter2", "PGPASSWORD=***"},
           {"/reset?token=abc&x=1 HTTP/1.1", "/reset?token=*** HTTP/1.1"},
           {R"({"password":"hunter2","a":1})", R"({"password":"***","a":1})"},
           {R"({"password" : "hun\"ter2","a":1})", R"({"password" : "***","a":1})"},
           {R"("{\"password\":\"hun\\\"ter2\",\"a\":1}")", R"("{\"password\":\"***\",\"a\":1}")"},
           {R"({"new_password":null,"pin_token":1234})", R"({"new_password":***,"pin_token":***})"},
           {R"({"tokens":["abc","def"]})", R"({"tokens":***)"},
           {R"({"password":"cut of)", R"({"password":"***)"},
           {"Cookie: a=b; c=d\r\nHost: x", "Cookie: ***\r\nHost: x"},
           {"Set-Cookie: session=abc", "Set-Cookie: ***"},
           {"password: correct horse", "password: ***"},
           {"the api_key: abc", "the api_key: ***"},
           {"{'client_secret': 'abc'}", "{'client_secret': '***'}"},
       }) {
    CAPTURE(text);
    CHECK(log::redacted(text) == clean);
  }
}

TEST_CASE("what does not look like a secret stays") {
  for (const std::string text : {
           "",
           "order placed",
           "GET /products?sort=price&page=2 200",
           "2026-01-31T12:34:56.789Z",
           "ord_01h455vb4pex5vsknk084sn02q prod_01h455vb4pex5vsknk084sn02q",
           "0af7651916cd43dd8448eb211c80319c",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
           "mens-organic-cotton-t-shirt-with-long-sleeves-in-blue",
           "risk_level task_1 sk_",
           "a @ b, 100 @ 2",
           "basic auth is off",
           "unexpected token: }",
           "duplicate key: sku",
           "http://localhost:8080/products/a:b",
           "monkey=1 keyboard=2 hotkeys=3",
           "50%4 off",
           "order=ord_1 state=paid",
           "the bearer",
       }) {
    CAPTURE(text);
    CHECK(log::redacted(text) == text);
  }
}

TEST_CASE("a long text of anything is redacted in linear time") {
  for (const std::string piece : {"@", "\"@", "://", "=", "token=", "a@", "key ", "bearer ", ":\"", "'=", "%40", "sk_", "a:", " :", "://@", "\\\"", "token\":\\"}) {
    std::string text;
    while (text.size() < 300'000) text += piece;
    const auto before = std::chrono::steady_clock::now();
    log::redacted(text);
    CAPTURE(piece);
    // A thousand times what it takes; quadratic time would be minutes.
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(5));
  }
}

TEST_CASE("values under the name of a secret are replaced, whatever they are") {
  const Capture capture;
  for (const std::string_view key :
       {"password", "Password", "new_password", "passwordHash", "token", "session_token", "accessToken", "TOKENS", "secret", "client_secret",
        "authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "key", "api_key", "Api-Key", "apiKey", "apikey", "keys", "idempotency_key",
        "key_id", "credentials", "passphrase", "db.pwd"}) {
    CAPTURE(key);
    log::info("x", {{key, "hunter2"}});
    CHECK(capture.json().at(key) == "***");
    log::info("x", {{key, 31337}});
    CHECK(capture.json().at(key) == "***");
  }
  for (const std::string_view key : {"monkey", "keyboard", "hotkeys", "order", "path", "author", "status", "cook", "sku", "passed", "k"}) {
    CAPTURE(key);
    log::info("x", {{key, "value"}});
    CHECK(capture.json().at(key) == "value");
  }
}

TEST_CASE("no part of a line lets a secret through") {
  for (const auto format : {log::Format::json, log::Format::terminal}) {
    const Capture capture(format);
    const log::Scope scope("Bearer hunter2", "bob.hunter2@example.com");
    log::info("postgresql://shop:hunter2@db", {{"text", "token=hunter2"}, {"cookie", "hunter2"}});
    CHECK(capture.last().find("hunter2") == std::string::npos);
  }
}

TEST_CASE("lines reach standard error whole and in each thread's order") {
  const StandardErrorFile file;
  constexpr int threads = 4;
  constexpr int lines_each = 1000;
  {
    std::vector<std::jthread> writers;
    for (int thread = 0; thread < threads; ++thread)
      writers.emplace_back([thread] {
        // Errors, since lines that may be dropped might be.
        for (int i = 0; i < lines_each; ++i) log::error("line", {{"thread", thread}, {"i", i}});
      });
  }
  const auto lines = file.lines();
  REQUIRE(lines.size() == threads * lines_each);
  std::array<int, threads> next{};
  for (const auto& line : lines) {
    const auto json = boost::json::parse(line).as_object();
    REQUIRE(json.at("i").as_int64() == next.at(static_cast<std::size_t>(json.at("thread").as_int64()))++);
  }
}

TEST_CASE("when standard error is not read, info lines are dropped and counted, errors arrive, and nobody hangs") {
  log::flush();
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const int before = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  log::configure(log::Format::json, log::Level::info);

  constexpr int written = 20'000;  // more than the pipe and the queue hold
  for (int i = 0; i < written; ++i) log::info("request", {{"i", i}});
  for (int i = 0; i < 100; ++i) log::error("failure");  // would wait for ever if their places were taken

  std::string all;
  std::thread reader([&] {
    std::array<char, 65536> some;
    for (ssize_t got; (got = read(ends[0], some.data(), some.size())) > 0;) all.append(some.data(), static_cast<std::size_t>(got));
  });
  log::flush();
  dup2(before, STDERR_FILENO);  // closes the pipe's last end
  close(before);
  reader.join();
  close(ends[0]);
  log::configure(log::Format::automatic, log::Level::info);

  int requests = 0;
  int failures = 0;
  std::int64_t dropped = 0;
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);) {
    const auto json = boost::json::parse(line).as_object();
    if (json.at("message") == "request") ++requests;
    if (json.at("message") == "failure") ++failures;
    if (json.contains("count")) dropped += json.at("count").as_int64();
  }
  CHECK(failures == 100);
  CHECK(dropped > 0);
  CHECK(requests + dropped == written);
}
