#include "kernel/http/server.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include "kernel/http/connection.hpp"

namespace polyshop::http {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

tcp::endpoint endpoint_of(const std::string& listen) {
  const auto colon = listen.rfind(':');
  error_code error;
  const auto address = asio::ip::make_address(colon == std::string::npos ? "" : listen.substr(0, colon), error);
  int port = -1;
  if (colon != std::string::npos) {
    const auto text = listen.substr(colon + 1);
    if (!text.empty() && text.size() <= 5 && std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c); })) port = std::stoi(text);
  }
  if (error || port < 0 || port > 65535)
    throw Problem::invalid("bad_listen_address", fmt::format("\"{}\" is no address to listen on. Give address:port, such as 127.0.0.1:8080 or 0.0.0.0:80.", listen));
  return {address, static_cast<asio::ip::port_type>(port)};
}

int open_spare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

asio::awaitable<void> accept_loop(Server& server, Server::Shard& shard, auto& acceptor, bool is_control, std::atomic<std::size_t>& connections, std::size_t connections_max) {
  while (acceptor.is_open()) {
    error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    auto socket = co_await acceptor.async_accept(token);
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
    if (error == asio::error::no_descriptors) {
      // Out of descriptors a waiting connection would wake this loop for ever: the spare one takes it and turns it away.
      ::close(shard.spare_descriptor);
      error_code ignored;
      auto turned_away = acceptor.accept(ignored);
      turned_away.close(ignored);
      shard.spare_descriptor = open_spare();
      continue;
    }
    if (error) continue;
    if (connections >= connections_max) continue;
    std::string client = "control";
    socket.non_blocking(true, error);  // answers are written at once where the peer takes them
    if constexpr (requires { socket.remote_endpoint().address(); }) {
      socket.set_option(tcp::no_delay(true), error);
      const auto peer = socket.remote_endpoint(error);
      if (error) continue;
      client = peer.address().to_string();
    }
    ++connections;
    asio::co_spawn(shard.io, serve_connection(server, shard, StreamSocket(std::move(socket)), std::move(client), is_control), [&connections](std::exception_ptr) { --connections; });
  }
}

void sweep(Server::Shard& shard) {
  shard.sweep.expires_after(std::chrono::seconds(1));
  shard.sweep.async_wait([&shard](const error_code& error) {
    if (error) return;
    const auto now = std::chrono::steady_clock::now();
    for (auto at = shard.watches.begin(); at != shard.watches.end();) (*at++)->look(now);
    sweep(shard);
  });
}

void bind(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  acceptor.open(endpoint.protocol());
  acceptor.set_option(asio::socket_base::reuse_address(true));
  error_code error;
  acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(4096, error);
  if (!error) return;
  const auto where = fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
  if (error == asio::error::address_in_use)
    throw Problem(409, "port_in_use", fmt::format("{} is in use by another program. Stop it, or choose another address with --listen.", where));
  throw Problem(409, "cannot_listen", fmt::format("Cannot listen on {}: {}.", where, error.message()));
}

}  // namespace

Server::Server(ServerOptions options, const Routes& routes, ResponseCache& cache, const Clock& clock, Metrics& metrics)
    : options_(std::move(options)), client_address_(options_.trusted_proxies), routes_(routes), cache_(cache), clock_(clock), metrics_(metrics) {
  if (options_.client_requests_per_minute > 0) client_limit_.emplace(options_.client_requests_per_minute);
}

Server::~Server() { stop(); }

void Server::start() {
  try {
    bind_and_run();
  } catch (...) {
    shards_.clear();  // none of them has a thread yet
    throw;
  }
}

