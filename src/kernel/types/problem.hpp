#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe.hpp>

namespace polyshop {

// One fault in an input: where (a JSON pointer, RFC 6901, or a parameter's name), which kind, and what to do about it.
struct FieldError {
  std::string pointer;
  std::string code;
  std::string detail;
};
BOOST_DESCRIBE_STRUCT(FieldError, (), (pointer, code, detail))

// The only exception that PolyShop throws for a failure somebody can be told about. It maps to RFC 9457 in the HTTP
// layer and to one line on standard error in the command line. `detail` is public text: never put a secret, a personal
// datum or another system's message into it.
class Problem : public std::exception {
 public:
  Problem(int status, std::string code, std::string detail, std::string pointer = {});

  int status;
  std::string code;    // stable, snake_case; what a client branches on
  std::string detail;  // a sentence: what is wrong and what to do
  std::vector<FieldError> errors;
  std::optional<int> retry_after_s;
  // Further members of the problem document, each a name and finished JSON text (requirements, payment_action).
  std::vector<std::pair<std::string, std::string>> extensions;
  // Header fields of the HTTP answer beside those that follow from the above.
  std::vector<std::pair<std::string, std::string>> fields;

  static Problem malformed(std::string code, std::string detail, std::string pointer = {});        // 400
  static Problem unauthenticated(std::string code, std::string detail);                            // 401
  static Problem payment_required(std::string code, std::string detail);                           // 402
  static Problem forbidden(std::string code, std::string detail);                                  // 403
  static Problem not_found(std::string what, std::string_view id = {});                            // 404
  static Problem conflict(std::string code, std::string detail, std::string pointer = {});         // 409
  static Problem precondition_failed(std::string detail);                                          // 412
  static Problem invalid(std::string code, std::string detail, std::string pointer = {});          // 422
  static Problem unavailable(std::string code, std::string detail, int retry_after_s = 1);         // 503
  static Problem internal();                                                                       // 500
  static Problem too_many(std::string code, std::string detail, int retry_after_s);                // 429

  // Whether the same request may succeed later unchanged.
  bool retryable() const;
  Problem&& with(std::string name, std::string json_text) &&;

  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

// Ends the process with a message: for a broken invariant, where going on could only spread the damage.
[[noreturn]] void die(std::string_view what);

}  // namespace polyshop
