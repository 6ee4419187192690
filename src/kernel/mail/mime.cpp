#include "kernel/mail/mime.hpp"

#include <chrono>

#include <fmt/format.h>

#include "kernel/security/token.hpp"

namespace polyshop::mail {
namespace {

constexpr std::size_t line_max = 76;             // RFC 2045 and RFC 2047
constexpr std::size_t encoded_word_bytes = 39;   // 52 characters of base64, which with the marks and "Subject: " fit into a line

bool is_control(unsigned char c) { return c < ' ' || c == 0x7f; }

std::string date_of(Timestamp time) {
  using namespace std::chrono;
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_time<milliseconds> at{milliseconds(time)};
  const auto day = floor<std::chrono::days>(at);
  const year_month_day date{day};
  const auto second = floor<seconds>(at - day).count();
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000", days[weekday(day).c_encoding()], static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), second / 3600, second / 60 % 60, second % 60);
}

std::string encoded_subject(std::string text) {
  bool is_plain = text.size() <= 60 && text.find("=?") == std::string::npos;
  for (auto& c : text) {
    if (is_control(static_cast<unsigned char>(c))) c = ' ';
    is_plain = is_plain && static_cast<unsigned char>(c) < 0x80;
  }
  if (is_plain) return text;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    auto end = std::min(at + encoded_word_bytes, text.size());
    while (end < text.size() && end > at + 1 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // a letter is not cut in two
    out += (out.empty() ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?") + to_base64(std::string_view(text).substr(at, end - at)) + "?=";
    at = end;
  }
  return out;
}

std::string quoted_printable(std::string_view text) {
  std::string out;
  std::size_t column = 0;
  const auto add = [&](std::string_view piece) {
    if (column + piece.size() > line_max - 1) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (c == '\n' || c == '\r') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool ends_line = i + 1 == text.size() || text[i + 1] == '\n' || text[i + 1] == '\r';
    if ((c > ' ' && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !ends_line))
      add(text.substr(i, 1));
    else
      add(fmt::format("={:02X}", c));
  }
  if (column > 0) out += "\r\n";
  return out;
}

}  // namespace

bool is_address(std::string_view text) {
  const auto at = text.find('@');
  if (text.empty() || text.size() > 254 || at == 0 || at == std::string_view::npos || at + 1 == text.size() || text.find('@', at + 1) != std::string_view::npos) return false;
  for (const unsigned char c : text)
    if (c <= ' ' || c >= 0x7f || std::string_view("<>()[],;:\\\"").find(static_cast<char>(c)) != std::string_view::npos) return false;
  return true;
}

std::string to_mime(const Message& message) {
  if (!is_address(message.from) || !is_address(message.to)) die("a mail has a sender or recipient that is no address");
  const auto domain = message.from.substr(message.from.find('@') + 1);
  return fmt::format(
      "Date: {}\r\nFrom: {}\r\nTo: {}\r\nMessage-ID: <{}@{}>\r\nSubject: {}\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
      date_of(message.time_ms), message.from, message.to, message.id, domain, encoded_subject(message.subject), quoted_printable(message.body));
}

}  // namespace polyshop::mail
