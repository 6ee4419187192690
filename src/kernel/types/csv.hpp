#pragma once

#include <cstddef>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace polyshop::csv {

struct Record {
  std::vector<std::string> fields;
  std::size_t line = 0;    // of the file, from 1, where the record starts (a quoted field may span lines)
  std::string raw;         // the record's bytes as they stood, without the line end
  std::string fault;       // empty, or what is wrong with this record: not UTF-8, a quote out of place, ...; fields are then empty
};

// Reads comma-separated values as of RFC 4180, one record at a time in constant memory: LF or CRLF, quoted fields with
// doubled quotes and line breaks, a UTF-8 byte-order mark skipped. A record is at most 1 MiB; blank lines are skipped.
//
// A bad record is reported in `fault`, and reading goes on at the next line. Where the quotes are out of place, or a
// quoted field does not end within the file or 1 MiB, nobody knows where the record was meant to end: it is then taken to
// be its first line only, so that a stray quote costs one line and not all that follow. Of a line over 1 MiB, `raw` has
// the first 1 MiB and the rest is dropped. A stream that fails ends the reading like the end of the file; in.bad() tells.
class Reader {
 public:
  static constexpr std::size_t record_size_max = 1 << 20;

  explicit Reader(std::istream& in, char separator = ',') : in_(in), separator_(separator) {}
  bool next(Record& record);                        // false at the end of the file
  std::size_t bytes_read() const { return bytes_; }  // up to the end of the last record

 private:
  int peek(std::size_t offset);
  std::size_t size_of_line_end(std::size_t offset);
  std::size_t scan(Record& record);
  std::size_t scan_quoted(Record& record, std::size_t at);
  void take_first_line(Record& record);
  void take(std::size_t size);

  std::istream& in_;
  char separator_;
  std::string buffer_;     // what was read and not yet taken starts at start_
  std::size_t start_ = 0;
  std::size_t line_ = 1;   // of the file, where start_ is
  std::size_t bytes_ = 0;
};

// One record, quoted where it must be, ended by LF. Reader reads it back as it was, if it is UTF-8 without NUL bytes.
std::string format_record(const std::vector<std::string>& fields, char separator = ',');

}  // namespace polyshop::csv
