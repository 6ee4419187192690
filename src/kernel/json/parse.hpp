#pragma once

#include <string_view>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>

namespace polyshop::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;

// Parses one JSON text (RFC 8259), UTF-8, at most 64 levels deep. A duplicate key is an error here, since readers differ in
// which of the two they take (RFC 8259, section 4). Throws Problem 400 `malformed_json` or `duplicate_key`.
Value parse(std::string_view text, boost::json::storage_ptr storage = {});

// A parsed text that is only looked at: its parts lie together and are let go together.
class Document {
 public:
  explicit Document(std::string_view text) : value_(parse(text, &memory_)) {}
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;
  const Value& value() const { return value_; }

 private:
  unsigned char first_[4096];
  boost::json::monotonic_resource memory_{first_};
  Value value_;
};

}  // namespace polyshop::json
