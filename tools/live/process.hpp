#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

// Programs that a tool runs, none of which outlives it.
namespace polyshop::live {

// SIGINT and SIGTERM become a wish to stop, so that everything is taken down in order; the second one ends the tool at once.
// Whoever waits looks for it a few times a second.
void take_signals();
// Says whether somebody wishes to stop, or throws Problem `interrupted` where that is so.
bool is_interrupted();
void stop_if_interrupted();

using Variables = std::map<std::string, std::string>;

// A program started by this one, in a process group of its own so that Ctrl-C reaches only the tool. Of the variables that
// start with POLYSHOP_ it sees those it is given and no others. Made by the main thread: the kernel kills it when the thread
// that made it ends.
class Process {
 public:
  // `input` is all it can read, at most 4 KiB. Throws Problem `not_started`.
  Process(const std::vector<std::string>& arguments, const Variables& variables, std::string_view input = {});
  ~Process();  // kills it where it still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t id() const { return id_; }
  // Appends what it has written, to standard output or error; false once there will be no more. Waits for some at most the
  // time given, for ever where that is negative.
  bool read(std::string& output, std::chrono::milliseconds timeout);
  void signal(int number);
  // Its exit status, or 128 and the signal that ended it; nothing where it runs on after the timeout.
  std::optional<int> wait(std::chrono::milliseconds timeout);

 private:
  pid_t id_ = -1;
  int process_ = -1;  // a descriptor that is readable once it has ended
  int output_ = -1;
  std::optional<int> status_;
};

struct Finished {
  int status = 0;
  std::string output;
};
// Runs a program to its end. Throws Problem `interrupted` where somebody wishes to stop; then it is gone too.
Finished run(const std::vector<std::string>& arguments, const Variables& variables, std::string_view input = {});

}  // namespace polyshop::live
