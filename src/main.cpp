#include <fmt/format.h>

#include "kernel/observe/log.hpp"
#include "kernel/types/problem.hpp"
#include "program/commands.hpp"

// PolyShop on the command line. The modules are listed in program/app.hpp.
int main(int argc, char** argv) {
  using namespace polyshop;
  CLI::App program("PolyShop: a whole shop in one program.", "polyshop");
  program.set_version_flag("--version", POLYSHOP_VERSION);
  program.require_subcommand(1);
  program.fallthrough();
  CommandLine line;
  program.add_option("--config", line.config_file, "The configuration, a TOML file.")->envname("POLYSHOP_CONFIG");
  program.add_option("--data", line.data, "The data folder; made where it is missing.")->envname("POLYSHOP_DATA")->capture_default_str();
  add_serve(program, line);
  add_demo(program, line);
  add_import(program, line);
  add_user(program, line);
  add_saga(program, line);
  add_provision(program, line);
  add_modules(program, line);
  add_events(program, line);
  add_backup(program, line);
  add_describe(program, line);
  log::configure(log::Format::automatic, log::Level::warning);
  try {
    program.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    const int code = program.exit(error);
    return code == 0 ? 0 : 2;
  } catch (const Problem& problem) {
    log::flush();
    fmt::print(stderr, "polyshop: {}\n", problem.detail);
    for (const auto& error : problem.errors)
      if (error.detail != problem.detail) fmt::print(stderr, "  {}: {}\n", error.pointer, error.detail);
    return 1;
  } catch (const std::exception& error) {
    log::flush();
    fmt::print(stderr, "polyshop: {}\n", log::redacted(error.what()));
    return 1;
  }
}
