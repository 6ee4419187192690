#include <atomic>
#include <functional>
#include <thread>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shopload/generator.hpp"
#include "shopload/requests.hpp"

// The load generator notices when a shop is wrong, and measures what it says it measures.
namespace polyshop::load {
namespace {

struct Asked {
  std::string method;
  std::string target;
  std::string body;
};

std::string answer(int status, const std::string& body, const std::string& fields = {}) {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), fields, body);
}

// A server of a thread that answers as it is told, and ends the connection where that is nothing.
class Stub {
 public:
  explicit Stub(std::function<std::string(const Asked&)> serve) : serve_(std::move(serve)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 64) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Stub() {
    ends_ = true;
    thread_.join();
    for (const auto& socket : sockets_) ::close(socket.fd);
  }
  int port() const { return port_; }

 private:
  void run() {
    sockets_.push_back({listener_, POLLIN, 0});
    while (!ends_) {
      ::poll(sockets_.data(), sockets_.size(), 20);
      for (std::size_t i = 0; i < sockets_.size(); ++i) {
        if (!(sockets_[i].revents & (POLLIN | POLLHUP))) continue;
        if (i == 0) {
          sockets_.push_back({::accept(listener_, nullptr, nullptr), POLLIN, 0});
          continue;
        }
        std::array<char, 8192> buffer;
        const auto size = ::recv(sockets_[i].fd, buffer.data(), buffer.size(), 0);
        if (size <= 0) {
          sockets_[i].events = 0;
          continue;
        }
        const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
        const auto blank = text.find(' ');
        const auto reply = serve_({std::string(text.substr(0, blank)), std::string(text.substr(blank + 1, text.find(' ', blank + 1) - blank - 1)), std::string(text.substr(text.find("\r\n\r\n") + 4))});
        if (reply.empty()) ::shutdown(sockets_[i].fd, SHUT_RDWR);
        [[maybe_unused]] const auto sent = ::send(sockets_[i].fd, reply.data(), reply.size(), MSG_NOSIGNAL);
      }
    }
  }

  const std::function<std::string(const Asked&)> serve_;
  int listener_ = -1;
  int port_ = 0;
  std::vector<pollfd> sockets_;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

Goods goods() {
  Goods all;
  all.currency = *Currency::parse("EUR");
  all.products = {{"prod_1", {{"A-1", 500}, {"A-2", 500}}}};
  all.pages = {{"/v1/store/products?limit=2", 2}};
  all.words = {"kettle"};
  all.country = "DE";
  all.delivery_method = "shm_1";
  return all;
}

std::string product(const std::string& id) {
  return fmt::format(R"({{"id":"{}","variants":[{{"sku":"A-1","prices":[{{"amount":500,"currency":"EUR"}}],"availability":"in_stock"}},{{"sku":"A-2","prices":[{{"amount":500,"currency":"EUR"}}],"availability":"in_stock"}}],"price_from":[]}})", id);
}

LoadResult visit(const std::function<std::string(const Asked&)>& serve, std::string_view scenario, std::int64_t visits = 3, double patience_s = 0) {
  const Stub stub(serve);
  const auto sold = goods();
  Ground ground{sold, Choice(sold.products.size(), false)};
  ground.keys = "test";
  ground.host = "127.0.0.1";
  Load load{&scenario_named(scenario), {}, 1};
  load.visits_max = visits;
  load.patience_s = patience_s;
  return run(ground, stub.port(), {load}, {0, 20}).front();
}

// A shop that sells everything at 500, as far as a checkout sees it; it charges and bills so much more than it should.
std::function<std::string(const Asked&)> seller(std::int64_t charged_more, std::int64_t billed_more) {
  return [charged_more, billed_more, total = std::int64_t{0}](const Asked& asked) mutable {
    const auto cart = [&](std::string_view more) {
      return answer(200, fmt::format(R"({{"id":"cart_1","lines":[{{"sku":"A-1"}},{{"sku":"A-2"}}],{}"totals":{{"lines":{},"total":{}}},"requirements":[],"warnings":[]}})", more, total, total));
    };
    if (asked.target == "/v1/store/carts") {
      total = charged_more;
      return answer(201, R"({"id":"cart_1","totals":{"total":0}})", "Cart-Token: secret\r\n");
    }
    if (asked.target.ends_with("/lines")) total += 500 * number_after(asked.body, R"("quantity":)").value();
    if (asked.target.ends_with("/payment-sessions")) return answer(201, fmt::format(R"({{"id":"pay_1","cart_id":"cart_1","amount":{{"amount":{},"currency":"EUR"}}}})", total));
    if (asked.target.ends_with("/complete"))
      return answer(201, fmt::format(R"({{"id":"ord_1","state":"placed","cart_id":"cart_1","lines":[{{"sku":"A-1"}}],"totals":{{"lines":{},"total":{}}}}})", total, total + billed_more));
    if (!asked.target.ends_with("/delivery")) return cart("");
    total += 490;
    return cart(R"("delivery":{"method_id":"shm_1","price":{"amount":490,"currency":"EUR"}},)");
  };
}

}  // namespace

