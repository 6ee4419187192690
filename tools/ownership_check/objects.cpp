#include "ownership_check/objects.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/types/problem.hpp"

namespace polyshop::ownership {
namespace {

Problem unreadable(const std::filesystem::path& file, std::string_view why) { return Problem::invalid("unreadable_object", fmt::format("{} {}. Build it again.", file.string(), why)); }

class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (descriptor < 0 || ::fstat(descriptor, &status) != 0 || status.st_size == 0) {
      if (descriptor >= 0) ::close(descriptor);
      throw unreadable(file, "cannot be read, or is empty");
    }
    size_ = static_cast<std::size_t>(status.st_size);
    data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    ::close(descriptor);
    if (data_ == MAP_FAILED) throw unreadable(file, "cannot be read");
  }
  ~MappedFile() { ::munmap(data_, size_); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_ = MAP_FAILED;
  std::size_t size_ = 0;
};

// A value at an offset, copied because members of an archive need not be aligned.
template <class T>
T at(std::string_view bytes, std::size_t offset) {
  if (offset > bytes.size() || sizeof(T) > bytes.size() - offset) throw std::out_of_range("ends early");
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

using Visit = std::function<void(const char* name, const Elf64_Sym& symbol)>;

void visit_symbols(std::string_view bytes, const Visit& visit) {
  const auto head = at<Elf64_Ehdr>(bytes, 0);
  if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB || head.e_type != ET_REL)
    throw std::out_of_range("is no relocatable object of 64-bit ELF");
  const auto section = [&](std::size_t i) { return at<Elf64_Shdr>(bytes, head.e_shoff + i * sizeof(Elf64_Shdr)); };
  // Objects with very many sections keep their number in the first.
  const auto count = head.e_shnum ? head.e_shnum : section(0).sh_size;
  bool found = false;
  for (std::size_t i = 0; i < count; ++i) {
    const auto table = section(i);
    if (table.sh_type != SHT_SYMTAB) continue;
    found = true;
    const auto names = section(table.sh_link);
    if (names.sh_offset > bytes.size() || names.sh_size > bytes.size() - names.sh_offset) throw std::out_of_range("ends early");
    for (std::size_t n = 1; n < table.sh_size / sizeof(Elf64_Sym); ++n) {
      const auto symbol = at<Elf64_Sym>(bytes, table.sh_offset + n * sizeof(Elf64_Sym));
      if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
      if (symbol.st_name >= names.sh_size) throw std::out_of_range("names a symbol past its end");
      visit(bytes.data() + names.sh_offset + symbol.st_name, symbol);
    }
  }
  if (!found) throw std::out_of_range("has no table of symbols");
}

// Calls back with the bytes of every object in an archive of GNU ar.
void visit_members(std::string_view bytes, const std::function<void(std::string_view)>& visit) {
  constexpr std::string_view magic = "!<arch>\n";
  constexpr std::size_t head_size = 60;
  if (!bytes.starts_with(magic)) throw std::out_of_range("is no static library");
  for (std::size_t offset = magic.size(); offset < bytes.size();) {
    if (bytes.size() - offset < head_size) throw std::out_of_range("ends early");
    const auto head = bytes.substr(offset, head_size);
    std::size_t size = 0;
    std::from_chars(head.data() + 48, head.data() + 58, size);
    offset += head_size;
    if (size > bytes.size() - offset) throw std::out_of_range("ends early");
    // "/" is the index and "//" holds long names; every other name is followed by a slash.
    if (!head.starts_with("/ ") && !head.starts_with("// ")) visit(bytes.substr(offset, size));
    offset += size + size % 2;
  }
}

template <class F>
void reading(const std::filesystem::path& file, F&& read) {
  const MappedFile mapped(file);
  try {
    read(mapped.bytes());
  } catch (const std::out_of_range& error) {
    throw unreadable(file, error.what());
  }
}

}  // namespace

ObjectSymbols read_object(const std::filesystem::path& file) {
  ObjectSymbols symbols;
  reading(file, [&](std::string_view bytes) {
    visit_symbols(bytes, [&](const char* name, const Elf64_Sym& symbol) {
      if (symbol.st_shndx == SHN_UNDEF) {
        symbols.undefined.insert(name);
        return;
      }
      symbols.defined.insert(name);
      if (ELF64_ST_BIND(symbol.st_info) == STB_GLOBAL) symbols.strong.insert(name);
    });
  });
  return symbols;
}

std::set<std::string> defined_in_archive(const std::filesystem::path& file) {
  std::set<std::string> defined;
  reading(file, [&](std::string_view bytes) {
    visit_members(bytes, [&](std::string_view member) {
      visit_symbols(member, [&](const char* name, const Elf64_Sym& symbol) {
        if (symbol.st_shndx != SHN_UNDEF) defined.insert(name);
      });
    });
  });
  return defined;
}

std::string demangled(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : symbol;
}

// Of the Itanium C++ ABI only what stands before the first template argument or parameter: prefixes of special names, the
// qualifiers of member functions, "St" for std, and names with their length.
std::vector<std::string> scope_of(std::string_view symbol) {
  if (!symbol.starts_with("_Z")) return {};
  symbol.remove_prefix(2);
  for (bool more = true; more;) {
    more = false;
    for (const std::string_view special : {"TV", "TT", "TI", "TS", "TW", "TH", "GV", "GR", "Z", "L"})
      if (symbol.starts_with(special)) {
        symbol.remove_prefix(special.size());
        more = true;
      }
    // A thunk: the offset by which it moves `this`, then the function.
    if (symbol.starts_with("Th") || symbol.starts_with("Tv") || symbol.starts_with("Tc")) {
      const auto end = symbol.find("_N");
      if (end == symbol.npos) return {};
      symbol.remove_prefix(end + 1);
      more = true;
    }
  }
  if (symbol.starts_with("N")) symbol.remove_prefix(1);
  while (!symbol.empty() && std::string_view("KVrRO").find(symbol[0]) != std::string_view::npos) symbol.remove_prefix(1);
  std::vector<std::string> scope;
  if (symbol.starts_with("St")) {
    scope.emplace_back("std");
    symbol.remove_prefix(2);
  } else if (symbol.size() > 1 && symbol[0] == 'S' && std::string_view("abisod").find(symbol[1]) != std::string_view::npos) {
    return {"std", std::string(symbol.substr(0, 2))};
  }
  while (!symbol.empty() && symbol[0] >= '0' && symbol[0] <= '9') {
    std::size_t size = 0;
    const auto* end = std::from_chars(symbol.data(), symbol.data() + symbol.size(), size).ptr;
    symbol.remove_prefix(static_cast<std::size_t>(end - symbol.data()));
    scope.emplace_back(symbol.substr(0, size));
    symbol.remove_prefix(std::min(size, symbol.size()));
  }
  if (scope.empty() && !symbol.empty()) scope.emplace_back(symbol.substr(0, 2));  // an operator: "nw", "dl"
  return scope;
}

}  // namespace polyshop::ownership
