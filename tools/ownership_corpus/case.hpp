#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace polyshop::ownership {

// A small change to a real module, and what the checker has to say of it. A file of the corpus:
//
//   module: order
//   expect: OWN-SQL-1                      what must be found; `nothing` in a look-alike, `compiler` where it must not even compile
//   at: src/modules/order/leak.cpp:5       where; without a line, anywhere in the file
//   says: which inventory owns             a part of the message
//   about: another module's table, by a join
//   === src/modules/order/leak.cpp         a file that is added; +++ for lines that are added to the end of one
//   ...
//
// `engine: postgresql` stands in one that only PostgreSQL can tell.
struct Case {
  std::string name;
  std::string module;
  std::string expect;
  std::string at;
  std::string says;
  std::string about;
  bool only_postgresql = false;
  std::map<std::string, std::string> added;     // text by place
  std::map<std::string, std::string> appended;
  bool is_legal() const { return expect == "nothing"; }
};

// Those in a folder, by name. Throws Problem `bad_case` where a file is not written so.
std::vector<Case> read_cases(const std::filesystem::path& folder);

}  // namespace polyshop::ownership
