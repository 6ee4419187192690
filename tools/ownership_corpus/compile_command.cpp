#include "ownership_corpus/compile_command.hpp"

#include <fstream>
#include <sstream>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop::ownership {

std::vector<CompileCommand> compile_commands_of(const Tree& tree, const std::string& module) {
  const auto file = tree.build / "compile_commands.json";
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  boost::system::error_code error;
  const auto all = boost::json::parse(text, error);
  const auto folder = fmt::format("{}/src/modules/{}/", tree.root.string(), module);
  std::vector<CompileCommand> commands;
  if (!error && all.is_array())
    for (const auto& one : all.as_array()) {
      const std::string source(one.at("file").as_string());
      if (!source.starts_with(folder)) continue;
      auto& command = commands.emplace_back(CompileCommand{source, {}});
      std::istringstream words{std::string(one.at("command").as_string())};
      for (std::string word; words >> word;) {
        if (word == "-o" || word == "-c") words >> word;
        else command.arguments.push_back(word);
      }
    }
  if (commands.empty()) throw Problem::invalid("no_command", fmt::format("{} does not say how {} is compiled. Configure the build again.", file.string(), module));
  return commands;
}

}  // namespace polyshop::ownership
