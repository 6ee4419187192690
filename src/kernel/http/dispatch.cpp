#include <future>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "kernel/http/answer.hpp"
#include "kernel/http/exchange.hpp"
#include "kernel/http/inline.hpp"
#include "kernel/json/problem_json.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/security/token.hpp"

// What happens to a request on the workers: who asks, may they, the route's function, and what became of it.
namespace polyshop::http {
namespace {

std::string_view bearer_token(const Request& request) {
  const auto field = request.field("Authorization");
  constexpr std::string_view scheme = "Bearer ";
  return field.size() > scheme.size() && equals_ignoring_case(field.substr(0, scheme.size()), scheme) ? field.substr(scheme.size()) : std::string_view();
}

void check_access(const Access& access, const Request& request) {
  const auto& actor = request.call.actor;
  switch (access.kind) {
    case Access::Kind::everyone: return;
    case Access::Kind::control:
      if (!request.is_control) throw Problem::not_found("resource");
      return;
    case Access::Kind::internal:
      if (!request.is_internal) throw Problem::not_found("resource");
      return;
    case Access::Kind::customer:
      if (actor.kind == Actor::Kind::anonymous) throw Problem::unauthenticated("authentication_required", "Send the bearer token of a customer's session.");
      if (actor.kind != Actor::Kind::customer) throw Problem::forbidden("customers_only", "This is for customers; staff use the admin API.");
      return;
    case Access::Kind::staff:
      if (actor.kind == Actor::Kind::anonymous) throw Problem::unauthenticated("authentication_required", "Send the bearer token of a staff session.");
      if (actor.kind == Actor::Kind::customer || !actor.may(access.permission))
        throw Problem::forbidden("permission_missing", fmt::format("This needs the permission {}.", access.permission));
  }
}

// Another process of the shop says which of its modules asks, and proves it.
void take_module(Request& request, const Server::ProveModule& prove) {
  const auto module = request.field("PolyShop-Module");
  request.is_internal = prove && prove(module, request.field("PolyShop-Key"));
  if (!request.is_internal) return;
  request.call.module = module;
  request.call.actor = Actor::system(std::string(module));
}

// Two guests may choose the same key: whoever holds a cart's token is one principal. The cart keeps another hash of it. It begins with the token's
// time, so that the keys of guests who come one after the other lie together, and not on a page of the database each.
std::string guest_of(std::string_view token) {
  const auto time = time_of_token(token);
  return fmt::format("guest_{}{}", time, sha256_hex("principal " + std::string(token)).substr(0, 32 - time.size()));
}

void take_key(const Route& route, Request& request) {
  if (route.method != Method::post && route.method != Method::patch) return;
  const auto key = request.field("Idempotency-Key");
  if (route.options.idempotency == Idempotency::none) return;
  if (key.empty()) {
    if (route.options.idempotency == Idempotency::required)
      throw Problem::malformed("idempotency_key_required", "Send an Idempotency-Key, such as a UUID, so that a repeated request cannot be carried out twice.", "Idempotency-Key");
    return;
  }
  if (key.size() > 255) throw Problem::malformed("malformed_idempotency_key", "Send an Idempotency-Key of at most 255 characters.", "Idempotency-Key");
  if (const auto token = request.field("Cart-Token"); request.call.actor.kind == Actor::Kind::anonymous && !token.empty())
    request.call.actor.id = guest_of(token);
  request.call.key = key;
  request.call.operation = fmt::format("{} {}", name_of(route.method), route.pattern);
  request.call.input_hash = sha256_hex(request.target + '\n' + request.body);
}

}  // namespace

Response response_of(const Problem& problem, std::string_view instance, std::string_view request_id) {
  Response response;
  response.status = problem.status;
  response.content_type = "application/problem+json";
  response.body = json::problem_text(problem, instance, request_id);
  if (problem.retry_after_s) response.fields.emplace_back("Retry-After", std::to_string(*problem.retry_after_s));
  if (problem.status == 401) response.fields.emplace_back("WWW-Authenticate", "Bearer");
  response.fields.insert(response.fields.end(), problem.fields.begin(), problem.fields.end());
  return response;
}

void Server::dispatch(std::shared_ptr<Exchange> exchange) {
  auto* workers = exchange->workers;
  Job job = [this, exchange] { run(exchange); };
  if (!workers->submit(std::move(job))) refuse(exchange, "Too many requests are waiting. Try again.");
}

// Those who are told to come again do not all come at once.
Response Server::overloaded(const Request& request, std::string detail) {
  constexpr int retry_after_s_max = 3;
  auto problem = Problem::unavailable("overloaded", std::move(detail));
  problem.retry_after_s = 1 + static_cast<int>(refused_.fetch_add(1, std::memory_order_relaxed) % retry_after_s_max);
  return response_of(problem, request.target, request.call.request_id);
}

void Server::refuse(const std::shared_ptr<Exchange>& exchange, std::string detail) { complete(exchange, overloaded(exchange->request, std::move(detail))); }

Outcome rendered(const Request& request, const std::function<Outcome()>& run) {
  try {
    return run();
  } catch (const Problem& problem) {
    return response_of(problem, request.target, request.call.request_id);
  } catch (const std::exception& error) {
    log::error("a request failed", {{"target", request.target}, {"error", error.what()}});
    return response_of(Problem::internal(), request.target, request.call.request_id);
  }
}

Outcome run_route(const Route& route, Request& request) {
  bool replayed = false;
  auto outcome = rendered(request, [&]() -> Outcome {
    check_access(route.access, request);
    take_key(route, request);
    request.call.replayed = &replayed;
    return route.run(request);
  });
  request.call.replayed = nullptr;
  if (replayed)
    if (auto* response = std::get_if<Response>(&outcome)) response->fields.emplace_back("Idempotency-Replayed", "true");
  return outcome;
}

Response run_inline(const Routes& routes, Request request) {
  if (const auto mark = request.target.find('?'); mark != std::string::npos) request.query = request.target.substr(mark + 1);
  request.path = request.target.substr(0, request.target.find('?'));
  auto found = routes.find(request.method, request.path);
  if (!found.route) return response_of(Problem(found.allowed.empty() ? 404 : 405, found.allowed.empty() ? "no_such_route" : "method_not_allowed", "There is nothing like this here."), request.target, request.call.request_id);
  request.path_values = std::move(found.values);
  request.call.module = "http";
  auto outcome = run_route(*found.route, request);
  while (auto* deferred = std::get_if<Deferred>(&outcome)) {
    auto finish = std::move(deferred->finish);
    // Shared: whoever resumes may come after the time is up.
    const auto resumed = std::make_shared<std::promise<void>>();
    outcome = rendered(request, [&] {
      deferred->start([resumed] { resumed->set_value(); });
      resumed->get_future().wait_for(std::chrono::duration<double>(deferred->seconds_max));
      return finish();
    });
  }
  auto response = std::move(std::get<Response>(outcome));
  link_next(request, response);
  leave_out_held(request, response);
  return response;
}

void Server::run(const std::shared_ptr<Exchange>& exchange) {
  auto& request = exchange->request;
  log::Scope scope(request.call.request_id, request.call.trace.id());
  finish(exchange, rendered(request, [&]() -> Outcome {
           auto& call = request.call;
           if (call.expired()) throw Problem::unavailable("timeout", "The request waited too long and was dropped before it started. Try again.");
           call.now = clock_.now();
           call.module = "http";
           exchange->generation = cache_.generation();
           if (request.is_control)
             call.actor = Actor::system("command-line");
           else if (exchange->route->access.kind == Access::Kind::internal)
             take_module(request, prove_module_);
           else if (const auto token = bearer_token(request); !token.empty() && authenticate_)
             call.actor = authenticate_(call, std::string(token));
           return run_route(*exchange->route, request);
         }));
}

void Server::finish(const std::shared_ptr<Exchange>& exchange, Outcome outcome) {
  if (auto* response = std::get_if<Response>(&outcome)) {
    link_next(exchange->request, *response);
    if (!exchange->cache_key.empty() && !response->cached_under.empty() && response->status == 200)
      cache_.store(exchange->cache_key, response->cached_under, cached_answer_of(exchange->route, *response), exchange->generation);
    leave_out_held(exchange->request, *response);
    return complete(exchange, std::move(*response));
  }
  auto& deferred = std::get<Deferred>(outcome);
  exchange->finish = std::move(deferred.finish);
  exchange->resumed = false;
  // Whoever comes first, the event that is waited for or the time limit, takes the exchange back to a worker.
  auto resume = [this, exchange] {
    if (exchange->resumed.exchange(true)) return;
    Job job = [this, exchange] {
      log::Scope scope(exchange->request.call.request_id, exchange->request.call.trace.id());
      auto next = std::move(exchange->finish);
      finish(exchange, rendered(exchange->request, [&] { return next(); }));
    };
    if (!exchange->workers->submit(std::move(job))) refuse(exchange, "Too many requests are waiting. Ask again with the same Idempotency-Key.");
  };
  asio::post(exchange->io, [exchange, resume, limit = deferred.seconds_max] {
    if (exchange->finished) return;
    auto timer = std::make_shared<asio::steady_timer>(exchange->io, std::chrono::milliseconds(static_cast<long>(limit * 1000)));
    timer->async_wait([timer, resume](const boost::system::error_code& error) {
      if (!error) resume();
    });
  });
  try {
    deferred.start(resume);
  } catch (...) {
    if (exchange->resumed.exchange(true)) return;
    const auto why = std::current_exception();
    complete(exchange, std::get<Response>(rendered(exchange->request, [&]() -> Outcome { std::rethrow_exception(why); })));
  }
}

void Server::complete(const std::shared_ptr<Exchange>& exchange, Response response) {
  exchange->response = std::move(response);
  asio::post(exchange->io, [exchange] {
    exchange->finished = true;
    exchange->done.cancel();
  });
}

Response Server::answer_itself(const Request& request, bool& handled) {
  handled = request.method == Method::get || request.method == Method::head;
  Response response;
  if (!handled) return response;
  if (request.path == "/healthz") {
    response.body = R"({"status":"alive"})";
  } else if (request.path == "/metrics") {
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_.text();
  } else if (request.path == "/openapi.json") {
    response.body = openapi_;
  } else {
    handled = false;
  }
  return response;
}

void Server::observe(const Seen& seen) {
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - seen.start).count();
  const auto found = seen.route ? route_metrics_.find(seen.route) : route_metrics_.end();
  const auto& metrics = found == route_metrics_.end() ? other_metrics_ : found->second;
  metrics.seconds.observe(seconds);
  metrics.by_class[static_cast<std::size_t>(std::clamp(seen.status / 100, 1, 5))].add();
  if (!options_.access_log || !log::enabled(log::Level::info)) return;
  log::Scope scope(seen.request_id, seen.trace_id);
  log::info("request", {{"method", name_of(seen.method)}, {"path", seen.path}, {"status", seen.status}, {"ms", std::round(seconds * 1e5) / 100}, {"bytes", seen.bytes}});
}

}  // namespace polyshop::http
