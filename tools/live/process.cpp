#include "live/process.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/types/problem.hpp"

namespace polyshop::live {
namespace {

constexpr std::size_t input_max = 4096;  // fits a pipe, so that writing it never waits for a reader
constexpr std::chrono::milliseconds for_ever{-1};

volatile std::sig_atomic_t wishes_to_stop = 0;

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw Problem::unavailable("not_started", fmt::format("No pipe could be made: {}.", std::system_category().message(errno)));
    read = ends[0];
    write = ends[1];
  }
};

std::vector<std::string> environment_of(const Variables& variables) {
  std::vector<std::string> all;
  for (auto** entry = environ; entry && *entry; ++entry)
    if (!std::string_view(*entry).starts_with("POLYSHOP_")) all.emplace_back(*entry);
  for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

bool wait_readable(int descriptor, std::chrono::milliseconds timeout) {
  pollfd ready{descriptor, POLLIN, 0};
  return ::poll(&ready, 1, static_cast<int>(timeout.count())) > 0;
}

}  // namespace

void take_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) {
    if (wishes_to_stop) std::_Exit(130);
    wishes_to_stop = 1;
  };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool is_interrupted() { return wishes_to_stop; }
void stop_if_interrupted() {
  if (is_interrupted()) throw Problem(499, "interrupted", "Interrupted.");
}

Process::Process(const std::vector<std::string>& arguments, const Variables& variables, std::string_view input) {
  const auto refuse = [&](int error) { return Problem::unavailable("not_started", fmt::format("{} cannot be run: {}.", arguments.at(0), std::system_category().message(error))); };
  if (::access(arguments.at(0).c_str(), X_OK) != 0) throw refuse(errno);
  if (input.size() > input_max) die("an input that does not fit a pipe");
  auto argument_texts = arguments;
  auto environment_texts = environment_of(variables);
  const auto argument_pointers = pointers_to(argument_texts);
  const auto environment_pointers = pointers_to(environment_texts);
  const Pipe in;
  const Pipe out;
  const auto parent = ::getpid();
  id_ = ::fork();
  if (id_ == 0) {
    // Only what is safe between fork and exec in a program with threads.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it had ended before the line above
    ::dup2(in.read, STDIN_FILENO);
    ::dup2(out.write, STDOUT_FILENO);
    ::dup2(out.write, STDERR_FILENO);
    ::signal(SIGPIPE, SIG_DFL);
    ::execve(argument_pointers[0], argument_pointers.data(), environment_pointers.data());
    ::_exit(127);
  }
  const auto error = errno;
  ::close(in.read);
  ::close(out.write);
  if (id_ > 0 && !input.empty()) [[maybe_unused]] const auto written = ::write(in.write, input.data(), input.size());
  ::close(in.write);
  output_ = out.read;
  if (id_ < 0) {
    ::close(output_);
    throw refuse(error);
  }
  process_ = static_cast<int>(::syscall(SYS_pidfd_open, id_, 0));  // glibc 2.36 declares its function wrongly for C++
  if (process_ < 0) die("a process without a descriptor");
}

Process::~Process() {
  if (!status_) {
    signal(SIGKILL);
    wait(for_ever);
  }
  ::close(process_);
  ::close(output_);
}

bool Process::read(std::string& output, std::chrono::milliseconds timeout) {
  if (!wait_readable(output_, timeout)) return true;
  std::array<char, 64 * 1024> buffer;
  const auto size = ::read(output_, buffer.data(), buffer.size());
  if (size > 0) output.append(buffer.data(), static_cast<std::size_t>(size));
  return size > 0 || (size < 0 && errno == EINTR);
}

void Process::signal(int number) {
  if (!status_) ::kill(id_, number);
}

std::optional<int> Process::wait(std::chrono::milliseconds timeout) {
  if (status_) return status_;
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const auto left = timeout < timeout.zero() ? for_ever : std::max(std::chrono::milliseconds(0), std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()));
    if (wait_readable(process_, left)) break;
    if (left == left.zero()) return {};
  }
  int raw = 0;
  while (::waitpid(id_, &raw, 0) < 0 && errno == EINTR) {}
  status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return status_;
}

Finished run(const std::vector<std::string>& arguments, const Variables& variables, std::string_view input) {
  Process process(arguments, variables, input);
  Finished finished;
  while (process.read(finished.output, std::chrono::milliseconds(200))) stop_if_interrupted();
  finished.status = process.wait(for_ever).value();
  return finished;
}

}  // namespace polyshop::live
