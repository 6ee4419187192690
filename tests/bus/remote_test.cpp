#include <latch>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "bus/feed.hpp"
#include "bus/remote_source.hpp"
#include "kernel/http/server.hpp"
#include "kernel/security/module_keys.hpp"
#include "nodes.hpp"

// A source in one process and a consumer in another: two grounds that share nothing but a socket.
namespace polyshop::bus {
namespace {

const std::string key = "0123456789abcdef0123456789abcdef";

struct Publisher {
  Ground ground;
  Node source;
  std::atomic<bool> is_stopping = false;
  std::unique_ptr<http::Server> server;

  explicit Publisher(Engine engine) : ground(engine), source(ground.platform(), "source") {
    source.publishes<Counted>();
    add_feed({ground.platform().routes, "bus"}, ground.platform().nodes, [this] { return is_stopping.load(); });
    ground.open();
    source.start();
    serve(0);
  }
  ~Publisher() {
    stop();
    source.stop();
  }
  void serve(int port) {
    http::ServerOptions options;
    options.listen = fmt::format("127.0.0.1:{}", port);
    options.drain_ms = 0;
    auto& platform = ground.platform();
    server = std::make_unique<http::Server>(options, platform.routes, platform.cache, platform.clock, platform.metrics);
    server->set_prove_module([keys = ModuleKeys::parse("consumer=" + key)](std::string_view module, std::string_view given) { return keys.proves(module, given); });
    server->start();
  }
  void stop() {
    is_stopping = true;
    source.log.wake();
    if (server) server->stop();
    is_stopping = false;
  }
  void publish(int amount) {
    source.db.write(ground.as_system(), [&](Tx& tx) { tx.publish(Counted{"a", amount, 1}); });
  }
  RemoteSource::Options options(const std::string& with = key) const { return {"source", "127.0.0.1", server->port(), "consumer", with}; }
};

struct Consumer {
  Ground ground;
  RemoteSource remote;
  Node node;
  Subscription& subscription;

  Consumer(Engine engine, RemoteSource::Options options) : ground(engine), remote(std::move(options)), node(ground.platform(), "consumer"), subscription(node.subscribe(remote)) {
    subscription.on<Counted>([](Tx& tx, const Event&, const Counted& counted) { Nodes::take(tx, counted); });
    ground.open();
    node.db.write(ground.as_system(), [](Tx& tx) { tx.exec("CREATE TABLE taken (name text NOT NULL, amount bigint NOT NULL)"_sql); });
  }
  std::int64_t count() {
    return node.db.read(ground.as_system(), [](Tx& tx) { return tx.get<std::int64_t>("SELECT count(*) AS n FROM taken"_sql); });
  }
  bool comes_to(std::int64_t wanted) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (; count() < wanted; std::this_thread::yield()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      ground.clock().advance(250);
    }
    return count() == wanted;
  }
};

http::ClientResponse ask(const Publisher& publisher, const std::string& target, const std::string& module = "consumer", const std::string& with = key) {
  return http::Client("127.0.0.1", publisher.server->port()).send(http::Method::get, target, {}, {{"PolyShop-Module", module}, {"PolyShop-Key", with}});
}

}  // namespace

TEST_CASE("a consumer in another process takes every event once, over an interruption too") {
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Publisher publisher(engine);
    Consumer consumer(engine, publisher.options());
    for (int i = 1; i <= 500; ++i) publisher.publish(i);
    consumer.remote.start();
    consumer.node.start();
    CHECK(consumer.comes_to(500));
    const auto row = consumer.subscription.row();
    CHECK(row.position == 500);
    CHECK(row.head == 500);
    CHECK(publisher.source.log.readers(publisher.ground.as_system()).at(0).name == "consumer.source");

    // The other process goes away and comes back.
    const int port = publisher.server->port();
    publisher.stop();
    publisher.publish(501);
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (consumer.subscription.row().failure.empty() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
    CHECK(consumer.subscription.row().failure.find("unreachable") != std::string::npos);
    publisher.serve(port);
    publisher.publish(502);
    CHECK(consumer.comes_to(502));
    consumer.node.stop();
    consumer.remote.stop();
  }
}

TEST_CASE("a reader that waits is answered when something comes, and holds no thread meanwhile") {
  for (const auto engine : tests::engines()) {
    CAPTURE(json::enum_name(engine));
    Publisher publisher(engine);
    constexpr int readers = 100;  // more than the module has workers
    std::atomic<int> heard = 0;
    {
      std::latch asked(readers);
      std::vector<std::jthread> threads;
      for (int i = 0; i < readers; ++i)
        threads.emplace_back([&] {
          asked.count_down();
          const auto response = ask(publisher, "/internal/source/events?after=0&wait_ms=20000");
          const auto page = json::from_text<FeedPage>(response.body, json::Mode::lenient);
          if (response.status == 200 && page.events.size() == 1 && page.head == 1) ++heard;
        });
      asked.wait();
      // Others are served meanwhile.
      for (int i = 0; i < 20; ++i) CHECK(ask(publisher, "/internal/source/events?after=0&wait_ms=0").body == R"({"head":0,"events":[]})");
      publisher.publish(1);
    }
    CHECK(heard == readers);
    const auto start = std::chrono::steady_clock::now();
    CHECK(ask(publisher, "/internal/source/events?after=1&wait_ms=300").body == R"({"head":1,"events":[]})");
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(300));
  }
}

TEST_CASE("the feed is for modules of the shop that prove who they are") {
  Publisher publisher(Engine::sqlite);
  const std::string target = "/internal/source/events?after=0";
  CHECK(ask(publisher, target).status == 200);
  CHECK(ask(publisher, target, "consumer", std::string(32, 'x')).status == 404);
  CHECK(ask(publisher, target, "consumer", "").status == 404);
  CHECK(ask(publisher, target, "other").status == 404);
  CHECK(ask(publisher, target, "").status == 404);
  CHECK(http::Client("127.0.0.1", publisher.server->port()).send(http::Method::get, target).status == 404);
  CHECK(ask(publisher, "/internal/other/events").status == 404);
  CHECK(ask(publisher, "/internal/source/events?after=-1").status == 422);
  RemoteSource remote(publisher.options(std::string(32, 'x')));
  CHECK_THROWS_WITH(remote.read_after(0, 1), doctest::Contains("not_let_in"));

  CHECK_THROWS_AS(ModuleKeys::parse("search=short"), Problem);
  CHECK_THROWS_AS(ModuleKeys::parse("=" + key), Problem);
  CHECK_THROWS_AS(ModuleKeys::parse("a=" + key + ",a=" + key), Problem);
  const auto keys = ModuleKeys::parse("a=" + key + ", b = " + key + "b");
  CHECK(keys.proves("b", key + "b"));
  CHECK_FALSE(keys.proves("a", key + "b"));
  CHECK_FALSE(ModuleKeys::parse("").proves("a", ""));
}

}  // namespace polyshop::bus
