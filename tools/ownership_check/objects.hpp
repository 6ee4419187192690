#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace polyshop::ownership {

// The names that a compiled source shares with others. Names as the linker sees them.
struct ObjectSymbols {
  std::set<std::string> undefined;  // needed from elsewhere, and perhaps found there by nobody
  std::set<std::string> defined;    // weak ones and those of templates included
  std::set<std::string> strong;     // those of `defined` that no second object may define
};

// Reads a relocatable 64-bit ELF object. Throws Problem `unreadable_object` where it is none.
ObjectSymbols read_object(const std::filesystem::path& file);
// What the members of a static library define. Throws Problem `unreadable_object`.
std::set<std::string> defined_in_archive(const std::filesystem::path& file);

// The name for people, or the same where it is not one of C++.
std::string demangled(const std::string& symbol);
// The first identifiers of the entity that a C++ name belongs to, without its template arguments: {"polyshop", "order",
// "store"}. Empty where it is not a name of C++.
std::vector<std::string> scope_of(std::string_view symbol);

}  // namespace polyshop::ownership
