#include <algorithm>

#include "kernel/http/characters.hpp"
#include "kernel/http/framing.hpp"

namespace polyshop::http {
namespace {

constexpr int size_digits_max = 16;  // what 64 bits hold; more could only be zeros, which nobody needs

Refusal malformed_size() {
  return {400, "malformed_chunk_size",
          "A chunk must start with its size in 1 to 16 hexadecimal digits, followed at once by CRLF or a semicolon."};
}

Refusal malformed_end() {
  return {400, "malformed_chunk_end", "A chunk, its size line and the body must each end in exactly CRLF."};
}

Refusal malformed_trailer() {
  return {400, "malformed_trailer",
          "What follows the last chunk must be trailer fields (name, colon, value, CRLF) and an empty line."};
}

}  // namespace

std::optional<Refusal> ChunkedDecoder::decode(std::string_view& input, std::string& body) {
  while (!input.empty() && state_ != State::done) {
    if (state_ == State::chunk) {
      const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, input.size()));
      body.append(input.substr(0, taken));
      input.remove_prefix(taken);
      body_size_ += taken;
      chunk_left_ -= taken;
      if (chunk_left_ == 0) state_ = State::chunk_cr;
      continue;
    }
    const char c = input.front();
    input.remove_prefix(1);
    if (auto refusal = step(c)) return refusal;
  }
  return {};
}

std::optional<Refusal> ChunkedDecoder::step(char c) {
  switch (state_) {
    case State::size: return step_size(c);
    case State::extension:
    case State::quoted:
    case State::quoted_pair: return step_extension(c);
    case State::size_lf:
      if (c != '\n') return malformed_end();
      size_digits_ = 0;
      state_ = chunk_left_ == 0 ? State::trailer_start : State::chunk;
      return {};
    case State::chunk_cr:
      if (c != '\r') return malformed_end();
      state_ = State::chunk_lf;
      return {};
    case State::chunk_lf:
      if (c != '\n') return malformed_end();
      state_ = State::size;
      return {};
    case State::end_lf:
      if (c != '\n') return malformed_end();
      state_ = State::done;
      return {};
    case State::trailer_start:
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_lf: return step_trailer(c);
    case State::chunk:
    case State::done: break;
  }
  return {};
}

std::optional<Refusal> ChunkedDecoder::step_size(char c) {
  if (const int digit = hex_digit(c); digit >= 0) {
    if (++size_digits_ > size_digits_max) return malformed_size();
    chunk_left_ = chunk_left_ << 4 | static_cast<std::uint64_t>(digit);
    return {};
  }
  if (size_digits_ == 0 || (c != '\r' && c != ';')) return malformed_size();
  // On the announced size, so that nothing of a body that cannot fit is read.
  if (chunk_left_ > body_size_max_ - body_size_)
    return Refusal{413, "body_too_large", "The body is longer than this resource takes; send less."};
  if (c == '\r') {
    state_ = State::size_lf;
    return {};
  }
  state_ = State::extension;
  return step_extension(c);
}

// Extensions mean nothing here, but their quotes do: a line end within quotes is the end of the size line to one reader
// and a part of the extension to another.
std::optional<Refusal> ChunkedDecoder::step_extension(char c) {
  if (c == '\r' && state_ == State::extension) {
    state_ = State::size_lf;
    return {};
  }
  if (!is(c, text_character))
    return Refusal{400, "malformed_chunk_extension",
                   "A chunk extension holds a control character or a quoted string that does not end; send none."};
  // Counted over the whole body: per chunk, a body of single bytes could make us read 260 times its limit.
  if (++extension_size_ > limits_.chunk_extension_size_max)
    return Refusal{400, "chunk_extensions_too_long", "The chunk extensions of this body are too long; send none."};
  if (state_ == State::quoted_pair)
    state_ = State::quoted;
  else if (c == '"')
    state_ = state_ == State::quoted ? State::extension : State::quoted;
  else if (c == '\\' && state_ == State::quoted)
    state_ = State::quoted_pair;
  return {};
}

std::optional<Refusal> ChunkedDecoder::step_trailer(char c) {
  if (c == '\r' && state_ == State::trailer_start) {
    state_ = State::end_lf;
    return {};
  }
  if (++trailers_size_ > limits_.trailers_size_max)
    return Refusal{431, "trailers_too_long", "The trailer fields are too long; send fewer, they are not used."};
  switch (state_) {
    case State::trailer_start:
      if (!is(c, name_character)) return malformed_trailer();
      state_ = State::trailer_name;
      return {};
    case State::trailer_name:
      if (c == ':')
        state_ = State::trailer_value;
      else if (!is(c, name_character))
        return malformed_trailer();
      return {};
    case State::trailer_value:
      if (c == '\r')
        state_ = State::trailer_lf;
      else if (!is(c, text_character))
        return malformed_trailer();
      return {};
    default:  // trailer_lf
      if (c != '\n') return malformed_trailer();
      state_ = State::trailer_start;
      return {};
  }
}

}  // namespace polyshop::http