void Server::bind_and_run() {
  openapi_ = openapi_text(routes_);
  const auto make_metrics = [&](const std::string& route) {
    RouteMetrics made;
    made.seconds = metrics_.histogram("polyshop_http_request_seconds", "How long requests take, by route.", {{"route", route}});
    for (std::size_t i = 1; i < made.by_class.size(); ++i)
      made.by_class[i] = metrics_.counter("polyshop_http_requests_total", "Requests by route and class of status.", {{"route", route}, {"status", fmt::format("{}xx", i)}});
    return made;
  };
  other_metrics_ = make_metrics("other");
  workers_.emplace("http", std::make_unique<Workers>("http", 2, options_.queue_per_module));
  for (const auto& route : routes_.all()) {
    route_metrics_[route.get()] = make_metrics(fmt::format("{} {}", name_of(route->method), route->pattern));
    if (!workers_.contains(route->module)) workers_.emplace(route->module, std::make_unique<Workers>(route->module, options_.workers_per_module, options_.queue_per_module));
  }
  std::set<std::string> on_the_way;
  for (const auto& route : routes_.all())
    if (route->options.stage != Stage::none && on_the_way.insert(route->module).second) admission_.watch(*workers_.find(route->module)->second);

  const auto endpoint = endpoint_of(options_.listen);
  for (std::size_t i = 0; i < options_.io_threads; ++i) {
    auto& shard = *shards_.emplace_back(std::make_unique<Shard>());
    shard.spare_descriptor = open_spare();
    if (i == 0) {
      bind(shard.acceptor, endpoint);
      port_ = shard.acceptor.local_endpoint().port();
    } else {
      // Each thread accepts from the same listening socket, through a descriptor of its own.
      shard.acceptor.assign(endpoint.protocol(), ::dup(shards_[0]->acceptor.native_handle()));
    }
    asio::co_spawn(shard.io, accept_loop(*this, shard, shard.acceptor, false, connections_, options_.connections_max), asio::detached);
    sweep(shard);
  }
  if (!options_.control_socket.empty()) {
    auto& shard = *shards_[0];
    std::filesystem::remove(options_.control_socket);  // of a process that is gone: the folder's lock is ours
    shard.control.open();
    const auto mask = ::umask(0077);
    error_code error;
    shard.control.bind(options_.control_socket.string(), error);
    ::umask(mask);
    if (!error) shard.control.listen(16, error);
    if (error) throw Problem(409, "cannot_listen", fmt::format("Cannot listen on {}: {}.", options_.control_socket.string(), error.message()));
    asio::co_spawn(shard.io, accept_loop(*this, shard, shard.control, true, connections_, options_.connections_max), asio::detached);
  }
  for (auto& shard : shards_)
    shard->thread = std::thread([&shard = *shard] {
      pthread_setname_np(pthread_self(), "http-io");
      shard.io.run();
    });
}

void Server::stop() {
  if (stopped_ || shards_.empty()) return;
  stopped_ = true;
  draining_ = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(options_.drain_ms));
  const auto on_shard = [](Shard& shard, auto run) {
    auto future = asio::post(shard.io, asio::use_future([&shard, run] { return run(shard); }));
    return future.get();
  };
  for (auto& shard : shards_)
    on_shard(*shard, [](Shard& s) {
      error_code ignored;
      s.acceptor.close(ignored);
      s.control.close(ignored);
    });
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(options_.request_seconds_max);
  for (auto& shard : shards_)
    while (on_shard(*shard, [](Shard& s) { return s.in_flight; }) > 0 && std::chrono::steady_clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  for (auto& [name, workers] : workers_) workers->stop();
  for (auto& shard : shards_) {
    // Idle connections are told by their end.
    on_shard(*shard, [](Shard& s) {
      s.sweep.cancel();
      for (auto at = s.watches.begin(); at != s.watches.end();) (*at++)->close();
      return 0;
    });
    const auto gone = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (on_shard(*shard, [](Shard& s) { return s.watches.size(); }) > 0 && std::chrono::steady_clock::now() < gone)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    shard->io.stop();
    shard->thread.join();
    ::close(shard->spare_descriptor);
  }
  if (!options_.control_socket.empty()) std::filesystem::remove(options_.control_socket);
}

}  // namespace polyshop::http
