#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernel/http/framing.hpp"

namespace polyshop::http {

struct ClientResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::string_view field(std::string_view name) const;  // empty where absent
};

// A blocking HTTP/1.1 client for one server: one connection, kept alive, made anew where the server has closed it. Belongs to one
// thread at a time. Throws Problem 503 `unreachable` where there is no answer in time.
class Client {
 public:
  Client(std::string host, int port, std::chrono::milliseconds timeout = std::chrono::seconds(30));
  explicit Client(std::filesystem::path unix_socket, std::chrono::milliseconds timeout = std::chrono::seconds(60));
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Ends what is being sent or waited for, which then throws `unreachable`. From any thread, while the client lives.
  void cancel();
  ClientResponse send(Method method, const std::string& target, const std::string& body = {}, const std::vector<std::pair<std::string, std::string>>& fields = {});

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace polyshop::http
