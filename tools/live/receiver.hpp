#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace polyshop::live {

// An HTTP server that takes what it is sent: on a free port of every address of this machine, on one thread.
class Receiver {
 public:
  struct Message {
    std::string path;
    std::map<std::string, std::string> fields;  // names in lower case
    std::string body;
  };
  // What a message is answered with; nothing: it gets no answer.
  using Answer = std::function<std::optional<int>(const Message&)>;

  explicit Receiver(Answer answer);
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  int port() const { return port_; }
  std::vector<Message> messages() const;  // in the order in which they came
  std::size_t count() const;

 private:
  void work();
  std::string taken(std::string& text);
  const Answer answer_;
  int listener_ = -1;
  int stop_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Message> messages_;
  std::thread thread_;
};

}  // namespace polyshop::live
