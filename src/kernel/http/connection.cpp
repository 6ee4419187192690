#include <boost/asio/awaitable.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "kernel/http/answer.hpp"
#include "kernel/http/connection.hpp"
#include "kernel/json/problem_json.hpp"

// One connection, as a coroutine on its I/O thread. g++ 12 destroys braced temporaries in a co_await expression twice, so
// every operand is named first.
namespace polyshop::http {
namespace {

using boost::system::error_code;

bool is_request_id(std::string_view text) {
  return text.size() >= 8 && text.size() <= 64 && std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
}

std::string language_of(std::string_view accept) {
  if (accept.size() >= 2 && std::isalpha(static_cast<unsigned char>(accept[0])) && std::isalpha(static_cast<unsigned char>(accept[1])) && (accept.size() == 2 || !std::isalpha(static_cast<unsigned char>(accept[2]))))
    return {static_cast<char>(std::tolower(accept[0])), static_cast<char>(std::tolower(accept[1]))};
  return "en";
}

std::string_view field_of(const Head& head, std::string_view name) { return head.field(name).value_or(std::string_view()); }

void take_head(const Head& head, Request& request) {
  request.method = head.method;
  request.target = head.target;
  request.path = head.path;
  request.query = head.query;
  request.fields.reserve(head.fields.size());
  for (const auto& field : head.fields) request.fields.emplace_back(field.name, field.value);
}

struct InFlight {
  explicit InFlight(Server::Shard& shard) : shard(shard) { ++shard.in_flight; }
  ~InFlight() { --shard.in_flight; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  Server::Shard& shard;
};

bool is_json(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return equals_ignoring_case(type, "application/json") || equals_ignoring_case(type, "application/merge-patch+json");
}

}  // namespace

struct Connection {
  Server& server;
  Server::Shard& shard;
  StreamSocket& socket;
  const std::string peer;
  const bool is_control;
  std::string buffer{};  // bytes that came and are not yet parsed
  std::string head_bytes{};
  std::string head_text{};
  std::string limit_fields{};  // what the client's limit lets the next answer say
  std::string cache_key{};
  Head head{};
  Watch watch{};

  // Reads more into the buffer; false at the end of the stream or on an error.
  asio::awaitable<bool> read_more() {
    constexpr std::size_t size_max = 8192;
    const auto size = buffer.size();
    buffer.resize_and_overwrite(size + size_max, [](char*, std::size_t wanted) { return wanted; });
    error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    auto target = asio::buffer(buffer.data() + size, size_max);
    const auto got = co_await socket.async_read_some(target, token);
    buffer.resize(size + got);
    watch.bytes += got;
    co_return !error && got > 0;
  }

  // Writes the head in head_text and a body. What the peer takes at once needs no second look at the socket.
  asio::awaitable<bool> write(std::string_view body) {
    std::array<asio::const_buffer, 2> buffers{asio::buffer(head_text), asio::buffer(body)};
    error_code error;
    // Of a single piece the kernel need not be told where others lie.
    auto written = body.empty() ? socket.write_some(asio::buffer(head_text), error) : socket.write_some(buffers, error);
    if (!error && written == head_text.size() + body.size()) co_return true;
    if (error && error != asio::error::would_block) co_return false;
    for (auto& part : buffers) {
      const auto gone = std::min(written, part.size());
      part += gone;
      written -= gone;
    }
    auto token = asio::redirect_error(asio::use_awaitable, error);
    watch.expect(std::chrono::seconds(30));
    co_await asio::async_write(socket, buffers, token);
    co_return !error;
  }

  asio::awaitable<void> refuse(const Refusal& refusal) {
    Request request;
    request.call.request_id = Id<"req">::make(server.clock_.now()).str();
    const auto response = response_of(Problem(refusal.status, refusal.code, refusal.detail), {}, request.call.request_id);
    write_head(head_text, response, {request.call.request_id, {}, true});
    co_await write(response.body);
    server.other_metrics_.by_class[4].add();
    // Whatever else was sent is drained for a moment, so that closing does not reset the answer away: also from under who is still sending.
    constexpr std::size_t drained_max = 16 * 1024 * 1024;
    error_code ignored;
    socket.shutdown(asio::socket_base::shutdown_send, ignored);
    watch.expect(std::chrono::seconds(1));
    for (std::size_t drained = 0; drained < drained_max; drained += buffer.size()) {
      buffer.clear();
      const bool more = co_await read_more();
      if (!more) break;
    }
  }

  // The head of the next request in the buffer; 0 where the connection ends.
  asio::awaitable<std::size_t> read_head(std::optional<Refusal>& refusal) {
    std::size_t scanned = 0;
    watch.expect(buffer.empty() ? std::chrono::seconds(75) : std::chrono::seconds(10));
    while (true) {
      const auto end = find_head_end(buffer, scanned, server.options_.limits);
      if (end.refusal) {
        refusal = end.refusal;
        co_return 0;
      }
      if (end.size) co_return end.size;
      const bool was_empty = buffer.empty();
      const bool more = co_await read_more();
      if (!more) co_return 0;
      if (was_empty) watch.expect(std::chrono::seconds(10));
    }
  }

