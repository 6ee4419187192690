#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "ownership_check/advice.hpp"
#include "ownership_check/layers.hpp"

namespace polyshop::ownership {
namespace {

using Names = std::set<std::string, std::less<>>;

// Functions of the C library that reach neither a file, a process, a socket nor another library: all that a module may call.
// Whatever is not named here is a finding.
const Names harmless_c = {
    "memchr", "memcmp", "memcpy", "memmove", "memset", "bcmp", "memrchr", "strlen", "strnlen", "strcmp", "strncmp", "strcpy", "strncpy", "strcat", "strchr", "strrchr", "strstr", "strspn", "strcspn", "strpbrk", "strcoll", "strxfrm",
    "strerror", "strerror_r", "strtol", "strtoll", "strtoul", "strtoull", "strtof", "strtod", "strtold", "atoi", "atol", "atoll", "snprintf", "vsnprintf", "qsort", "bsearch",
    "isalnum", "isalpha", "isblank", "iscntrl", "isdigit", "isgraph", "islower", "isprint", "ispunct", "isspace", "isupper", "isxdigit", "tolower", "toupper", "__ctype_b_loc", "__ctype_tolower_loc", "__ctype_toupper_loc",
    "wcslen", "wmemchr", "wmemcmp", "wmemcpy", "wmemmove", "wmemset", "btowc", "wctob",
    "ceil", "floor", "round", "trunc", "lround", "llround", "lrint", "llrint", "rint", "nearbyint", "fabs", "fmod", "remainder", "pow", "sqrt", "cbrt", "exp", "exp2", "log", "log2", "log10", "ceilf", "floorf", "roundf", "sqrtf", "powf", "ceill", "floorl", "ldexp", "frexp", "modf", "scalbn",
    "malloc", "calloc", "realloc", "free", "aligned_alloc", "abort", "abs", "labs", "llabs", "time", "clock_gettime", "difftime", "gmtime_r", "nanosleep", "sched_yield",
    "__assert_fail", "__errno_location", "__libc_single_threaded", "__dso_handle", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail", "__tls_get_addr", "_Unwind_Resume", "__gxx_personality_v0",
    "__once_proxy", "__dynamic_cast", "__popcountdi2", "__udivti3", "__umodti3", "__divti3", "__modti3", "__multi3", "__mulodi4"};
constexpr std::array<std::string_view, 9> harmless_prefixes = {"__cxa_", "pthread_mutex_", "pthread_cond_", "pthread_once", "__asan_", "__ubsan_", "__tsan_", "__sanitizer_", "_Unwind_"};

// Parts of the C++ standard library that open files or libraries.
const Names files_of_std = {"basic_filebuf", "basic_ifstream", "basic_ofstream", "basic_fstream", "__basic_file"};

// Functions of the kernel that open databases or run SQL that is no literal: the bus calls them for a module.
const std::set<std::vector<std::string>> kernel_only = {
    {"polyshop", "db", "open_session"}, {"polyshop", "db", "open_sqlite"}, {"polyshop", "db", "open_postgresql"}, {"polyshop", "db", "schema_files"}, {"polyshop", "db", "all_statements"}, {"polyshop", "Database", "C1"}, {"polyshop", "Database", "C2"},
    {"polyshop", "Database", "migrate"}, {"polyshop", "Database", "plan"}, {"polyshop", "Database", "session_options"}};

bool is_harmless_c(std::string_view symbol) {
  if (symbol.starts_with("__") && symbol.ends_with("_chk")) symbol = symbol.substr(2, symbol.size() - 6);
  return harmless_c.contains(symbol) || std::ranges::any_of(harmless_prefixes, [&](auto prefix) { return symbol.starts_with(prefix); });
}

// Of the libraries that everybody may include, and of the language.
bool is_common_library(const std::vector<std::string>& scope) {
  const auto& first = scope.front();
  const auto second = scope.size() > 1 ? std::string_view(scope[1]) : std::string_view();
  if (first == "std") return second != "filesystem" ? !files_of_std.contains(second) : std::ranges::find(scope, "path") != scope.end();
  if (first == "boost") return second == "json" || second == "container" || second == "system" || second == "describe" || second == "mp11" || second == "core" || second == "throw_exception" || second == "source_location";
  if (first == "fmt") return std::ranges::none_of(scope, [](const auto& name) { return name == "file" || name == "buffered_file" || name == "ostream" || name == "pipe"; });
  // Operators new and delete in their forms, and what is known of built-in types.
  if (first.size() <= 2 && first[0] >= 'a' && first[0] <= 'z') return true;
  return first == "__gnu_cxx" || first == "__cxxabiv1";
}

std::string_view database_library(const std::string& symbol, const std::vector<std::string>& scope) {
  if (!scope.empty()) return scope.front() == "soci" ? "SOCI" : "";
  if (symbol.starts_with("sqlite3")) return "SQLite";
  if (symbol.starts_with("PQ") || symbol.starts_with("lo_")) return "libpq";
  return symbol.find("soci") != symbol.npos || symbol.starts_with("register_factory_") ? "SOCI" : "";
}

// The identifiers, and for constructors what the ABI calls them.
std::vector<std::string> member_scope(const std::string& symbol, std::vector<std::string> scope) {
  if (scope.size() == 2 && symbol.find(std::to_string(scope[1].size()) + scope[1] + "C1E") != symbol.npos) scope.emplace_back("C1");
  if (scope.size() == 2 && symbol.find(std::to_string(scope[1].size()) + scope[1] + "C2E") != symbol.npos) scope.emplace_back("C2");
  return scope;
}

// The module that a name of C++ mentions, as its place or in its types: nobody but that one could define it.
std::string mentioned_module(const Tree& tree, const Module& module, const std::string& name) {
  for (const auto& [other, _] : tree.modules)
    if (other != module.name && name.find("polyshop::" + other + "::") != name.npos) return other;
  return {};
}

}  // namespace

ModuleSymbols symbols_of(const Tree& tree, const Module& module, const std::vector<Unit>& units, ModuleReport& report) {
  ModuleSymbols all;
  std::set<std::string> names;
  for (const auto& unit : units) {
    try {
      auto object = read_object(unit.object);
      for (const auto& symbol : object.undefined) all.undefined.emplace(symbol, unit.object);
      for (const auto& symbol : object.strong) all.strong.emplace(symbol, unit.object);
      names.insert(object.undefined.begin(), object.undefined.end());
      names.insert(object.defined.begin(), object.defined.end());
      all.defined.merge(object.defined);
    } catch (const Problem& problem) {
      report.findings.push_back({"OWN-SYM-9", Layer::symbols, "", module.name, tree.place_of(unit.object), 0, problem.detail, unit.object.filename().string(), "", "", ""});
    }
  }
  report.counts.symbols += static_cast<std::int64_t>(names.size());
  return all;
}

void check_symbols(const Tree& tree, const Module& module, const std::vector<Unit>& units, const ModuleSymbols& symbols, const std::set<std::string>& floor, ModuleReport& report) {
  const auto source_of = [&](const fs::path& object) {
    const auto unit = std::ranges::find(units, object, &Unit::object);
    return unit == units.end() || unit->dependencies.empty() ? tree.place_of(object) : tree.place_of(unit->dependencies.front());
  };
  const auto add = [&](std::string code, const fs::path& object, const std::string& symbol, std::string what, std::string owner, std::string advice) {
    const auto scope = scope_of(symbol);
    const auto source = source_of(object);
    report.findings.push_back({std::move(code), Layer::symbols, "", module.name, source, line_of_word(tree.text_at(source), scope.empty() ? symbol : scope.back()), std::move(what), demangled(symbol), std::move(owner), "", std::move(advice)});
  };

  for (const auto& [symbol, object] : symbols.undefined) {
    if (symbols.defined.contains(symbol)) continue;
    const auto scope = scope_of(symbol);
    const auto name = demangled(symbol);
    const auto needs = fmt::format("{} needs {}", module.name, name);
    if (const auto library = database_library(symbol, scope); !library.empty()) {
      add("OWN-SYM-2", object, symbol, fmt::format("{} of {}", needs, library), "", "a module's only way to a database is the Database of its own Node");
    } else if (scope.empty()) {
      if (!is_harmless_c(symbol))
        add("OWN-SYM-3", object, symbol, fmt::format("{}, which could reach beyond the module's own database", needs), "", "let the kernel offer what the module needs; files, processes, sockets and libraries are opened there");
    } else if (const auto other = mentioned_module(tree, module, name); !other.empty()) {
      add("OWN-SYM-1", object, symbol, needs, other, advice_for(tree, module.name, other, false));
    } else if (scope.front() == "polyshop") {
      if (!floor.contains(symbol))
        add("OWN-SYM-5", object, symbol, fmt::format("{}, which neither it nor the kernel nor the bus defines", needs), "", "define it in the module, or in the kernel where it knows no business");
      else if (kernel_only.contains(member_scope(symbol, scope)))
        add("OWN-SYM-4", object, symbol, fmt::format("{}, which opens databases", needs), "kernel", "read and write through the Database of the module's own Node");
    } else if (!is_common_library(scope)) {
      add("OWN-SYM-3", object, symbol, fmt::format("{}, which could reach beyond the module's own database", needs), "", "let the kernel offer what the module needs; files, processes, sockets and libraries are opened there");
    }
  }

  // What a module defines for others to link stands in its own namespace, or is about a type that does; else another module could
  // be given what it asked for under a name that is nobody's.
  for (const auto& [symbol, object] : symbols.strong) {
    const auto scope = scope_of(symbol);
    const auto name = demangled(symbol);
    const bool is_of_the_floor = scope.size() > 1 && scope[0] == "polyshop" && !tree.modules.contains(scope[1]);
    if (scope.size() > 1 && scope[0] == "polyshop" && scope[1] == module.name) continue;
    if (is_of_the_floor && name.find("polyshop::" + module.name + "::") != name.npos && mentioned_module(tree, module, name).empty()) continue;
    const auto other = scope.size() > 1 && scope[0] == "polyshop" && tree.modules.contains(scope[1]) ? scope[1] : std::string();
    add("OWN-SYM-6", object, symbol, fmt::format("{} defines {} outside of its namespace", module.name, name), other, fmt::format("put it into namespace polyshop::{}, or into an unnamed one", module.name));
  }
}

}  // namespace polyshop::ownership