TEST_CASE("percentiles are those of the data, to 0.8 %") {
  Histogram histogram;
  for (std::int64_t i = 1; i <= 100'000; ++i) histogram.record(i * 1'000);
  for (const double fraction : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    CAPTURE(fraction);
    const auto exact = fraction * 100'000 * 1'000;
    CHECK(static_cast<double>(histogram.at(fraction)) >= exact);
    CHECK(static_cast<double>(histogram.at(fraction)) <= exact * 1.008);
  }
  CHECK(histogram.at(1) == 100'000'000);
  CHECK(histogram.max() == 100'000'000);
  CHECK(histogram.mean() == doctest::Approx(50'000'500));
  Histogram small;
  for (const auto value : {0, 1, 2, 255, 256, 257}) small.record(value);
  CHECK(small.at(0.5) == 2);
  CHECK(small.at(1) == 257);
  small.add(histogram);
  CHECK(small.count() == 100'006);
  CHECK(Histogram().at(0.5) == 0);
}

TEST_CASE("an answer is read only when all of it is there") {
  const auto whole = answer(200, R"({"a":1})", "ETag: \"7\"\r\n");
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(take_answer(whole.substr(0, size)));
  const auto framed = take_answer(whole + "HTTP");
  REQUIRE(framed);
  CHECK(framed->size == whole.size());
  CHECK(framed->answer.body == R"({"a":1})");
  CHECK(framed->answer.field("etag") == "\"7\"");
  CHECK(take_answer("HTTP/1.1 304 Not Modified\r\n\r\n")->answer.status == 304);
  CHECK_THROWS_AS(take_answer("HTTP/1.1 200 OK\r\n\r\n"), Fault);
  CHECK_THROWS_AS(take_answer("SSH-2.0\r\n\r\n"), Fault);
}

TEST_CASE("right answers are counted, and nothing else is said") {
  const auto result = visit([](const Asked&) { return answer(200, product("prod_1")); }, "product", 20);
  CHECK(result.visits == 20);
  CHECK(result.answers == 20);
  CHECK(result.faults.empty());
  CHECK(result.steps.front().latency.count() == 20);
  CHECK(result.steps.front().by_status.at(200) == 20);
}

TEST_CASE("wrong answers are found") {
  struct Case {
    const char* scenario;
    const char* what;
    std::string answer;
  };
  const auto list = [](int products) {
    std::string all;
    for (int i = 0; i < products; ++i) all += fmt::format(R"({}{{"id":"prod_{}"}})", i ? "," : "", i);
    return fmt::format(R"({{"data":[{}],"page":{{"next_cursor":null}}}})", all);
  };
  const std::vector<Case> cases{
      {"product", "another product", answer(200, product("prod_2"))},
      {"product", "product: 500 internal", answer(500, R"({"code":"internal"})")},
      {"product", "a product without its variants, prices or availability", answer(200, R"({"id":"prod_1","variants":[]})")},
      {"product", "no JSON object", answer(200, product("prod_1").substr(0, 100))},
      {"product", "product: malformed_json", answer(200, "{\"id\":\"prod_1\",\"variants\":[{\"sku\":\"A-1\",\"prices\":[{\"amount\":1}],},{\"sku\":\"A-2\",\"prices\":[{\"amount\":1}]}],\"price_from\":[]}")},
      {"product", "more than one answer to a request", answer(200, product("prod_1")) + answer(200, product("prod_1"))},
      {"conditional", "no ETag, or another", answer(200, product("prod_1"))},
      {"list", "a list with more or fewer products than it has", answer(200, list(1))},
      {"search", "a search without facets", answer(200, list(2))},
  };
  for (const auto& c : cases) {
    CAPTURE(c.what);
    // One in 64 bodies is read as a whole.
    const auto result = visit([&](const Asked&) { return c.answer; }, c.scenario, 64);
    CHECK(result.faults.contains(c.what));
    CHECK((result.visits == 0 || result.visits == 63));
  }
}

TEST_CASE("a checkout is followed to its order, and totals must be right") {
  const auto right = visit(seller(0, 0), "checkout", 5);
  CHECK(right.faults.empty());
  CHECK(right.endings.at("ordered") == 5);
  CHECK(right.answers == 5 * 7);
  CHECK(right.steps[1].latency.count() == 2 * 5);

  const auto charged = visit(seller(1, 0), "checkout", 1);
  CHECK(charged.faults.contains("a cart with another total"));
  CHECK(charged.visits == 0);
  const auto billed = visit(seller(0, 1), "checkout", 1);
  CHECK(billed.faults.contains("an order with another total"));
  CHECK(billed.visits == 0);
}

TEST_CASE("who is refused comes again as long as patience lasts, and the wait counts") {
  int asked = 0;
  const auto refuse_once = [&](const Asked&) { return asked++ == 0 ? answer(503, R"({"code":"overloaded"})", "Retry-After: 0\r\n") : answer(200, product("prod_1")); };
  const auto patient = visit(refuse_once, "product", 1, 5);
  CHECK(patient.visits == 1);
  CHECK(patient.refusals == 1);
  CHECK(patient.refusals_without_retry_after == 0);
  CHECK(patient.steps.front().latency.max() > 90'000'000);  // a tenth of a second at least before it comes again

  const auto leaving = visit([](const Asked&) { return answer(503, "{}"); }, "product", 2);
  CHECK(leaving.visits == 0);
  CHECK(leaving.refusals_without_retry_after == 2);
  CHECK(leaving.endings.at("refused") == 2);
}

TEST_CASE("a connection that ends before its answer is lost") {
  const auto result = visit([](const Asked&) { return std::string(); }, "product", 2);
  CHECK(result.visits == 0);
  CHECK(result.lost == 2);
  CHECK(result.endings.at("lost") == 2);
}

TEST_CASE("an open loop counts from when a visit was meant to begin") {
  // One connection and a server that needs 20 ms for each: the fourth visit has waited for three.
  const auto slow = [](const Asked&) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
    while (std::chrono::steady_clock::now() < until) {}
    return answer(200, product("prod_1"));
  };
  const Stub stub(slow);
  const auto sold = goods();
  Ground ground{sold, Choice(sold.products.size(), false)};
  ground.keys = "test";
  Load load{&scenario_named("product"), 100'000.0, 1};
  load.visits_max = 4;
  const auto result = run(ground, stub.port(), {load}, {0, 20}).front();
  CHECK(result.visits == 4);
  CHECK(result.visit.max() > 75'000'000);
  CHECK(result.visit.at(0.25) > 15'000'000);
}

}  // namespace polyshop::load
