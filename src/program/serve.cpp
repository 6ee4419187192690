#include <csignal>
#include <iostream>

#include <fmt/format.h>

#include "kernel/observe/log.hpp"
#include "program/commands.hpp"
#include "program/shop.hpp"

namespace polyshop {
namespace {

// SIGTERM and SIGINT are blocked in every thread and waited for here; the second one ends the process at once.
sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

void serve(const CommandLine& line) {
  const auto signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  auto config = line.config();
  App app(config, line.data);
  app.configure_log();
  app.arm_failpoints(line.allow_failpoints);
  const auto lock = FolderLock::take(line.data);
  if (!lock) throw Problem(409, "data_folder_in_use", fmt::format("Another process serves the data folder {}. Stop it, or give this one a folder of its own with --data.", line.data.string()));
  // A database that is away at the start may be waited for a long time; a signal then has to end the process.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  migrate_patiently(app);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  app.open();
  app.start();
  app.serve();
  log::info("serving", {{"port", app.port()}, {"data", line.data.string()}, {"engine", json::enum_name(app.engine())}});
  int signal = 0;
  sigwait(&signals, &signal);
  log::info("stopping; a second signal stops at once", {});
  std::signal(SIGTERM, [](int) { std::_Exit(1); });
  std::signal(SIGINT, [](int) { std::_Exit(1); });
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  app.stop();
  log::info("stopped", {});
  log::flush();
}

void migrate(const CommandLine& line, bool plan, bool check) {
  auto config = line.config();
  App app(config, line.data);
  if (plan || check) {
    const auto pending = app.plan();
    for (const auto& migration : pending) fmt::print("{} {:04} {}\n", migration.owner, migration.number, migration.name);
    if (pending.empty()) fmt::print("Nothing to apply.\n");
    if (check && !pending.empty()) throw Problem(409, "migrations_pending", fmt::format("{} migrations are not applied. Run polyshop migrate.", pending.size()));
    return;
  }
  const auto lock = FolderLock::take(line.data);
  if (!lock) throw Problem(409, "data_folder_in_use", "A process serves this data folder. Stop it first.");
  std::size_t count = 0;
  app.migrate([&](const std::string& module, const Database::Migration& migration) {
    fmt::print("{} {:04} {}\n", module, migration.number, migration.name);
    ++count;
  });
  fmt::print("{} migrations applied.\n", count);
}

}  // namespace

void add_serve(CLI::App& program, CommandLine& line) {
  auto* command = program.add_subcommand("serve", "Serve the shop over HTTP until SIGTERM.");
  command->add_option_function<std::string>("--listen", [&line](const std::string& listen) { line.settings["http.listen"] = listen; }, "Address and port, such as 0.0.0.0:80; port 0 takes a free one.");
  command->add_flag("--allow-failpoints", line.allow_failpoints, "For tests of failures: let runtime.failpoints break this shop on purpose.");
  command->callback([&line] { serve(line); });

  auto* migration = program.add_subcommand("migrate", "Bring the databases to this release's schemas.");
  const auto plan = std::make_shared<bool>(false), check = std::make_shared<bool>(false);
  migration->add_flag("--plan", *plan, "Only list what would be applied.");
  migration->add_flag("--check", *check, "List it, and exit with 1 where something is.");
  migration->callback([&line, plan, check] { migrate(line, *plan, *check); });
}

}  // namespace polyshop
