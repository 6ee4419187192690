#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "ownership_check/check.hpp"
#include "tree.hpp"

// Whether the checker looked at everything there is, counted in other ways than its own.
namespace polyshop::ownership {
namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, decltype(&pclose)> pipe(popen(command.c_str(), "r"), &pclose);
  std::string text;
  std::array<char, 65536> buffer;
  for (std::size_t size; (size = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;) text.append(buffer.data(), size);
  return text;
}

std::int64_t lines_in(const std::string& text) { return std::ranges::count(text, '\n'); }

}  // namespace

TEST_CASE("the checker counts what others count") {
  Checker checker(tree());
  std::set<CompiledStatement> statements;
  std::int64_t of_statements = 0;
  std::int64_t migrations = checker.check_bus().counts.migrations;
  for (const auto& [name, module] : tree().modules) {
    CAPTURE(name);
    const auto report = checker.check(module);
    CHECK(report.findings.empty());

    // Translation units by the files that there are, and what they read by Ninja's own words.
    const auto folder = tree().root / "src/modules" / name;
    const auto sources = std::count_if(std::filesystem::directory_iterator(folder), {}, [](const auto& entry) { return entry.path().extension() == ".cpp"; });
    CHECK(report.counts.translation_units == sources);
    std::string objects;
    for (const auto& object : module.objects) objects += " " + object.lexically_relative(tree().build).string();
    const auto read = output_of(fmt::format("cd {} && ninja -t deps{} | grep -c '^    '", tree().build.string(), objects));
    CHECK(report.counts.dependencies == std::stoll(read));

    // Symbols by the linker's own tool.
    const auto symbols = output_of(fmt::format("cd {} && nm -g --format=posix{} | awk 'NF > 1 {{ print $1 }}' | sort -u", tree().build.string(), objects));
    CHECK(report.counts.symbols == lines_in(symbols));

    ModuleReport ignored;
    for (auto& statement : statements_in(module, symbols_of(tree(), module, checker.units_of(module), ignored), ignored)) statements.insert(statement);
    of_statements += report.counts.statements;
    migrations += report.counts.migrations;
  }

  // Migrations by the files that there are.
  CHECK(migrations == std::count_if(std::filesystem::recursive_directory_iterator(tree().root / "schemas"), {}, [](const auto& entry) { return entry.is_regular_file(); }));

  // Statements by what the modules register when they are linked into a program, as they are into this one.
  std::set<CompiledStatement> registered;
  for (const auto* statement = db::all_statements(); statement; statement = statement->next)
    if (statement->file.starts_with("src/modules/")) registered.insert({std::string(statement->text), std::string(statement->file), statement->line, statement->dialect});
  CHECK(registered.size() > 200);
  CHECK(statements == registered);
  CHECK(of_statements == static_cast<std::int64_t>(registered.size()));
}

}  // namespace polyshop::ownership
