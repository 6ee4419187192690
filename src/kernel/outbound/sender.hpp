#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace polyshop::outbound {

struct SenderOptions {
  bool allow_private = false;      // also addresses that are not the internet's, and http://
  std::size_t connections_max = 2000;
  std::size_t connections_of_host_max = 20;  // so that one slow receiver does not take all of them
  long timeout_ms = 20'000;        // of one request, from when its connection is begun
};

struct Request {
  std::string url;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
};

struct Answer {
  int status = 0;       // 0: none
  std::string failure;  // why there is none; names no address
  long duration_ms = 0;
};

// Posts to servers that others have named. Thousands are under way on one thread. The address that a name resolves to is judged when it
// is connected to, so a name cannot be another one by then; redirects are not followed, and answers are not read beyond their head.
class Sender {
 public:
  using Done = std::move_only_function<void(Answer)>;
  explicit Sender(SenderOptions options);
  ~Sender();  // what is under way is told that it failed
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Returns at once; `done` is called once, from the sender's thread, and must be quick.
  void post(Request request, Done done);
  std::size_t under_way() const;

 private:
  struct Transfer;
  void work();
  void begin(std::unique_ptr<Transfer> transfer);
  void finish(void* easy, int code);
  const SenderOptions options_;
  void* multi_ = nullptr;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Transfer>> fresh_;
  std::map<void*, std::unique_ptr<Transfer>> running_;  // the thread's
  std::size_t count_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace polyshop::outbound
