#include <unistd.h>

#include <fmt/format.h>

#include "kernel/json/problem_json.hpp"
#include "kernel/observe/log.hpp"
#include "program/commands.hpp"
#include "program/restore.hpp"
#include "program/shop.hpp"

namespace polyshop {
namespace {

// One line that changes on a terminal; elsewhere a line for each thing that is done.
class ProgressLine {
 public:
  void show(const Progress& progress) {
    if (progress.doing.empty()) return;
    if (::isatty(STDERR_FILENO)) {
      const auto percent = progress.total > 0 ? fmt::format(" {} %", progress.done * 100 / progress.total) : std::string();
      fmt::print(stderr, "\r\033[K{}{}", progress.doing, percent);
      is_open_ = true;
    } else if (progress.doing != said_) {
      log::info(progress.doing, {});
    }
    said_ = progress.doing;
  }
  ~ProgressLine() {
    if (is_open_) fmt::print(stderr, "\r\033[K");
  }

 private:
  std::string said_;
  bool is_open_ = false;
};

std::string size_text(std::int64_t bytes) { return bytes < 10 * 1024 * 1024 ? fmt::format("{} KiB", (bytes + 1023) / 1024) : fmt::format("{} MiB", bytes / (1024 * 1024)); }

void back_up(const CommandLine& line, const std::filesystem::path& folder) {
  auto config = line.config();
  Shop shop(config, line.data);
  shop.send(http::Method::post, "/internal/backups", json::to_text(BackupWanted{std::filesystem::absolute(folder).string()}));
  BackupStanding standing;
  {
    ProgressLine progress;
    do {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      standing = json::from_text<BackupStanding>(shop.send(http::Method::get, "/internal/backups"), json::Mode::lenient);
      progress.show(standing.progress);
    } while (standing.state == BackupState::running);
  }
  if (!standing.manifest) throw json::problem_from_text(standing.problem.value_or(json::Raw{"{}"}).text, 500);
  std::int64_t bytes = 0;
  for (const auto& file : standing.manifest->files) bytes += file.bytes;
  fmt::print("{} modules, {} in {}. Restore it with: polyshop restore {}\n", standing.manifest->modules.size(), size_text(bytes), folder.string(), folder.string());
}

void restore(const CommandLine& line, const std::filesystem::path& folder, const std::vector<std::string>& modules) {
  auto config = line.config();
  App app(config, line.data);
  app.arm_failpoints(line.allow_failpoints);
  const auto lock = FolderLock::take(line.data);
  if (!lock) throw Problem(409, "data_folder_in_use", fmt::format("A process serves the data folder {}. Stop it first.", line.data.string()));
  Restored restored;
  {
    ProgressLine progress;
    restored = app.restore(folder, modules, [&](const Progress& now) { progress.show(now); });
  }
  for (const auto& name : restored.modules) {
    const auto found = std::ranges::find(restored.manifest.modules, name, &BackupModule::module);
    fmt::print("{:<14} as of event {}\n", name, found->marks.head);
  }
  for (const auto& gone : restored.gone)
    fmt::print("{} had taken events {} to {} of {}, which are gone; what it did about them stays.\n", gone.subscription, gone.from, gone.to, gone.source);
  if (!restored.kept.empty()) fmt::print("What was there before is kept in {}. Remove it once you do not need it.\n", restored.kept);
  fmt::print("Restored. Run polyshop audit, then serve.\n");
}

}  // namespace

void add_backup(CLI::App& program, CommandLine& line) {
  auto* backup = program.add_subcommand("backup", "Copy every module into a new folder, all as they are at one moment; also while the shop serves.");
  const auto folder = std::make_shared<std::filesystem::path>();
  backup->add_option("folder", *folder, "Where to; it must be new or empty.")->required();
  backup->callback([&line, folder] { back_up(line, *folder); });

  auto* restoring = program.add_subcommand("restore", "Put a backup in the place of what the data folder or the database holds; the shop must not run.");
  const auto modules = std::make_shared<std::vector<std::string>>();
  restoring->add_option("folder", *folder, "The backup.")->required();
  restoring->add_option("--module", *modules, "Only this module; may be given several times.");
  restoring->add_flag("--allow-failpoints", line.allow_failpoints, "For tests of failures: let runtime.failpoints break this restore on purpose.");
  restoring->callback([&line, folder, modules] { restore(line, *folder, *modules); });
}

}  // namespace polyshop
