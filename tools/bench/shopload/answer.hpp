#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace polyshop::load {

// An answer in the bytes that came; valid until more come.
struct Answer {
  int status = 0;
  std::string_view head;  // with its status line
  std::string_view body;
  std::string_view field(std::string_view name) const;  // empty where absent

  bool closes() const;  // whether the server ends the connection with it
  // What a refusal asks to wait, in seconds, RFC 9110 10.2.3.
  std::optional<int> retry_after() const;
};

// What is wrong with an answer. `what` is the same for all of its kind, so that kinds can be counted.
struct Fault {
  std::string what;
  std::string shown;  // of the answer that was wrong
};

// The answer that the bytes start with; nothing where not all of it has come. Throws Fault where it cannot be told where it
// ends: this reads what our own servers send, with a Content-Length, and nothing else.
struct Framed {
  Answer answer;
  std::size_t size = 0;  // of all of it
};
std::optional<Framed> take_answer(std::string_view bytes);

// The text between a mark and the next quote, and the number after a mark, looked for from `from` on; nothing where the mark is
// missing. Enough for answers whose shape is known, and much cheaper than reading all of them.
std::optional<std::string_view> text_after(std::string_view body, std::string_view mark, std::string_view from = {});
std::optional<std::int64_t> number_after(std::string_view body, std::string_view mark, std::string_view from = {});
std::size_t count_of(std::string_view body, std::string_view mark);

}  // namespace polyshop::load
