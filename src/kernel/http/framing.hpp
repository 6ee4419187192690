#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// HTTP/1.1 message framing, RFC 9112, as strictly as a server behind any proxy must take it: whatever two
// implementations could read differently is refused. Pure functions on bytes; no input, no output, no clock.
namespace polyshop::http {

enum class Method { get, head, post, put, patch, del, options, other };
std::string_view name_of(Method method);

struct Limits {
  std::size_t head_size_max = 8 * 1024;           // 431
  std::size_t target_size_max = 8 * 1024;         // 414
  std::size_t fields_max = 100;                   // 431
  std::size_t body_size_max = 1024 * 1024;        // 413; a route may allow more
  std::size_t chunk_extension_size_max = 256;     // 400; all the chunks of a body together
  std::size_t trailers_size_max = 8 * 1024;       // 431
};

// Why a message is not read on. The answer carries `Connection: close` and nothing after it is parsed.
struct Refusal {
  int status;
  std::string code;    // as in a Problem
  std::string detail;
};

struct Field {
  std::string_view name;   // as sent; compare with equals_ignoring_case
  std::string_view value;  // without surrounding blanks
};

// A request's head; every view points into the bytes it was parsed from.
struct Head {
  Method method = Method::other;
  std::string_view method_text;
  std::string_view target;      // as sent, in origin form ("/v1/x?y=z"), also when it came in absolute form
  std::string_view path;        // the target before '?', still percent-encoded
  std::string_view query;       // after '?', without it
  std::string_view host;
  int minor_version = 1;        // HTTP/1.0 or 1.1
  std::vector<Field> fields;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expect_continue = false;  // a body follows, and its sender waits for 100 Continue (never HTTP/1.0)

  // The value of a field, or nothing where it is absent. A repeated one answers its first.
  std::optional<std::string_view> field(std::string_view name) const;
};

bool equals_ignoring_case(std::string_view a, std::string_view b);

// Where the head ends in what has come so far: the size of the head with its blank line, 0 while it is not complete, or
// a refusal as soon as it is clear that it never will be fit (a bare LF, too long, a first byte no method starts with).
// `scanned` remembers how far earlier calls looked, so that a slow sender costs no quadratic time.
struct HeadEnd {
  std::size_t size = 0;
  std::optional<Refusal> refusal;
};
HeadEnd find_head_end(std::string_view bytes, std::size_t& scanned, const Limits& limits);

// Reads a complete head (as find_head_end measured it) or says why not. `head` is reused between requests.
std::optional<Refusal> parse_head(std::string_view bytes, const Limits& limits, Head& head);

// Decodes a chunked body piece by piece. Trailers are counted and dropped.
class ChunkedDecoder {
 public:
  ChunkedDecoder(const Limits& limits, std::size_t body_size_max) : limits_(limits), body_size_max_(body_size_max) {}
  // Takes bytes from the front of `input` (and removes them from it), appends the decoded ones to `body`.
  std::optional<Refusal> decode(std::string_view& input, std::string& body);
  bool done() const { return state_ == State::done; }

 private:
  enum class State {
    size, extension, quoted, quoted_pair, size_lf, chunk, chunk_cr, chunk_lf,
    trailer_start, trailer_name, trailer_value, trailer_lf, end_lf, done
  };
  std::optional<Refusal> step(char c);
  std::optional<Refusal> step_size(char c);
  std::optional<Refusal> step_extension(char c);
  std::optional<Refusal> step_trailer(char c);

  const Limits limits_;
  const std::size_t body_size_max_;
  State state_ = State::size;
  std::uint64_t chunk_left_ = 0;
  std::size_t body_size_ = 0;  // of all calls, since a caller may empty `body` between them
  int size_digits_ = 0;
  std::size_t extension_size_ = 0;
  std::size_t trailers_size_ = 0;
};

// Whether text is what Host may hold: a name, an IPv4 address or a bracketed IPv6 address, and perhaps a port.
bool is_host(std::string_view text);

// A path segment or a query part with its %XX decoded ('+' is a blank only in a query); nothing where an escape is
// malformed, decodes to a control character, or the result is not UTF-8.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);

}  // namespace polyshop::http
