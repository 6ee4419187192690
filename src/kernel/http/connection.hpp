#pragma once

#include <list>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "kernel/http/exchange.hpp"
#include "kernel/observe/log.hpp"

// Only for the sources of kernel/http.
namespace polyshop::http {

using StreamSocket = asio::generic::stream_protocol::socket;  // TCP or the control socket

// What a connection is given time for. The I/O thread looks at all of its connections once a second, which costs a request
// nothing, and closes those whose time is over.
struct Watch {
  using Time = std::chrono::steady_clock::time_point;
  Time until = Time::max();
  bool rate = false;        // at least 1 KiB/s has to come
  std::size_t bytes = 0;    // since the last look
  std::function<void()> close;

  void expect(std::chrono::seconds within) {
    rate = false;
    until = std::chrono::steady_clock::now() + within;
  }
  void expect_rate() {
    rate = true;
    bytes = 0;
    until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  }
  void expect_nothing() {
    rate = false;
    until = Time::max();
  }
  void look(Time now) {
    if (now < until) return;
    if (rate && bytes >= 10 * 1024) {
      bytes = 0;
      until = now + std::chrono::seconds(10);
      return;
    }
    until = Time::max();
    close();
  }
};

struct Server::Shard {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> busy{io.get_executor()};  // also while nothing is connected
  asio::ip::tcp::acceptor acceptor{io};
  asio::local::stream_protocol::acceptor control{io};
  asio::steady_timer sweep{io};
  int spare_descriptor = -1;
  std::list<Watch*> watches;
  std::size_t in_flight = 0;
  std::thread thread;
};

asio::awaitable<void> serve_connection(Server& server, Server::Shard& shard, StreamSocket socket, std::string client, bool is_control);

}  // namespace polyshop::http
