#pragma once

#include <string>

namespace polyshop::mail {

struct SmtpOptions {
  std::string url;       // smtp://host:port, or smtps:// for TLS from the first byte
  std::string user;      // empty: without signing in
  std::string password;
  bool requires_tls = true;  // on smtp:// STARTTLS, without which nothing is sent
  long timeout_ms = 20'000;  // for everything, connecting included
};

struct SmtpResult {
  enum class Kind { sent, again, refused };
  Kind kind = Kind::sent;
  std::string failure;  // holds no address and nothing that the server said but its code
};

// Hands a finished mail to a server, and waits for its answer. `again` where the server is away, busy or of another mind
// about who may send; refused where it said for good that it does not take this mail.
SmtpResult send_by_smtp(const SmtpOptions& options, const std::string& from, const std::string& to, const std::string& mime);

}  // namespace polyshop::mail
