#include "kernel/types/problem.hpp"

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

namespace polyshop {

Problem::Problem(int status, std::string code, std::string detail, std::string pointer)
    : status(status), code(std::move(code)), detail(std::move(detail)) {
  if (!pointer.empty()) errors.push_back({std::move(pointer), this->code, this->detail});
  what_ = fmt::format("{}: {}", this->code, this->detail);
}

Problem Problem::malformed(std::string code, std::string detail, std::string pointer) {
  return {400, std::move(code), std::move(detail), std::move(pointer)};
}
Problem Problem::unauthenticated(std::string code, std::string detail) {
  return {401, std::move(code), std::move(detail)};
}
Problem Problem::payment_required(std::string code, std::string detail) {
  return {402, std::move(code), std::move(detail)};
}
Problem Problem::forbidden(std::string code, std::string detail) { return {403, std::move(code), std::move(detail)}; }
Problem Problem::not_found(std::string what, std::string_view id) {
  auto detail = id.empty() ? fmt::format("There is no such {}.", what) : fmt::format("There is no {} {}.", what, id);
  return {404, "not_found", std::move(detail)};
}
Problem Problem::conflict(std::string code, std::string detail, std::string pointer) {
  return {409, std::move(code), std::move(detail), std::move(pointer)};
}
Problem Problem::precondition_failed(std::string detail) { return {412, "version_changed", std::move(detail)}; }
Problem Problem::invalid(std::string code, std::string detail, std::string pointer) {
  return {422, std::move(code), std::move(detail), std::move(pointer)};
}
Problem Problem::unavailable(std::string code, std::string detail, int retry_after_s) {
  Problem problem{503, std::move(code), std::move(detail)};
  problem.retry_after_s = retry_after_s;
  return problem;
}
Problem Problem::too_many(std::string code, std::string detail, int retry_after_s) {
  Problem problem{429, std::move(code), std::move(detail)};
  problem.retry_after_s = retry_after_s;
  return problem;
}
Problem Problem::internal() {
  return {500, "internal_error", "Something went wrong on our side. Give the request id when you report it."};
}

bool Problem::retryable() const {
  return status == 429 || status == 503 || status == 507 || code == "in_flight" || code == "timeout";
}

Problem&& Problem::with(std::string name, std::string json_text) && {
  extensions.emplace_back(std::move(name), std::move(json_text));
  return std::move(*this);
}

void die(std::string_view what) {
  std::fprintf(stderr, "polyshop: broken invariant, stopping: %.*s\n", static_cast<int>(what.size()), what.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace polyshop
