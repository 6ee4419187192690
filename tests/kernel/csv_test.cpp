#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "kernel/types/csv.hpp"
#include "kernel/types/text.hpp"

using namespace polyshop;
using csv::Reader;
using csv::Record;

namespace {

std::vector<Record> read(const std::string& text, char separator = ',') {
  std::istringstream in(text);
  Reader reader(in, separator);
  std::vector<Record> records;
  Record record;
  while (reader.next(record)) records.push_back(record);
  CHECK(reader.bytes_read() == text.size());
  return records;
}

// One line for each record: its line, then its fields in brackets, or ! and the start of the fault.
std::string outline(const std::vector<Record>& records) {
  std::string text;
  for (const auto& record : records) {
    text += std::to_string(record.line);
    for (const auto& field : record.fields) text += "[" + field + "]";
    if (!record.fault.empty()) text += "!" + record.raw;
    text += '|';
  }
  return text;
}

}  // namespace

TEST_CASE("records as RFC 4180 writes them") {
  const struct {
    std::string_view what, text, records;
  } cases[] = {{"nothing", "", ""},
               {"one field", "a", "1[a]|"},
               {"the last line need not end", "a,b\nc,d", "1[a][b]|2[c][d]|"},
               {"LF and CRLF", "a,b\r\nc,d\ne,f\r\n", "1[a][b]|2[c][d]|3[e][f]|"},
               {"empty fields", ",a,,\n,\n", "1[][a][][]|2[][]|"},
               {"spaces belong to the field", " a , b \n", "1[ a ][ b ]|"},
               {"quoted", "\"a,b\",\"c\"\n", "1[a,b][c]|"},
               {"quoted and empty", "\"\",\"\"\n", "1[][]|"},
               {"one empty quoted field is no blank line", "\"\"\na\n", "1[]|2[a]|"},
               {"doubled quotes", "\"a\"\"b\",\"\"\"\"\n", "1[a\"b][\"]|"},
               {"line breaks within quotes", "\"a\nb\r\nc\",d\ne\n", "1[a\nb\r\nc][d]|4[e]|"},
               {"blank lines", "\n\r\na\n\n\nb\n\n", "3[a]|6[b]|"},
               {"a byte-order mark", "\xEF\xBB\xBF" "a,b\n", "1[a][b]|"},
               {"a byte-order mark and a quote", "\xEF\xBB\xBF\"a\",b\n", "1[a][b]|"},
               {"a byte-order mark alone", "\xEF\xBB\xBF", ""},
               {"a byte-order mark later on is text", "a\n\xEF\xBB\xBF" "b\n", "1[a]|2[\xEF\xBB\xBF" "b]|"},
               {"not only ASCII", "£,ü\n", "1[£][ü]|"}};
  for (const auto& [what, text, records] : cases) {
    CAPTURE(what);
    CHECK(outline(read(std::string(text))) == records);
  }
  CHECK(outline(read("a;b,c\n", ';')) == "1[a][b,c]|");
}

TEST_CASE("a bad record is reported and reading goes on at the next line") {
  using namespace std::string_literals;
  const struct {
    std::string_view what;
    std::string text;
    std::string records;
    std::string_view fault;
  } cases[] = {
      {"a quote in an unquoted field", "a,b\"c\nd\n", "1!a,b\"c|2[d]|", "Field 2 has a quote inside"},
      {"text after a closing quote", "\"a\"b,c\nd\n", "1!\"a\"b,c|2[d]|", "Field 1 goes on after its closing quote"},
      {"a space after a closing quote", "\"a\" ,c\n", "1!\"a\" ,c|", "Field 1 goes on after its closing quote"},
      {"a stray quote costs its line only", "1,\"a,b\n2,\"c\",d\n3,e\n", "1!1,\"a,b|2[2][c][d]|3[3][e]|", "Field 2 goes on after"},
      {"a quote the file does not close", "a,\"b\nc\nd\n", "1!a,\"b|2[c]|3[d]|", "Field 2 opens a quote that the file does not close"},
      {"a quote at the very end", "a\n\"", "1[a]|2!\"|", "Field 1 opens a quote"},
      {"not UTF-8", "a\nb,\xE9t\xE9\nc\n", "1[a]|2!b,\xE9t\xE9|3[c]|", "The record is not UTF-8"},
      {"not UTF-8 within lines of a quoted field", "\"a\n\xFF\",b\nc\n", "1!\"a\n\xFF\",b|3[c]|", "The record is not UTF-8"},
      {"a NUL byte", "a,b\0c\nd\n"s, "1!a,b\0c|2[d]|"s, "The record has a NUL byte"},
      {"a carriage return alone", "a\rb\nc\n", "1!a\rb|2[c]|", "Field 1 has a carriage return without a line feed"},
      {"CRLF after a bad line", "a\"\r\nb\r\n", "1!a\"|2[b]|", "Field 1 has a quote inside"}};
  for (const auto& [what, text, records, fault] : cases) {
    CAPTURE(what);
    const auto found = read(text);
    CHECK(outline(found) == records);
    const auto bad = std::ranges::find_if(found, [](const Record& record) { return !record.fault.empty(); });
    REQUIRE(bad != found.end());
    CHECK(bad->fault.starts_with(fault));
    CHECK(bad->fault.ends_with("."));
    CHECK(bad->fields.empty());
  }
}

