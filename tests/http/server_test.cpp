#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <latch>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "corpus.hpp"
#include "kernel/http/client.hpp"
#include "kernel/http/server.hpp"
#include "kernel/security/token.hpp"

// The real server on a real socket.
namespace polyshop::http {
namespace {

struct Greeting {
  std::string text;
  std::int64_t version = 1;
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (text, version))

struct Names {
  Text<1, 20> name;
};
BOOST_DESCRIBE_STRUCT(Names, (), (name))

struct Paging {
  std::optional<Range<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(Paging, (), (limit, cursor))

struct Running {
  SystemClock clock;
  Metrics metrics;
  Routes routes;
  ResponseCache cache{1024 * 1024};
  std::unique_ptr<Server> server;
  std::latch* gate = nullptr;
  std::atomic<int> asked = 0;

  explicit Running(ServerOptions options = {}) {
    ModuleRoutes table(routes, "test");
    table.get("/v1/greetings/{name}", "Greet", everyone(), [](const Call&, const Path<std::string>& path) { return Greeting{"Hello " + path.get(), 7}; });
    table.post("/v1/store/carts", "Take anything", everyone(), [](const Call&, const Request& request) {
      Response response;
      response.body = fmt::format(R"({{"bytes":{}}})", request.body.size());
      return response;
    });
    table.post("/v1/greetings", "Greet strictly", everyone(), [](const Call&, const Body<Names>& names) { return Created<Greeting>{{"Hello " + names.name, 1}, "/v1/greetings/x"}; });
    table.get("/v1/slow", "Wait for the test", everyone(), [this](const Call&) {
      gate->wait();
      return Greeting{"slow"};
    });
    table.get("/v1/deferred", "Wait in the shell", everyone(), [](const Call&) -> Outcome {
      Deferred deferred;
      deferred.start = [](std::move_only_function<void()> resume) { std::thread([resume = std::move(resume)]() mutable { resume(); }).detach(); };
      deferred.finish = []() -> Outcome { return Response{200, "application/json", {}, R"("resumed")", false}; };
      return deferred;
    });
    table.get("/v1/broken", "Fail", everyone(), [](const Call&) -> Response { throw std::runtime_error("secret text of a database"); });
    table.get("/v1/counted", "Say how often this was asked, to everybody", everyone(), [this](const Call& call) {
      Response response;
      response.fields = {{"ETag", "\"e\""}};
      response.body = fmt::format(R"({{"asked":{},"language":"{}"}})", ++asked, call.language);
      response.cached_under = {"counted"};
      return response;
    });
    table.get("/v1/letters", "A list of a letter", everyone(), [](const Call&, const Params<Paging>& wanted) {
      const auto at = cursor_as<std::int64_t>(wanted.cursor).value_or(0);
      return Listed<std::string>{{std::string(1, static_cast<char>('a' + at))}, at < 2 ? cursor_of(at + 1) : "", {}, {}};
    });
    table.post("/v1/keyed", "Say who asks", everyone(), [](const Call& call) { return Greeting{call.actor.id}; });
    options.listen = "127.0.0.1:0";
    options.drain_ms = 0;
    options.access_log = false;
    server = std::make_unique<Server>(options, routes, cache, clock, metrics);
    server->start();
  }
  Client client() const { return {"127.0.0.1", server->port()}; }
};

// Sends bytes and reads until the other side closes, or until it has sent `enough`.
std::string exchange(int port, const std::string& bytes, const std::string& enough = {}) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const timeval patience{10, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  for (std::size_t sent = 0; sent < bytes.size();) {
    const auto count = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) break;  // refused early: what it answered is still to be read
    sent += static_cast<std::size_t>(count);
  }
  std::string answer;
  char buffer[4096];
  while (enough.empty() || answer.find(enough) == std::string::npos) {
    const auto count = ::recv(socket, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    answer.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(socket);
  return answer;
}

}  // namespace

TEST_CASE("every malformed request is refused with its code and the connection closed; look-alikes are not") {
  Running running;
  std::size_t refused = 0, accepted = 0;
  for (const auto& one : tests::load_corpus(std::string(POLYSHOP_SOURCE_DIR) + "/tests/http/malformed")) {
    CAPTURE(one.file);
    CAPTURE(one.name);
    if (one.status) {
      const auto answer = exchange(running.server->port(), one.bytes);
      CHECK(answer.find(fmt::format("HTTP/1.1 {} ", one.status)) != std::string::npos);
      CHECK(answer.find("\"code\":\"" + one.code + "\"") != std::string::npos);
      CHECK(answer.find("Connection: close\r\n") != std::string::npos);
      CHECK(answer.find("application/problem+json") != std::string::npos);
      ++refused;
    } else {
      // What is routed to nothing is 404 or 405, which is no refusal of its framing.
      const auto answer = exchange(running.server->port(), one.bytes, "X-Request-Id: ");
      CHECK(answer.starts_with("HTTP/1.1 "));
      CHECK(answer.find("HTTP/1.1 400 ") == std::string::npos);
      ++accepted;
    }
  }
  CHECK(refused >= 120);
  CHECK(accepted >= 30);
}

TEST_CASE("requests on one connection follow each other, pipelined too") {
  Running running;
  const std::string get = "GET /v1/greetings/Ann HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto answer = exchange(running.server->port(), get + "POST /v1/store/carts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" + "GET /v1/greetings/Bob HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto ann = answer.find("Hello Ann"), bytes = answer.find(R"({"bytes":2})"), bob = answer.find("Hello Bob");
  CHECK(ann < bytes);
  CHECK(bytes < bob);
  CHECK(bob != std::string::npos);
  CHECK(answer.find("ETag: \"7\"") != std::string::npos);
}

TEST_CASE("what a client gets when something is wrong") {
  Running running;
  auto client = running.client();
  const auto code = [](const ClientResponse& response) { return std::string(json::parse(response.body).at("code").as_string()); };
  CHECK(code(client.send(Method::get, "/v1/nothing")) == "no_such_route");
  const auto wrong_method = client.send(Method::del, "/v1/greetings");
  CHECK(wrong_method.status == 405);
  CHECK(wrong_method.field("Allow").find("POST") != std::string_view::npos);
  CHECK(client.send(Method::post, "/v1/greetings", R"({"name":"Ann"})").status == 201);
  CHECK(code(client.send(Method::post, "/v1/greetings", R"({"name":"Ann","age":3})")) == "malformed_request");
  CHECK(code(client.send(Method::post, "/v1/greetings", R"({"name":"Ann","name":"Bob"})")) == "duplicate_key");
  CHECK(client.send(Method::post, "/v1/greetings", R"({"name":""})").status == 422);
  CHECK(client.send(Method::post, "/v1/greetings", "name=Ann", {{"Content-Type", "application/x-www-form-urlencoded"}}).status == 415);
  CHECK(client.send(Method::post, "/v1/store/carts", std::string(1024 * 1024 + 1, ' ')).status == 413);
  const auto broken = client.send(Method::get, "/v1/broken");
  CHECK(broken.status == 500);
  CHECK(broken.body.find("secret") == std::string::npos);
  CHECK(client.send(Method::get, "/v1/deferred").body == R"("resumed")");
  CHECK(client.send(Method::get, "/healthz").status == 200);
  CHECK(client.send(Method::get, "/readyz").status == 200);
  CHECK(client.send(Method::get, "/metrics").body.find("polyshop_http_requests_total") != std::string::npos);
  CHECK(json::parse(client.send(Method::get, "/openapi.json").body).at("openapi").as_string() == "3.1.0");
  CHECK(client.send(Method::get, "/v1/greetings/Ann", {}, {{"X-Request-Id", "abc-12345"}}).field("X-Request-Id") == "abc-12345");
}

TEST_CASE("a public answer is made once for each language and query, until what it depends on changes") {
  Running running;
  auto client = running.client();
  const auto get = [&](const std::string& target, std::vector<std::pair<std::string, std::string>> fields = {}) { return client.send(Method::get, target, {}, fields); };
  const auto first = get("/v1/counted");
  CHECK(first.body == R"({"asked":1,"language":"en"})");
  const auto second = get("/v1/counted");
  CHECK(second.status == 200);
  CHECK(second.body == first.body);
  CHECK(second.field("ETag") == "\"e\"");
  CHECK(second.field("Content-Type") == "application/json");
  CHECK(second.field("X-Request-Id") != first.field("X-Request-Id"));
  CHECK(get("/v1/counted", {{"X-Request-Id", "abc-12345"}}).field("X-Request-Id") == "abc-12345");

  const auto held = get("/v1/counted", {{"If-None-Match", "W/\"e\""}});
  CHECK(held.status == 304);
  CHECK(held.body.empty());
  CHECK(held.field("ETag") == "\"e\"");
  CHECK(get("/v1/counted", {{"If-None-Match", "\"other\""}}).status == 200);
  const auto head = exchange(running.server->port(), "HEAD /v1/counted HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(head.find("Content-Length: 27\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(running.asked == 1);

  CHECK(get("/v1/counted", {{"Accept-Language", "de"}}).body == R"({"asked":2,"language":"de"})");
  // Of whom it is known who asks, the route decides.
  CHECK(get("/v1/counted", {{"Authorization", "Bearer x"}}).body == R"({"asked":3,"language":"en"})");
  running.cache.invalidate("counted");
  CHECK(get("/v1/counted").body == R"({"asked":4,"language":"en"})");
  CHECK(get("/v1/counted").body == R"({"asked":4,"language":"en"})");
}

TEST_CASE("a list says where it goes on, and what a client holds is not sent again") {
  Running running;
  auto client = running.client();
  auto target = std::string("/v1/letters?limit=1");
  std::string letters;
  while (true) {
    const auto page = client.send(Method::get, target);
    letters += json::parse(page.body).at("data").at(0).as_string();
    const auto link = page.field("Link");
    if (link.empty()) break;
    REQUIRE(link.starts_with("</v1/letters?limit=1&cursor="));
    REQUIRE(link.ends_with(">; rel=\"next\""));
    target = link.substr(1, link.find('>') - 1);
  }
  CHECK(letters == "abc");
  CHECK(client.send(Method::get, "/v1/greetings/Ann", {}, {{"If-None-Match", "\"7\""}}).status == 304);
  CHECK(client.send(Method::get, "/v1/greetings/Ann", {}, {{"If-None-Match", "\"8\""}}).status == 200);
}

TEST_CASE("each client has its limit, behind a trusted proxy too") {
  ServerOptions options;
  options.client_requests_per_minute = 3;
  options.trusted_proxies = {"127.0.0.1"};
  Running running(options);
  auto client = running.client();
  const auto ask = [&](const std::string& from) { return client.send(Method::get, "/v1/counted", {}, {{"X-Forwarded-For", from}}); };
  for (int left = 2; left >= 0; --left) {
    const auto answer = ask("198.51.100.7");
    CHECK(answer.status == 200);
    CHECK(answer.field("RateLimit-Policy") == "\"client\";q=3;w=60");
    CHECK(answer.field("RateLimit").starts_with(fmt::format("\"client\";r={};t=", left)));
  }
  const auto refused = ask("198.51.100.7");
  CHECK(refused.status == 429);
  CHECK(json::parse(refused.body).at("code").as_string() == "too_many_requests");
  CHECK(!refused.field("Retry-After").empty());
  CHECK(ask("198.51.100.8").status == 200);
}

TEST_CASE("guests with the same idempotency key are told apart by their carts' tokens") {
  Running running;
  auto client = running.client();
  const auto principal = [&](const std::string& token) {
    std::vector<std::pair<std::string, std::string>> fields{{"Idempotency-Key", "k1"}};
    if (!token.empty()) fields.emplace_back("Cart-Token", token);
    return std::string(json::parse(client.send(Method::post, "/v1/keyed", {}, fields).body).at("text").as_string());
  };
  CHECK(principal("") == "");
  CHECK(principal("one").starts_with("guest_"));
  CHECK(principal("one") == principal("one"));
  CHECK(principal("one") != principal("two"));
  CHECK(principal("one").find("one") == std::string::npos);
  // In the order of time, and not by it alone.
  const auto first = make_timed_token(1'700'000'000'000), second = make_timed_token(1'700'000'000'000), later = make_timed_token(1'700'000'000'001);
  CHECK(principal(first) != principal(second));
  CHECK(std::max(principal(first), principal(second)) < principal(later));
  CHECK(principal(first).size() == principal("one").size());
  CHECK(principal(first).find(first.substr(10, 10)) == std::string::npos);
}

TEST_CASE("a full queue is answered 503 at once, and stopping finishes what is in flight") {
  ServerOptions options;
  options.workers_per_module = 1;
  options.queue_per_module = 1;
  Running running(options);
  std::latch gate(1);
  running.gate = &gate;
  std::atomic<int> served = 0, turned_away = 0;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 6; ++i)
    clients.emplace_back([&] {
      const auto response = running.client().send(Method::get, "/v1/slow");
      response.status == 200 ? ++served : ++turned_away;
      if (response.status == 503) CHECK(!response.field("Retry-After").empty());
    });
  while (turned_away < 4) std::this_thread::yield();  // one runs, one waits
  std::jthread stopping([&] { running.server->stop(); });
  while (true) {
    try {
      if (running.client().send(Method::get, "/readyz").status == 503) break;
    } catch (const Problem&) {
      break;  // it accepts no more
    }
  }
  gate.count_down();
  clients.clear();
  stopping.join();
  CHECK(served == 2);
  CHECK(turned_away == 4);
}

TEST_CASE("an address in use and one that is none are told") {
  Running running;
  ServerOptions options;
  const auto code = [&](const std::string& listen) -> std::string {
    options.listen = listen;
    Routes none;
    Server server(options, none, running.cache, running.clock, running.metrics);
    try {
      server.start();
    } catch (const Problem& problem) {
      return problem.code;
    }
    return "";
  };
  CHECK(code(fmt::format("127.0.0.1:{}", running.server->port())) == "port_in_use");
  CHECK(code("localhost") == "bad_listen_address");
  CHECK(code("127.0.0.1:99999") == "bad_listen_address");
}

}  // namespace polyshop::http
