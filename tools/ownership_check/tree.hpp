#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace polyshop::ownership {

namespace fs = std::filesystem;

// A compiled source of a module.
struct Unit {
  fs::path object;
  std::vector<fs::path> dependencies;  // what the compiler read for it, the source first; empty where nothing says so
};

struct Module {
  std::string name;
  std::set<std::string> uses;
  std::vector<fs::path> objects;
};

// What others may know of a module: read from the headers in its api/ folder.
struct Api {
  struct Operation {
    std::string name;
    bool is_command = false;
  };
  std::vector<Operation> operations;
  std::vector<std::string> events;  // the types: AvailabilityChanged
};

// The source tree as a build has configured it.
class Tree {
 public:
  // `description` is what CMake wrote about the modules: build/<preset>/ownership/tree.txt. Throws Problem `no_tree`.
  explicit Tree(const fs::path& description);

  fs::path root;
  fs::path build;
  // A folder that holds changed and added files of the root at their places, or empty: how the corpus changes a module.
  fs::path overlay;
  std::map<std::string, Module> modules;
  std::vector<fs::path> floors;  // the static libraries that modules stand on: kernel and bus

  const Module& module(std::string_view name) const;  // Problem `unknown_module`
  // Whether a module uses another, itself or through others.
  bool reaches(const std::string& module, const std::string& other) const;

  // Relative to the root, without "..", where the file lies below the root or the overlay; else as it is.
  std::string place_of(const fs::path& file) const;
  // Where the file of that place is to be read.
  fs::path file_at(std::string_view place) const;
  // The text of the file at that place, or an empty one where there is none.
  std::string text_at(std::string_view place) const;
  // The places below a folder whose name ends so, sorted.
  std::vector<std::string> places_below(std::string_view folder, std::string_view ending) const;

  Api api_of(const std::string& module) const;
};

// The line, from 1, of the first place in a text where a word stands by itself, outside of comments at the start of a line; 0
// where there is none.
int line_of_word(std::string_view text, std::string_view word);

}  // namespace polyshop::ownership
