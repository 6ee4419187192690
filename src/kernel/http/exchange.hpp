#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "kernel/http/server.hpp"

// What the shell's sources share. Only for the sources of kernel/http.
namespace polyshop::http {

namespace asio = boost::asio;

struct Server::Exchange {
  explicit Exchange(asio::io_context& io) : io(io), done(io) {}
  Request request;
  const Route* route = nullptr;
  Workers* workers = nullptr;
  Response response;
  std::string cache_key;          // empty where the answer is not for everybody
  std::uint64_t generation = 0;   // of the cache, before the answer's data is read
  std::chrono::steady_clock::time_point start;
  asio::io_context& io;
  asio::steady_timer done;        // cancelled when the response is there; its expiry ends a Deferred's wait
  bool finished = false;          // both only on the I/O thread
  std::atomic<bool> resumed = false;
  std::move_only_function<Outcome()> finish;
};

}  // namespace polyshop::http
