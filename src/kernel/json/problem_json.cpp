#include "kernel/json/problem_json.hpp"

#include <set>

#include <fmt/format.h>

#include "kernel/json/codec.hpp"

namespace polyshop::json {
namespace {

std::string_view title_of(int status) {
  switch (status) {
    case 400: return "Malformed request";
    case 401: return "Not signed in";
    case 402: return "Payment required";
    case 403: return "Not allowed";
    case 404: return "Not found";
    case 405: return "Method not allowed";
    case 408: return "Request timed out";
    case 409: return "Conflict";
    case 412: return "Precondition failed";
    case 413: return "Content too large";
    case 414: return "Target too long";
    case 415: return "Unsupported media type";
    case 417: return "Expectation failed";
    case 422: return "Invalid input";
    case 428: return "Precondition required";
    case 429: return "Too many requests";
    case 431: return "Header fields too large";
    case 501: return "Not implemented";
    case 503: return "Unavailable";
    case 505: return "HTTP version not supported";
    case 507: return "Insufficient storage";
    default: return status >= 500 ? "Internal error" : "Error";
  }
}

}  // namespace

std::string problem_text(const Problem& problem, std::string_view instance, std::string_view request_id) {
  std::string out = R"({"type":)";
  write_string(out, "urn:polyshop:problem:" + problem.code);
  out += R"(,"title":)";
  write_string(out, title_of(problem.status));
  out += fmt::format(R"(,"status":{},"detail":)", problem.status);
  write_string(out, problem.detail);
  if (!instance.empty()) {
    out += R"(,"instance":)";
    write_string(out, instance);
  }
  out += R"(,"code":)";
  write_string(out, problem.code);
  if (!problem.errors.empty()) {
    out += R"(,"errors":)";
    write(out, problem.errors);
  }
  if (problem.retry_after_s) out += fmt::format(R"(,"retry_after_s":{})", *problem.retry_after_s);
  if (!request_id.empty()) {
    out += R"(,"request_id":)";
    write_string(out, request_id);
  }
  out += problem.retryable() ? R"(,"retryable":true)" : R"(,"retryable":false)";
  for (const auto& [name, text] : problem.extensions) {
    out += ',';
    write_string(out, name);
    out += ':';
    out += text;
  }
  out += '}';
  return out;
}

Problem problem_from_text(std::string_view text, int status) {
  static const std::set<std::string_view> members{"type", "title", "status", "detail", "instance", "code", "errors", "retry_after_s", "request_id", "retryable"};
  try {
    const auto value = parse(text);
    const auto& object = value.as_object();
    Problem problem(status, std::string(object.at("code").as_string()), std::string(object.at("detail").as_string()));
    if (const auto* errors = object.if_contains("errors")) problem.errors = from_value<std::vector<FieldError>>(*errors, Mode::lenient);
    if (const auto* seconds = object.if_contains("retry_after_s")) problem.retry_after_s = static_cast<int>(seconds->as_int64());
    for (const auto& entry : object)
      if (!members.contains(entry.key())) problem.extensions.emplace_back(entry.key(), boost::json::serialize(entry.value()));
    return problem;
  } catch (const std::exception&) {
    return {status, "unreadable_problem", fmt::format("The other side answered {} without a readable reason.", status)};
  }
}

}  // namespace polyshop::json