  asio::awaitable<bool> read_body(std::string& body, std::size_t body_size_max, std::optional<Refusal>& refusal) {
    if (!head.content_length && !head.chunked) co_return true;
    watch.expect_rate();
    if (head.expect_continue && buffer.empty()) {
      error_code error;
      auto token = asio::redirect_error(asio::use_awaitable, error);
      static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      auto bytes = asio::buffer(go_on);
      co_await asio::async_write(socket, bytes, token);
    }
    if (head.content_length) {
      const auto size = *head.content_length;
      while (buffer.size() < size) {
        const bool more = co_await read_more();
        if (!more) co_return false;
      }
      body.assign(buffer, 0, size);
      buffer.erase(0, size);
      co_return true;
    }
    ChunkedDecoder decoder(server.options_.limits, body_size_max);
    while (true) {
      std::string_view rest = buffer;
      refusal = decoder.decode(rest, body);
      buffer.erase(0, buffer.size() - rest.size());
      if (refusal) co_return false;
      if (decoder.done()) co_return true;
      const bool more = co_await read_more();
      if (!more) co_return false;
    }
  }

  // Runs the route on its module's workers and waits for what becomes of it.
  asio::awaitable<void> serve(std::shared_ptr<Server::Exchange> exchange) {
    exchange->done.expires_at(asio::steady_timer::time_point::max());
    server.dispatch(exchange);
    while (!exchange->finished) {
      error_code ignored;
      auto token = asio::redirect_error(asio::use_awaitable, ignored);
      co_await exchange->done.async_wait(token);
    }
  }

  std::string client() const { return server.client_address_.of(peer, field_of(head, "X-Forwarded-For")); }

  std::string request_id() const {
    const auto given = field_of(head, "X-Request-Id");
    return is_request_id(given) ? std::string(given) : Id<"req">::make(server.clock_.now()).str();
  }

  // What everybody may have who asks this in this language; nothing where it is known who asks.
  bool is_for_everybody() {
    if (head.method != Method::get && head.method != Method::head) return false;
    if (is_control || head.content_length || head.chunked || head.field("Authorization")) return false;
    cache_key = language_of(field_of(head, "Accept-Language"));
    cache_key += head.target;
    return true;
  }

  // An answer from the cache: no worker, no route, no copy of the request.
  asio::awaitable<bool> write_cached(const CachedAnswer& answer, std::chrono::steady_clock::time_point start, bool close) {
    const auto id = request_id();
    const auto trace = Trace::parse(field_of(head, "traceparent"));
    const bool held = is_held(field_of(head, "If-None-Match"), answer.etag);
    const std::string_view body = held || head.method == Method::head ? std::string_view() : std::string_view(answer.body);
    write_head(head_text, answer, held, {id, limit_fields, close});
    server.observe({answer.route, head.method, head.path, id, trace ? trace->id() : std::string_view(), start, held ? 304 : 200, body.size()});
    const bool written = co_await write(body);
    co_return written;
  }

  void prepare(Server::Exchange& exchange, std::chrono::steady_clock::time_point start) {
    auto& request = exchange.request;
    request.is_control = is_control;
    request.client = client();
    exchange.start = start;
    auto& call = request.call;
    call.request_id = request_id();
    const auto trace = Trace::parse(field_of(head, "traceparent"));
    call.trace = trace ? trace->child() : Trace::make();
    call.language = language_of(field_of(head, "Accept-Language"));
    call.deadline = exchange.start + std::chrono::seconds(server.options_.request_seconds_max);
  }

  // Counts the request against its client's limit; the problem where that is used up.
  std::optional<Problem> limited() {
    if (!server.client_limit_ || is_control) return {};
    auto& limit = *server.client_limit_;
    const auto verdict = limit.take(ClientAddress::counted_as(client()), server.clock_.now());
    limit_fields = fmt::format("RateLimit-Policy: \"client\";q={};w=60\r\nRateLimit: \"client\";r={};t={}\r\n", limit.per_minute(), verdict.remaining, verdict.reset_s);
    if (verdict.allowed) return {};
    return Problem::too_many("too_many_requests", "Too many requests from this address. Wait a moment.", verdict.reset_s);
  }

