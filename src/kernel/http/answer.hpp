#pragma once

#include "kernel/http/cache.hpp"
#include "kernel/http/request.hpp"

// How answers are written. Only for the sources of kernel/http.
namespace polyshop::http {

// Adds Link where a list goes on.
void link_next(const Request& request, Response& response);
// Turns the answer into 304 where the client holds the very same.
void leave_out_held(const Request& request, Response& response);
// Whether an If-None-Match names the ETag. It compares weakly: W/ makes no difference.
bool is_held(std::string_view if_none_match, std::string_view etag);

CachedAnswer cached_answer_of(const Route* route, const Response& response);

// What an answer says that is not the route's.
struct Frame {
  std::string_view request_id;
  std::string_view limit_fields;  // finished, each with its line's end
  bool close = false;
};
// The head of an answer, up to and with the empty line; `out` is used again for the next one.
void write_head(std::string& out, const Response& response, const Frame& frame);
void write_head(std::string& out, const CachedAnswer& answer, bool is_held, const Frame& frame);

}  // namespace polyshop::http
