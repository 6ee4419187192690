#include "ownership_corpus/case.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop::ownership {
namespace {

Case read_case(const std::filesystem::path& file) {
  Case result;
  result.name = file.stem().string();
  std::string* text = nullptr;
  const std::map<std::string, std::string*> keys = {{"module", &result.module}, {"expect", &result.expect}, {"at", &result.at}, {"says", &result.says}, {"about", &result.about}};
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("=== ")) {
      text = &result.added[line.substr(4)];
    } else if (line.starts_with("+++ ")) {
      text = &result.appended[line.substr(4)];
    } else if (text) {
      *text += line + '\n';
    } else {
      const auto colon = line.find(": ");
      const auto key = keys.find(line.substr(0, colon));
      if (line == "engine: postgresql") result.only_postgresql = true;
      else if (colon == line.npos || key == keys.end()) throw Problem::invalid("bad_case", fmt::format("{} has a line \"{}\" before its first file.", file.string(), line));
      else *key->second = line.substr(colon + 2);
    }
  }
  if (result.module.empty() || result.expect.empty() || result.about.empty() || (result.added.empty() && result.appended.empty()))
    throw Problem::invalid("bad_case", fmt::format("{} needs module, expect, about and a file.", file.string()));
  return result;
}

}  // namespace

std::vector<Case> read_cases(const std::filesystem::path& folder) {
  std::vector<Case> cases;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".case") cases.push_back(read_case(entry.path()));
  std::ranges::sort(cases, {}, &Case::name);
  return cases;
}

}  // namespace polyshop::ownership
