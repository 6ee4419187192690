#include <algorithm>

#include <fmt/format.h>

#include "ownership_check/layers.hpp"

namespace polyshop::ownership {
namespace {

// "src/modules/order/api/order/facade.hpp": {"order", true}; nothing where it is no module's.
struct ModuleFile {
  std::string module;
  bool is_api = false;
};
std::optional<ModuleFile> module_file(std::string_view place) {
  constexpr std::string_view folder = "src/modules/";
  if (!place.starts_with(folder)) return {};
  place.remove_prefix(folder.size());
  const auto end = place.find('/');
  if (end == place.npos) return {};
  return ModuleFile{std::string(place.substr(0, end)), place.substr(end).starts_with("/api/")};
}

// The library that a system header belongs to: its topmost folder, in Boost the one below it; or the header itself.
std::string library_of(std::string_view header) {
  for (const std::string_view base : {"/usr/include/x86_64-linux-gnu/", "/usr/include/aarch64-linux-gnu/", "/usr/local/include/", "/usr/include/"}) {
    if (!header.starts_with(base)) continue;
    auto rest = header.substr(base.size());
    const auto first = rest.find('/');
    if (!rest.starts_with("boost/")) return std::string(rest.substr(0, first));
    rest.remove_prefix(6);
    return "boost/" + std::string(rest.substr(0, std::min(rest.find('/'), rest.find(".hpp"))));
  }
  return std::string(header);
}

// Headers of the compiler, the C++ standard library and the C library, which belong to nobody. What they can do is a matter of
// the symbols that come of it.
bool is_of_the_language(std::string_view header) {
  static const std::set<std::string, std::less<>> standard_c = {"assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits", "locale", "math", "setjmp", "signal", "stdalign", "stdarg", "stdatomic", "stdbool",
                                                                "stddef", "stdint", "stdio", "stdlib", "stdnoreturn", "string", "tgmath", "threads", "time", "uchar", "wchar", "wctype", "features", "stdc-predef", "libintl", "unistd", "fcntl"};
  if (header.starts_with("/usr/lib/gcc/") || header.starts_with("/usr/include/c++/") || header.starts_with("/usr/lib/llvm")) return true;
  const auto library = library_of(header);
  if (library == "c++" || library == "bits" || library == "asm" || library == "sys" || library == "gnu" || library == "asm-generic" || library == "linux") return true;
  return library.ends_with(".h") && standard_c.contains(library.substr(0, library.size() - 2));
}

// The libraries that the precompiled header includes are everybody's.
std::set<std::string> common_libraries(const DependencyLog& log) {
  std::set<std::string> libraries;
  for (const auto& [object, record] : log.records())
    if (object.find("polyshop_pch.dir/") != std::string::npos)
      for (const auto& file : record.files) libraries.insert(library_of(file));
  return libraries;
}

// Where the kernel includes a header: the library's home.
std::string home_of(std::string_view library, const Tree& tree, const DependencyLog& log) {
  std::set<std::string> homes;
  for (const auto& [object, record] : log.records()) {
    if (object.find("polyshop_kernel.dir/") == std::string::npos || record.files.empty()) continue;
    if (std::ranges::any_of(record.files, [&](const auto& file) { return library_of(file) == library; })) homes.insert(fs::path(tree.place_of(record.files.front())).parent_path().string());
  }
  return homes.size() == 1 ? *homes.begin() : homes.empty() ? "" : "src/kernel";
}

struct IncludeLine {
  std::string place;
  int line = 0;
};
// The line of the module's own files that names the header; the unit itself where none does, as with a computed include.
IncludeLine where_included(const Tree& tree, const Module& module, const std::vector<std::string>& unit, const std::string& header) {
  const auto name = fs::path(header).filename().string();
  for (const auto& place : unit) {
    const auto of = module_file(place);
    if (!of || of->module != module.name) continue;
    const auto text = tree.text_at(place);
    std::size_t number = 0;
    for (std::size_t start = 0; start < text.size();) {
      ++number;
      const auto end = std::min(text.find('\n', start), text.size());
      const std::string_view line(text.data() + start, end - start);
      const auto hash = line.find_first_not_of(" \t");
      if (hash != line.npos && line[hash] == '#' && line.find("include") != line.npos && (line.find("/" + name) != line.npos || line.find("\"" + name) != line.npos || line.find("<" + name) != line.npos))
        return {place, static_cast<int>(number)};
      start = end + 1;
    }
  }
  return {unit.empty() ? "" : unit.front(), 0};
}

}  // namespace

void check_includes(const Tree& tree, const Module& module, const std::vector<Unit>& units, const DependencyLog& log, ModuleReport& report) {
  const auto common = common_libraries(log);
  const auto add = [&](std::string code, const IncludeLine& where, std::string what, std::string subject, std::string owner, std::string advice) {
    report.findings.push_back({std::move(code), Layer::includes, "", module.name, where.place, where.line, std::move(what), std::move(subject), std::move(owner), "", std::move(advice)});
  };
  if (common.empty())
    add("OWN-INC-9", {"src/kernel/precompiled.hpp", 0}, "the precompiled header has no record of what the compiler read for it", "precompiled.hpp", "", "build it with Ninja and g++, which leave such a record");
  for (const auto& unit : units) {
    if (unit.dependencies.empty()) {
      add("OWN-INC-9", {tree.place_of(unit.object), 0}, "there is no up-to-date record of what the compiler read for this object", unit.object.filename().string(), "", "build it with Ninja and g++, which leave such a record");
      continue;
    }
    std::vector<std::string> places;
    for (const auto& file : unit.dependencies) places.push_back(tree.place_of(file));
    report.counts.translation_units += 1;
    report.counts.dependencies += static_cast<std::int64_t>(places.size());
    for (const auto& place : places) {
      if (place.starts_with("src/kernel/") || place.starts_with("src/bus/")) continue;
      const auto where = [&] { return where_included(tree, module, places, place); };
      if (const auto of = module_file(place)) {
        if (of->module == module.name) continue;
        if (!of->is_api)
          add("OWN-INC-1", where(), fmt::format("{} includes {}", module.name, place), place, of->module, fmt::format("only src/modules/{}/api is for others", of->module));
        else if (!module.uses.contains(of->module))
          add("OWN-INC-2", where(), fmt::format("{} includes {} and does not use {}", module.name, place, of->module), place, of->module,
              tree.reaches(of->module, module.name) ? fmt::format("{} uses {} already, so this would be a cycle", of->module, module.name)
                                                    : fmt::format("add {} to the USES of {} in src/modules/CMakeLists.txt", of->module, module.name));
        continue;
      }
      if (place.starts_with('/')) {
        if (is_of_the_language(place) || common.contains(library_of(place))) continue;
        const auto library = library_of(place);
        const auto home = home_of(library, tree, log);
        add("OWN-INC-3", where(), fmt::format("{} includes {} of the library {}", module.name, place, library), place, home,
            home.empty() ? "a library has one home in src/kernel, see docs/dependencies.md" : fmt::format("use what {} offers in its place", home));
        continue;
      }
      // The precompiled header is compiled from a file that CMake writes.
      if (place.find("polyshop_pch.dir/cmake_pch.hxx") != place.npos) continue;
      add("OWN-INC-4", where(), fmt::format("{} includes {}", module.name, place), place, "", "a module includes src/kernel, src/bus, its own folder and the api of the modules it uses");
    }
  }
}

}  // namespace polyshop::ownership
