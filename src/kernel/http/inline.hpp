#pragma once

#include "kernel/http/route.hpp"

namespace polyshop::http {

// Runs a request through the route table on this thread, without a socket: routing, access, idempotency and the rendering
// of Problems as the server does them. A route that waits is waited for. For tests and simulations.
Response run_inline(const Routes& routes, Request request);

// What the server does around a route's function, on the thread it is called on.
Outcome run_route(const Route& route, Request& request);
// A function's outcome, with what it throws rendered.
Outcome rendered(const Request& request, const std::function<Outcome()>& run);

}  // namespace polyshop::http
