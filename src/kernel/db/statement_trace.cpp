#include "kernel/db/statement_trace.hpp"

#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace polyshop::db {

std::string trace_line(std::string_view file, int line, Dialect dialect, std::string_view text) {
  auto traced = fmt::format("{}:{}\t{}\t", file, line, dialect == Dialect::common ? "common" : dialect == Dialect::sqlite ? "sqlite" : "postgresql");
  for (const char c : text) {
    const bool is_blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!is_blank) traced.push_back(c);
    else if (!traced.ends_with(' ')) traced.push_back(' ');
  }
  return traced;
}

void trace_statement(const Statement& statement) {
  static const char* const file = std::getenv("POLYSHOP_TEST_STATEMENT_TRACE");
  if (!file) return;
  const auto line = trace_line(statement.file, statement.line, statement.dialect, statement.text) + '\n';
  // Tests run in several processes: each line is added by one write.
  const int descriptor = ::open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0 || ::write(descriptor, line.data(), line.size()) != static_cast<ssize_t>(line.size())) fmt::print(stderr, "POLYSHOP_TEST_STATEMENT_TRACE: {} cannot be written\n", file);
  if (descriptor >= 0) ::close(descriptor);
}

}  // namespace polyshop::db
