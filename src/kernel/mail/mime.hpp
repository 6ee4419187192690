#pragma once

#include <string>
#include <string_view>

#include "kernel/types/id.hpp"

namespace polyshop::mail {

// A mail of plain text in UTF-8.
struct Message {
  std::string id;       // the part of the Message-ID before the @: the same in every repetition, so that readers see one mail
  std::string from;     // addresses as is_address() has them
  std::string to;
  std::string subject;
  std::string body;     // lines end in \n
  Timestamp time_ms = 0;
};

// Whether a text may stand as an address in a mail's head and envelope: ASCII, one @, no blanks, brackets, commas, quotes or
// control characters, at most 254 bytes.
bool is_address(std::string_view text);

// The mail as it travels, RFC 5322: lines end in CRLF, the subject is in encoded words (RFC 2047) where it has to be, the body is
// quoted-printable. Control characters in the subject become blanks, so that nothing in it can become a field. Ends the
// process where an address is none.
std::string to_mime(const Message& message);

}  // namespace polyshop::mail
