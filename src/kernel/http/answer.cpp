#include "kernel/http/answer.hpp"

#include <ctime>

#include <fmt/format.h>

namespace polyshop::http {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 409: return "Conflict";
    default: return status < 400 ? "OK" : "Error";
  }
}

// The Date field's value, made once a second.
std::string_view http_date() {
  thread_local std::time_t last = 0;
  thread_local char text[40];
  const auto now = std::time(nullptr);
  if (now != last) {
    last = now;
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  }
  return text;
}

void begin_head(std::string& out, int status, const Frame& frame) {
  out.clear();
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nDate: {}\r\nX-Request-Id: {}\r\n{}", status, reason_of(status), http_date(), frame.request_id, frame.limit_fields);
}

void end_head(std::string& out, const Frame& frame) { out += frame.close ? "Connection: close\r\n\r\n" : "\r\n"; }

void write_content(std::string& out, const Response& response) {
  fmt::format_to(std::back_inserter(out), "Content-Type: {}\r\nContent-Length: {}\r\n", response.content_type, response.body.size());
}

void write_fields(std::string& out, const Response& response) {
  for (const auto& [name, value] : response.fields) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  }
}

std::string_view field_of(const Response& response, std::string_view wanted) {
  for (const auto& [name, value] : response.fields)
    if (name == wanted) return value;
  return {};
}

// Where the next page is: the request's own target with another cursor.
std::string next_link(const Request& request, std::string_view cursor) {
  std::string link = "<" + request.path + "?";
  for (std::string_view rest = request.query; !rest.empty();) {
    const auto end = rest.find('&');
    const auto part = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (part.empty() || part.starts_with("cursor=")) continue;
    link += part;
    link += '&';
  }
  link += "cursor=";
  link += cursor;
  return link + ">; rel=\"next\"";
}

}  // namespace

bool is_held(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    const auto end = if_none_match.find(',');
    auto one = if_none_match.substr(0, end);
    if_none_match = end == std::string_view::npos ? std::string_view() : if_none_match.substr(end + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == etag || one == "*") return true;
  }
  return false;
}

void link_next(const Request& request, Response& response) {
  if (!response.next_cursor.empty()) response.fields.emplace_back("Link", next_link(request, response.next_cursor));
}

void leave_out_held(const Request& request, Response& response) {
  const bool is_read = request.method == Method::get || request.method == Method::head;
  if (!is_read || response.status != 200) return;
  const auto etag = field_of(response, "ETag");
  if (etag.empty() || !is_held(request.field("If-None-Match"), etag)) return;
  response.status = 304;
  response.body.clear();
}

CachedAnswer cached_answer_of(const Route* route, const Response& response) {
  CachedAnswer answer{route, {}, {}, std::string(field_of(response, "ETag")), response.body};
  write_content(answer.content, response);
  write_fields(answer.fields, response);
  return answer;
}

void write_head(std::string& out, const Response& response, const Frame& frame) {
  begin_head(out, response.status, frame);
  if (response.status != 204 && response.status != 304) write_content(out, response);
  write_fields(out, response);
  end_head(out, frame);
}

void write_head(std::string& out, const CachedAnswer& answer, bool is_held, const Frame& frame) {
  begin_head(out, is_held ? 304 : 200, frame);
  if (!is_held) out += answer.content;
  out += answer.fields;
  end_head(out, frame);
}

}  // namespace polyshop::http