TEST_CASE("the raw bytes are those of the file") {
  const auto records = read("a, \"b\n\"c\"\"d\",\"e\nf\"\r\n");
  REQUIRE(records.size() == 2);
  CHECK(records[0].raw == "a, \"b");
  CHECK(records[1].raw == "\"c\"\"d\",\"e\nf\"");
}

TEST_CASE("a record is at most 1 MiB") {
  const auto max = Reader::record_size_max;
  SUBCASE("one that just fits") {
    for (const auto& text : {std::string(max, 'a'), std::string(max, ','), '"' + std::string(max - 2, '\n') + '"'}) {
      const auto records = read(text + "\r\nb\n");
      REQUIRE(records.size() == 2);
      CHECK(records[0].fault == "");
      CHECK(records[0].raw.size() == max);
      CHECK(records[1].fields == std::vector<std::string>{"b"});
    }
  }
  SUBCASE("a line too long is dropped to its end") {
    for (const auto& text : {std::string(max + 1, 'a'), std::string(3 * max, 'a'), std::string(max + 1, ','), std::string(3 * max, ','),
                             '"' + std::string(max - 1, 'a') + '"'}) {
      const auto records = read(text + "\nb\n");
      REQUIRE(records.size() == 2);
      CHECK(records[0].fault != "");
      CHECK(records[0].raw.size() == max);
      CHECK(records[1].line == 2);
      CHECK(records[1].fields == std::vector<std::string>{"b"});
    }
  }
  SUBCASE("a quote left open costs its line and no more memory than the limit") {
    std::string text = "a,\"b\n";
    const std::size_t lines = 2 * max / 10;
    for (std::size_t i = 0; i < lines; ++i) text += "123456789\n";
    const auto records = read(text);
    REQUIRE(records.size() == 1 + lines);
    CHECK(records[0].fault == "Field 2 opens a quote that is not closed within 1 MiB.");
    CHECK(records[0].raw == "a,\"b");
    CHECK(records.back().line == 1 + lines);
    CHECK(records.back().fields == std::vector<std::string>{"123456789"});
  }
}

TEST_CASE("a written record is read back as it was") {
  const std::vector<std::string> records[] = {{"a", "b"},        {""},           {"", ""},         {"a,b", "c"},
                                              {"\"", "a\"b"},    {"a\nb", "\r"}, {"a\r\n", " x "}, {"\xEF\xBB\xBF" "a", "£"},
                                              {"a;b", "", "c"}};
  for (const char separator : {',', ';', '\t'})
    for (const auto& fields : records) {
      const auto text = csv::format_record(fields, separator);
      CAPTURE(text);
      CHECK(text.back() == '\n');
      const auto found = read(text, separator);
      REQUIRE(found.size() == 1);
      CHECK(found[0].fields == fields);
    }
  CHECK(csv::format_record({"a", "b c", ""}) == "a,b c,\n");
  CHECK(csv::format_record({"a,b", "c\"d"}) == "\"a,b\",\"c\"\"d\"\n");
}

TEST_CASE("UTF-8 is told from other bytes, and counted in code points") {
  const struct {
    std::string_view text;
    std::size_t count;
  } good[] = {{"", 0},         {"abc", 3},      {"\xC2\x80", 1},         {"\xDF\xBF", 1},         {"\xE0\xA0\x80", 1},    {"\xED\x9F\xBF", 1},
              {"\xEE\x80\x80", 1}, {"a£€", 3}, {"\xF0\x90\x80\x80", 1}, {"\xF4\x8F\xBF\xBF", 1}, {"\xEF\xBF\xBF", 1}};
  for (const auto& [text, count] : good) {
    CAPTURE(text);
    CHECK(is_utf8(text));
    CHECK(code_points(text) == count);
  }
  // Continuations alone, cut short, longer than needed, surrogates, beyond U+10FFFF, bytes that never occur.
  for (const std::string_view text : {"\x80", "a\xBF", "\xC2", "\xC2" "a", "\xE2\x82", "\xE2\x82" "a", "\xF0\x90\x80", "\xC0\x80", "\xC1\xBF",
                                      "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    CAPTURE(text);
    CHECK_FALSE(is_utf8(text));
  }
}
