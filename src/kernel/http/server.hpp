#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kernel/http/admission.hpp"
#include "kernel/http/cache.hpp"
#include "kernel/http/client_address.hpp"
#include "kernel/http/route.hpp"
#include "kernel/observe/metrics.hpp"
#include "kernel/runtime/clock.hpp"
#include "kernel/runtime/rate_limit.hpp"
#include "kernel/runtime/workers.hpp"

namespace polyshop::http {

struct ServerOptions {
  std::string listen = "127.0.0.1:8080";  // address:port; port 0 takes a free one
  std::filesystem::path control_socket;   // empty: none
  std::size_t io_threads = 1;
  std::size_t workers_per_module = 32;
  std::size_t queue_per_module = 1024;
  std::size_t connections_max = 20'000;
  int drain_ms = 500;                     // between /readyz turning 503 and the end of accepting
  int request_seconds_max = 30;
  bool access_log = true;
  std::int64_t client_requests_per_minute = 0;  // 0: no limit
  std::vector<std::string> trusted_proxies;     // addresses and networks whose X-Forwarded-For is believed
  Limits limits;
};

// Serves a route table. I/O threads accept, frame, route and write; the routes' functions run on the workers of their module.
class Server {
 public:
  // Who a bearer token stands for; throws Problem 401. Runs on a worker.
  using Authenticate = std::function<Actor(const Call& call, const std::string& token)>;
  // Whether the key is that module's. Runs on a worker.
  using ProveModule = std::function<bool(std::string_view module, std::string_view key)>;
  // Why the shop cannot serve now, or nothing. Runs on a worker.
  using Ready = std::function<std::optional<std::string>()>;

  Server(ServerOptions options, const Routes& routes, ResponseCache& cache, const Clock& clock, Metrics& metrics);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void set_authenticate(Authenticate authenticate) { authenticate_ = std::move(authenticate); }
  void set_prove_module(ProveModule prove) { prove_module_ = std::move(prove); }
  void set_ready(Ready ready) { ready_ = std::move(ready); }

  // Binds and serves; Problem `port_in_use` and the like where that fails.
  void start();
  int port() const { return port_; }
  // Ends serving: not ready, then no more connections, then what is in flight is finished. Blocks.
  void stop();

  struct Shard;     // an I/O thread with what it owns
  struct Exchange;  // a request on its way through the workers

 private:
  friend struct Connection;
  void bind_and_run();
  void dispatch(std::shared_ptr<Exchange> exchange);
  void run(const std::shared_ptr<Exchange>& exchange);
  void finish(const std::shared_ptr<Exchange>& exchange, Outcome outcome);
  Response overloaded(const Request& request, std::string detail);
  void refuse(const std::shared_ptr<Exchange>& exchange, std::string detail);
  void complete(const std::shared_ptr<Exchange>& exchange, Response response);
  Response answer_itself(const Request& request, bool& handled);
  struct Seen {
    const Route* route;
    Method method;
    std::string_view path;
    std::string_view request_id;
    std::string_view trace_id;
    std::chrono::steady_clock::time_point start;
    int status;
    std::size_t bytes;
  };
  void observe(const Seen& seen);

  const ServerOptions options_;
  const ClientAddress client_address_;
  std::optional<RateLimit> client_limit_;
  const Routes& routes_;
  ResponseCache& cache_;
  const Clock& clock_;
  Metrics& metrics_;
  Authenticate authenticate_;
  ProveModule prove_module_;
  Ready ready_;
  std::string openapi_;
  int port_ = 0;
  std::atomic<bool> draining_ = false;
  std::atomic<std::size_t> connections_ = 0;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::map<std::string, std::unique_ptr<Workers>, std::less<>> workers_;
  Admission admission_;
  std::atomic<unsigned> refused_ = 0;
  struct RouteMetrics {
    Metrics::Histogram seconds;
    std::array<Metrics::Counter, 6> by_class;  // 1xx to 5xx by first digit
  };
  std::unordered_map<const Route*, RouteMetrics> route_metrics_;
  RouteMetrics other_metrics_;
  bool stopped_ = false;
};

}  // namespace polyshop::http
