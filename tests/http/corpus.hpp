#pragma once

#include <filesystem>
#include <string>
#include <vector>

// Requests as data: what must be refused, with which status and code, and what looks like it and must be taken.
//
//   # A comment, on lines of its own. Empty lines mean nothing.
//   === a name, unique within its file
//   expect: 400 malformed_host        (or: expect: ok)
//   GET / HTTP/1.1\r\n
//   Host: {a*300}\r\n\r\n
//
// The request is the lines below, joined without their line ends. Only escapes make bytes that are not there as text:
// \r \n \t \\ \{ \xNN; {text*n} is the text n times, escapes included. A line must not end in a blank (write \x20).
// A refused case holds one request. One that is taken may hold several, all complete, as a pipelining client sends them.
namespace polyshop::tests {

struct WireCase {
  std::string file;
  int line;           // of its name
  std::string name;
  std::string bytes;
  int status;         // 0: must be accepted
  std::string code;
};

// The cases of every .txt file of the folder, in the order of file names and lines. Throws std::runtime_error with file
// and line where a file is not as said above.
std::vector<WireCase> load_corpus(const std::filesystem::path& folder);

}  // namespace polyshop::tests
