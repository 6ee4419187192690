#include "kernel/db/postgresql_dump.hpp"

#include <array>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "kernel/db/connection_string.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::db {
namespace {

// This process's environment with how to connect, as libpq reads it there.
std::vector<std::string> environment_for(const SessionOptions& as) {
  std::vector<std::string> environment;
  for (char** at = environ; *at; ++at)
    if (!std::string_view(*at).starts_with("PG") || std::string_view(*at).starts_with("PGPASSFILE=")) environment.emplace_back(*at);
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfoParse(with_password(as.target, as.password_file).c_str(), nullptr), &PQconninfoFree);
  if (!options) throw Problem::invalid("bad_connection_string", "database.url is not how to connect to PostgreSQL.");
  for (const auto* option = options.get(); option->keyword; ++option)
    if (option->val && option->envvar) environment.push_back(fmt::format("{}={}", option->envvar, option->val));
  return environment;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

void run(const SessionOptions& as, std::vector<std::string> arguments) {
  const auto tool = arguments.front();
  auto environment = environment_for(as);
  std::array<int, 2> said{};
  if (::pipe2(said.data(), O_CLOEXEC) != 0) throw Problem(500, "no_pipe", fmt::format("{} cannot be run: {}.", tool, std::strerror(errno)));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, said[1], 2);
  // The signals that the serving process waits for are blocked in its threads, and would be in the tool.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  const int failure = posix_spawnp(&child, tool.c_str(), &actions, &attributes, pointers_to(arguments).data(), pointers_to(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(said[1]);
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t count = 0; failure == 0 && (count = ::read(said[0], part.data(), part.size())) != 0;) {
    if (count < 0 && errno != EINTR) break;
    if (count > 0 && text.size() < 4096) text.append(part.data(), static_cast<std::size_t>(count));
  }
  ::close(said[0]);
  if (failure == ENOENT) throw Problem::conflict("tool_missing", fmt::format("{} is not installed on this machine. Install PostgreSQL's client programs (postgresql-client), of the server's version or a later one.", tool));
  if (failure != 0) throw Problem(500, "tool_failed", fmt::format("{} cannot be run: {}.", tool, std::strerror(failure)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  throw Problem::conflict("tool_failed", fmt::format("{} failed: {}", tool, text.empty() ? "it was ended" : text));
}

}  // namespace

void dump_schema(const SessionOptions& as, const std::string& snapshot, const std::filesystem::path& file) {
  // By tables, which are all there is: the schema itself and who may use it belong to the place, not to the data.
  std::vector<std::string> arguments{"pg_dump", "--no-owner", "--no-privileges", "--table=" + as.schema + ".*", "--file=" + file.string()};
  if (!snapshot.empty()) arguments.push_back("--snapshot=" + snapshot);
  run(as, std::move(arguments));
}

void load_schema(const SessionOptions& as, const std::string& statement, const std::filesystem::path& file) {
  run(as, {"psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--command=" + statement, "--file=" + file.string()});
}

}  // namespace polyshop::db
