#include "kernel/types/csv.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kernel/types/text.hpp"

namespace polyshop::csv {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view too_long = "The record is over 1 MiB; is this a file of comma-separated lines?";
constexpr std::size_t chunk_size = 64 << 10;
constexpr int end_of_file = -1;

}  // namespace

// The byte that many after start_, reading on as needed.
int Reader::peek(std::size_t offset) {
  while (start_ + offset >= buffer_.size()) {
    if (!in_.good()) return end_of_file;
    // What was taken is dropped before more is read, so that the buffer never outgrows a record and a chunk.
    buffer_.erase(0, start_);
    start_ = 0;
    const auto size = buffer_.size();
    buffer_.resize(size + chunk_size);
    in_.read(buffer_.data() + size, chunk_size);
    buffer_.resize(size + static_cast<std::size_t>(in_.gcount()));
  }
  return static_cast<unsigned char>(buffer_[start_ + offset]);
}

// 1 for LF, 2 for CRLF, 0 for anything else.
std::size_t Reader::size_of_line_end(std::size_t offset) {
  const int c = peek(offset);
  if (c == '\n') return 1;
  return c == '\r' && peek(offset + 1) == '\n' ? 2 : 0;
}

void Reader::take(std::size_t size) {
  line_ += static_cast<std::size_t>(std::ranges::count(std::string_view(buffer_).substr(start_, size), '\n'));
  start_ += size;
  bytes_ += size;
}

bool Reader::next(Record& record) {
  if (bytes_ == 0 && peek(2) != end_of_file && std::string_view(buffer_).substr(start_).starts_with(byte_order_mark))
    take(byte_order_mark.size());
  while (const auto blank = size_of_line_end(0)) take(blank);

  record.fields.clear();
  record.raw.clear();
  record.fault.clear();
  record.line = line_;
  if (peek(0) == end_of_file) return false;

  const auto size = scan(record);
  if (!record.fault.empty()) {
    record.fields.clear();
    take_first_line(record);
    return true;
  }
  record.raw.assign(buffer_, start_, size);
  take(size);
  take(size_of_line_end(0));
  // These leave no doubt about where the record ends, so all of it is the bad record.
  if (record.raw.find('\0') != std::string::npos)
    record.fault = "The record has a NUL byte; save the file as plain UTF-8 text.";
  else if (!is_utf8(record.raw))
    record.fault = "The record is not UTF-8; save the file in that encoding.";
  if (!record.fault.empty()) record.fields.clear();
  return true;
}

// Splits the record at start_ into fields and returns its size without the line end, or sets its fault.
std::size_t Reader::scan(Record& record) {
  std::size_t at = 0;
  for (;;) {
    const auto number = record.fields.size() + 1;
    record.fields.emplace_back();
    if (peek(at) == '"') {
      at = scan_quoted(record, at);
      if (!record.fault.empty()) return at;
    } else {
      const auto from = at;
      for (;; ++at) {
        const int c = peek(at);
        if (c == separator_ || c == '\n' || c == end_of_file || size_of_line_end(at) != 0) break;
        if (c == '"')
          record.fault = fmt::format("Field {} has a quote inside; put the field in quotes and double that quote.", number);
        else if (c == '\r')
          record.fault =
              fmt::format("Field {} has a carriage return without a line feed; end lines with LF or CRLF.", number);
        else if (at >= record_size_max)
          record.fault = std::string(too_long);
        if (!record.fault.empty()) return at;
      }
      record.fields.back().assign(buffer_, start_ + from, at - from);
    }
    if (peek(at) != separator_) return at;
    if (++at > record_size_max) {  // fields may all be empty, and then only this keeps a limit on them
      record.fault = std::string(too_long);
      return at;
    }
  }
}

// The field whose opening quote is at `at`; returns where it ends, which is at a separator or the end of the record.
std::size_t Reader::scan_quoted(Record& record, std::size_t at) {
  auto& field = record.fields.back();
  for (++at;; ++at) {
    const int c = peek(at);
    if (c == end_of_file)
      record.fault = fmt::format("Field {} opens a quote that the file does not close.", record.fields.size());
    else if (at >= record_size_max)
      record.fault = fmt::format("Field {} opens a quote that is not closed within 1 MiB.", record.fields.size());
    if (!record.fault.empty()) return at;
    if (c == '"' && peek(++at) != '"') break;
    field.push_back(static_cast<char>(c));
  }
  const int after = peek(at);
  if (after != separator_ && after != end_of_file && size_of_line_end(at) == 0)
    record.fault = fmt::format("Field {} goes on after its closing quote; double a quote that belongs to the text.",
                               record.fields.size());
  return at;
}

// Puts the line at start_ into `raw`, however the record was meant to go on.
void Reader::take_first_line(Record& record) {
  std::size_t size = 0;
  while (peek(size) != end_of_file && size_of_line_end(size) == 0 && size < record_size_max) ++size;
  record.raw.assign(buffer_, start_, size);
  take(size);
  while (peek(0) != end_of_file && size_of_line_end(0) == 0) take(1);
  take(size_of_line_end(0));
}

std::string format_record(const std::vector<std::string>& fields, char separator) {
  std::string record;
  const std::string special{'"', '\r', '\n', separator};
  for (const auto& field : fields) {
    if (&field != &fields.front()) record += separator;
    // A record of one empty field would be a blank line, and a byte-order mark at the start of a file would be skipped.
    const bool quoted = field.find_first_of(special) != std::string::npos || (field.empty() && fields.size() == 1) ||
                        field.starts_with(byte_order_mark);
    if (!quoted) {
      record += field;
      continue;
    }
    record += '"';
    for (const char c : field) {
      if (c == '"') record += '"';
      record += c;
    }
    record += '"';
  }
  record += '\n';
  return record;
}

}  // namespace polyshop::csv
