#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "kernel/config/config.hpp"

namespace polyshop {

// What every command is given: where the data lies and which settings hold.
struct CommandLine {
  std::optional<std::filesystem::path> config_file;
  std::filesystem::path data = "data";
  Config::Values settings;  // from options such as --listen
  bool allow_failpoints = false;  // an option only, so that no file and no environment can break a shop

  Config config() const;
};

// Everything staff can be allowed: what the role owner has.
const std::vector<std::string>& all_permissions();

// Each adds its subcommands to the program; they run as callbacks and throw Problems.
void add_serve(CLI::App& program, CommandLine& line);      // serve, migrate
void add_user(CLI::App& program, CommandLine& line);       // user create
void add_saga(CLI::App& program, CommandLine& line);       // saga list|show|retry|skip|compensate|cancel
void add_backup(CLI::App& program, CommandLine& line);     // backup, restore
void add_import(CLI::App& program, CommandLine& line);     // import products|stock|customers
void add_demo(CLI::App& program, CommandLine& line);       // demo
void add_provision(CLI::App& program, CommandLine& line);  // provision
void add_modules(CLI::App& program, CommandLine& line);    // modules
void add_events(CLI::App& program, CommandLine& line);     // events ...
void add_describe(CLI::App& program, CommandLine& line);   // routes, openapi, config, audit

}  // namespace polyshop
