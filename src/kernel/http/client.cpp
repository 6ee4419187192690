#include "kernel/http/client.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include "kernel/runtime/workers.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Stream = beast::basic_stream<asio::generic::stream_protocol>;

}  // namespace

struct Client::Connection {
  asio::generic::stream_protocol::endpoint endpoint;
  std::string host;
  std::chrono::milliseconds timeout;
  asio::io_context io{1};
  std::unique_ptr<Stream> stream{};
  beast::flat_buffer buffer{};

  // Runs one asynchronous operation to its end: only those honour the stream's timeout.
  template <class Start>
  beast::error_code wait(Start start) {
    beast::error_code result;
    stream->expires_after(timeout);
    start([&result](beast::error_code error, auto...) { result = error; });
    io.restart();
    io.run();
    return result;
  }

  void connect() {
    stream = std::make_unique<Stream>(io);
    buffer.clear();
    const auto error = wait([&](auto done) { stream->async_connect(endpoint, std::move(done)); });
    if (error) {
      stream.reset();
      throw Problem::unavailable("unreachable", fmt::format("There is no connection to {}: {}.", host, error.message()));
    }
    if (endpoint.protocol().family() != AF_UNIX) {
      beast::error_code ignored;
      stream->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    }
  }
};

std::string_view ClientResponse::field(std::string_view name) const {
  for (const auto& [key, value] : fields)
    if (equals_ignoring_case(key, name)) return value;
  return {};
}

Client::Client(std::string host, int port, std::chrono::milliseconds timeout) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) throw Problem::invalid("bad_address", fmt::format("\"{}\" is no IP address.", host));
  connection_ = std::make_unique<Connection>(asio::ip::tcp::endpoint(address, static_cast<asio::ip::port_type>(port)), fmt::format("{}:{}", host, port), timeout);
}

Client::Client(std::filesystem::path unix_socket, std::chrono::milliseconds timeout)
    : connection_(std::make_unique<Connection>(asio::local::stream_protocol::endpoint(unix_socket.string()), "polyshop", timeout)) {}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::cancel() {
  asio::post(connection_->io, [connection = connection_.get()] {
    if (connection->stream) connection->stream->close();
  });
}

ClientResponse Client::send(Method method, const std::string& target, const std::string& body, const std::vector<std::pair<std::string, std::string>>& fields) {
  auto& c = *connection_;
  beast::http::request<beast::http::string_body> request{beast::http::string_to_verb(name_of(method)), target, 11};
  request.set(beast::http::field::host, c.host);
  for (const auto& [name, value] : fields) request.set(name, value);
  if (!body.empty()) {
    if (request.find(beast::http::field::content_type) == request.end()) request.set(beast::http::field::content_type, "application/json");
    request.body() = body;
  }
  request.prepare_payload();
  const Workers::Blocking blocking;
  beast::error_code error;
  // A kept connection may have been closed by the other side meanwhile; then nothing of the request was read, and it is sent once more.
  for (const bool is_kept : {c.stream != nullptr, false}) {
    if (!c.stream) c.connect();
    error = c.wait([&](auto done) { beast::http::async_write(*c.stream, request, std::move(done)); });
    if (!error) {
      beast::http::response_parser<beast::http::string_body> parser;
      parser.body_limit(256 * 1024 * 1024);
      error = c.wait([&](auto done) { beast::http::async_read(*c.stream, c.buffer, parser, std::move(done)); });
      if (!error) {
        auto message = parser.release();
        ClientResponse response;
        response.status = static_cast<int>(message.result_int());
        for (const auto& field : message) response.fields.emplace_back(field.name_string(), field.value());
        response.body = std::move(message.body());
        if (!message.keep_alive()) c.stream.reset();
        return response;
      }
    }
    c.stream.reset();
    const bool was_closed = error == beast::http::error::end_of_stream || error == asio::error::broken_pipe || error == asio::error::connection_reset;
    if (!is_kept || !was_closed) break;
  }
  throw Problem::unavailable("unreachable", fmt::format("There was no answer from {}: {}.", c.host, error.message()));
}

}  // namespace polyshop::http
