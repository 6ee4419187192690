#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shopload/answer.hpp"

namespace polyshop::load {

// A connection that is kept alive, made when it is first written to and anew where the server has ended it. Never blocks. Its
// events come from `epoll`, with the tag given.
class Link {
 public:
  Link(int epoll, int port, std::uint64_t tag) : epoll_(epoll), port_(port), tag_(tag) {}
  ~Link() { close(); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // The next request's bytes; kept until the next one, so that it can be sent again.
  std::string& request() { return out_; }
  // False where the connection cannot be made or has ended.
  bool send();
  bool flush();  // when the socket takes more
  // Reads what is there. False where the connection has ended.
  bool receive();
  // The answer that came, valid until drop(). Throws Fault.
  std::optional<Answer> answer();
  void drop();  // the answer
  void close();
  bool is_open() const { return socket_ >= 0; }

 private:
  bool connect();
  void watch(bool writing);
  const int epoll_;
  const int port_;
  const std::uint64_t tag_;
  int socket_ = -1;
  bool is_writing_ = false;
  std::string out_;
  std::size_t sent_ = 0;
  std::string in_;
  std::size_t answer_size_ = 0;
};

}  // namespace polyshop::load
