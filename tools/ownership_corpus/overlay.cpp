#include "ownership_corpus/overlay.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"
#include "live/process.hpp"
#include "ownership_corpus/compile_command.hpp"

namespace polyshop::ownership {
namespace {

void write_text(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out << text;
  if (!out.flush()) throw Problem::unavailable("not_written", fmt::format("{} cannot be written.", file.string()));
}

// Links to everything in a folder that the overlay does not have, and into those that it has.
void link_the_rest(const fs::path& real, const fs::path& laid_over) {
  for (const auto& entry : fs::directory_iterator(real)) {
    const auto here = laid_over / entry.path().filename();
    if (!fs::exists(fs::symlink_status(here))) fs::create_symlink(entry.path(), here);
    else if (entry.is_directory()) link_the_rest(entry.path(), here);
  }
}

}  // namespace

Overlay::Overlay(const Tree& tree, const Case& of, const fs::path& folder) : tree_(tree), case_(of) {
  tree_.overlay = folder;
  for (const auto& [place, text] : of.added) write_text(folder / place, text);
  for (const auto& [place, text] : of.appended) write_text(folder / place, tree.text_at(place) + text);
  fs::create_directories(folder / "src/modules" / of.module);
  link_the_rest(tree.root / "src", folder / "src");
}

std::string Overlay::compile() {
  const auto& folder = tree_.overlay;
  auto command = compile_commands_of(tree_, case_.module).front().arguments;
  std::erase_if(command, [](const auto& word) { return word.starts_with("-fmacro-prefix-map="); });
  // Before the folders of the tree come those that are laid over them.
  command.insert(std::ranges::find_if(command, [](const auto& word) { return word.starts_with("-I"); }), {"-I" + (folder / "src/modules" / case_.module).string(), "-I" + (folder / "src").string(), "-I" + (folder / "src/modules" / case_.module / "api").string()});
  command.push_back("-fmacro-prefix-map=" + folder.string() + "/=");
  std::vector<std::string> sources;
  for (const auto* files : {&case_.added, &case_.appended})
    for (const auto& [place, _] : *files)
      if (place.ends_with(".cpp")) sources.push_back(place);
  for (const auto& place : sources) {
    const auto object = folder / (fs::path(place).stem().string() + ".o");
    const auto depfile = fs::path(object).replace_extension(".d");
    auto arguments = command;
    for (const auto& word : {std::string("-MD"), std::string("-MF"), depfile.string(), std::string("-o"), object.string(), std::string("-c"), (folder / place).string()}) arguments.push_back(word);
    const auto compiled = live::run(arguments, {});
    if (compiled.status != 0) return compiled.output;
    units_.push_back({object, read_depfile(depfile)});
  }
  return {};
}

std::vector<Unit> Overlay::units(const Checker& checker) const {
  auto all = checker.units_of(tree_.module(case_.module));
  for (const auto& unit : units_) {
    const auto place = tree_.place_of(unit.dependencies.front());
    std::erase_if(all, [&](const auto& other) { return !other.dependencies.empty() && tree_.place_of(other.dependencies.front()) == place; });
    all.push_back(unit);
  }
  return all;
}

}  // namespace polyshop::ownership
