#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/facade/call.hpp"
#include "kernel/http/framing.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::http {

// A whole request, past framing, limits and routing.
struct Request {
  Method method = Method::get;
  std::string target;   // as sent, for logs and `instance`
  std::string path;     // encoded
  std::string query;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::string client;   // whom it comes from: the peer's address, or what a trusted proxy says
  bool is_internal = false;  // from the module in call.module, in another process of this shop
  bool is_control = false;  // came over the data folder's socket, so from a user who may write there
  std::vector<std::string> path_values;  // decoded, in the order of the route's {names}
  Call call;

  std::string_view field(std::string_view name) const;  // empty where absent
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool close = false;
  std::string next_cursor{};   // of a list that goes on: becomes Link
  std::vector<std::string> cached_under{};  // not empty: everybody may have this answer to this GET, until ResponseCache::invalidate() of a name
};

// A Problem as an answer: problem+json, with Retry-After and WWW-Authenticate where they belong.
Response response_of(const Problem& problem, std::string_view instance, std::string_view request_id);

// What a route's function answers: a response; or that the shell must wait, holding no thread, for something that calls
// resume (from any thread, once), after which finish runs on the module's workers. After `seconds_max` finish runs anyway.
struct Outcome;
struct Deferred {
  std::move_only_function<void(std::move_only_function<void()> resume)> start;
  std::move_only_function<Outcome()> finish;
  double seconds_max = 30;
};
struct Outcome : std::variant<Response, Deferred> {
  using std::variant<Response, Deferred>::variant;
};

}  // namespace polyshop::http
