#include "ownership_check/tree.hpp"

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop::ownership {
namespace {

std::string text_of_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// `file` relative to a folder it lies in.
std::optional<std::string> below(const fs::path& folder, const fs::path& file) {
  if (folder.empty()) return {};
  const auto relative = file.lexically_relative(folder);
  if (relative.empty() || *relative.begin() == ".." || relative == ".") return {};
  return relative.string();
}

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

}  // namespace

Tree::Tree(const fs::path& description) {
  std::ifstream in(description);
  if (!in) throw Problem::invalid("no_tree", fmt::format("{} cannot be read. Configure the build with CMake, or name the right build folder.", description.string()));
  build = description.parent_path().parent_path();
  Module* module = nullptr;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key, value;
    words >> key;
    std::getline(words >> std::ws, value);
    if (key == "root") {
      root = value;
    } else if (key == "floor") {
      floors.emplace_back(value);
    } else if (key == "module") {
      module = &modules[value];
      module->name = value;
    } else if (key == "uses" && module) {
      std::istringstream names(value);
      for (std::string name; names >> name;) module->uses.insert(name);
    } else if (key == "object" && module) {
      module->objects.push_back(fs::path(value).lexically_normal());
    } else if (!key.empty()) {
      throw Problem::invalid("no_tree", fmt::format("{} has a line that starts with \"{}\", which this program does not know. Configure the build again.", description.string(), key));
    }
  }
  if (root.empty() || modules.empty()) throw Problem::invalid("no_tree", fmt::format("{} names no root or no module. Configure the build again.", description.string()));
}

const Module& Tree::module(std::string_view name) const {
  const auto found = modules.find(std::string(name));
  if (found == modules.end()) throw Problem::invalid("unknown_module", fmt::format("There is no module {}. Declare it in src/modules/CMakeLists.txt.", name));
  return found->second;
}

bool Tree::reaches(const std::string& module, const std::string& other) const {
  const auto found = modules.find(module);
  if (found == modules.end()) return false;
  return found->second.uses.contains(other) || std::ranges::any_of(found->second.uses, [&](const auto& used) { return reaches(used, other); });
}

std::string Tree::place_of(const fs::path& file) const {
  const auto whole = (file.is_absolute() ? file : build / file).lexically_normal();
  if (const auto place = below(overlay, whole)) return *place;
  if (const auto place = below(root, whole)) return *place;
  return whole.string();
}

fs::path Tree::file_at(std::string_view place) const {
  if (!overlay.empty())
    if (const auto changed = overlay / place; fs::exists(changed)) return changed;
  return root / place;
}

std::string Tree::text_at(std::string_view place) const { return text_of_file(file_at(place)); }

std::vector<std::string> Tree::places_below(std::string_view folder, std::string_view ending) const {
  std::set<std::string> places;
  for (const auto& base : {root, overlay}) {
    std::error_code none;
    if (base.empty() || !fs::is_directory(base / folder, none)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(base / folder))
      if (entry.is_regular_file() && entry.path().filename().string().ends_with(ending)) places.insert(entry.path().lexically_relative(base).string());
  }
  return {places.begin(), places.end()};
}

Api Tree::api_of(const std::string& module) const {
  // An operation is a member of the record Facade, an event a struct with a wire name; both are declared on one line.
  static const std::regex operation(R"(^\s*(Query|Command)<.*>\s+(\w+);)");
  static const std::regex type(R"(^struct\s+(\w+)\s*\{)");
  Api api;
  for (const auto& place : places_below("src/modules/" + module + "/api", ".hpp")) {
    std::istringstream lines(text_at(place));
    std::string inside;
    for (std::string line; std::getline(lines, line);) {
      std::smatch match;
      if (std::regex_search(line, match, type)) inside = match[1];
      if (inside == "Facade" && std::regex_search(line, match, operation)) api.operations.push_back({match[2], match[1] == "Command"});
      if (line.find("std::string_view event_name =") != std::string::npos) api.events.push_back(inside);
    }
  }
  return api;
}

int line_of_word(std::string_view text, std::string_view word) {
  int number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto start = line.find_first_not_of(" \t");
    if (start == line.npos || line.substr(start).starts_with("//") || line.substr(start).starts_with("--")) continue;
    for (auto at = line.find(word); at != line.npos; at = line.find(word, at + 1))
      if ((at == 0 || !is_word(line[at - 1])) && (at + word.size() == line.size() || !is_word(line[at + word.size()]))) return number;
  }
  return 0;
}

}  // namespace polyshop::ownership