  asio::awaitable<void> run() {
    while (true) {
      std::optional<Refusal> refusal;
      const auto head_size = co_await read_head(refusal);
      if (!refusal && head_size == 0) co_return;
      const auto start = std::chrono::steady_clock::now();
      // The head's views point into a copy: the buffer moves when the body comes.
      head_bytes.assign(buffer, 0, head_size);
      if (!refusal) refusal = parse_head(head_bytes, server.options_.limits, head);
      if (refusal) {
        co_await refuse(*refusal);
        co_return;
      }
      buffer.erase(0, head_size);
      const InFlight in_flight(shard);  // until the answer is written

      const auto too_many = limited();
      const bool for_everybody = is_for_everybody();
      if (for_everybody && !too_many) {
        if (const auto answer = server.cache_.find(cache_key)) {
          watch.expect_nothing();
          const bool close = !head.keep_alive || server.draining_;
          const bool written = co_await write_cached(*answer, start, close);
          if (!written || close) co_return;
          continue;
        }
      }

      auto exchange = std::make_shared<Server::Exchange>(shard.io);
      auto& request = exchange->request;
      take_head(head, request);
      prepare(*exchange, start);
      if (for_everybody) exchange->cache_key = cache_key;
      auto found = server.routes_.find(head.method, head.path);
      exchange->route = found.route;
      const auto body_size_max = found.route ? found.route->options.body_size_max : server.options_.limits.body_size_max;
      if (head.content_length && *head.content_length > body_size_max)
        refusal = Refusal{413, "body_too_large", fmt::format("The body has {} bytes and may have {}.", *head.content_length, body_size_max)};
      if (!refusal) {
        const bool whole = co_await read_body(request.body, body_size_max, refusal);
        if (!whole && !refusal) co_return;
      }
      if (refusal) {
        co_await refuse(*refusal);
        co_return;
      }
      watch.expect_nothing();

      if (too_many)
        exchange->response = response_of(*too_many, request.target, request.call.request_id);
      else
        co_await answer(exchange, found);
      const auto& response = exchange->response;
      const bool close = !head.keep_alive || response.close || server.draining_;
      server.observe({exchange->route, request.method, request.path, request.call.request_id, request.call.trace.id(), start, response.status, response.body.size()});
      write_head(head_text, response, {request.call.request_id, limit_fields, close});
      const bool written = co_await write(head.method == Method::head ? std::string_view() : std::string_view(response.body));
      if (!written || close) co_return;
      if (buffer.capacity() > 64 * 1024 && buffer.empty()) buffer.shrink_to_fit();
    }
  }

  asio::awaitable<void> answer(std::shared_ptr<Server::Exchange> exchange, Routes::Found& found) {
    auto& request = exchange->request;
    auto& response = exchange->response;
    if (found.route) {
      // At once and on this thread: whoever is refused while the shop has too much to do must cost little.
      if (found.route->options.stage == Stage::begins && !server.admission_.admits()) {
        response = server.overloaded(request, "The shop has more to do than it can at the moment. Try again.");
        co_return;
      }
      if (!request.body.empty() && !is_json(request.field("Content-Type"))) {
        response = response_of(Problem(415, "unsupported_media_type", "Send the body as Content-Type: application/json."), request.target, request.call.request_id);
        co_return;
      }
      request.path_values = std::move(found.values);
      exchange->workers = server.workers_.find(found.route->module)->second.get();
      co_await serve(exchange);
      co_return;
    }
    bool handled = false;
    response = server.answer_itself(request, handled);
    if (handled) co_return;
    if (request.path == "/readyz" && request.method == Method::get) {
      exchange->workers = server.workers_.begin()->second.get();
      response = Response{};
      co_await ask_ready(exchange);
    } else if (!found.allowed.empty() && request.method == Method::options) {
      response.status = 204;
      response.fields.emplace_back("Allow", found.allowed + ", OPTIONS");
    } else if (!found.allowed.empty()) {
      response = response_of(Problem(405, "method_not_allowed", fmt::format("{} is not possible here; {} are.", head.method_text, found.allowed)), request.target, request.call.request_id);
      response.fields.emplace_back("Allow", found.allowed + ", OPTIONS");
    } else {
      response = response_of(Problem(404, "no_such_route", "There is nothing at this path. See /openapi.json."), request.target, request.call.request_id);
    }
  }

  // The databases are asked on a worker: the I/O thread never waits for one.
  asio::awaitable<void> ask_ready(std::shared_ptr<Server::Exchange> exchange) {
    exchange->done.expires_at(asio::steady_timer::time_point::max());
    Job job = [this, exchange] {
      std::optional<std::string> why;
      if (server.draining_) why = "The shop is shutting down.";
      else if (server.ready_) why = server.ready_();
      Response response;
      response.body = R"({"status":"ready"})";
      if (why) response = response_of(Problem::unavailable("not_ready", *why), "/readyz", exchange->request.call.request_id);
      server.complete(exchange, std::move(response));
    };
    if (!exchange->workers->submit(std::move(job))) {
      exchange->response = response_of(Problem::unavailable("overloaded", "Too many requests are waiting."), "/readyz", exchange->request.call.request_id);
      co_return;
    }
    while (!exchange->finished) {
      error_code ignored;
      auto token = asio::redirect_error(asio::use_awaitable, ignored);
      co_await exchange->done.async_wait(token);
    }
  }
};

asio::awaitable<void> serve_connection(Server& server, Server::Shard& shard, StreamSocket socket, std::string client, bool is_control) {
  Connection connection{server, shard, socket, std::move(client), is_control};
  connection.watch.close = [&socket] {
    error_code ignored;
    socket.close(ignored);
  };
  const auto entry = shard.watches.insert(shard.watches.end(), &connection.watch);
  try {
    co_await connection.run();
  } catch (const std::exception& error) {
    log::error("a connection failed", {{"error", error.what()}});
  }
  shard.watches.erase(entry);
  error_code ignored;
  socket.close(ignored);
}

}  // namespace polyshop::http
