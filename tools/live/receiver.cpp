#include "live/receiver.hpp"

#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

namespace polyshop::live {

Receiver::Receiver(Answer answer) : answer_(std::move(answer)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  auto* const at = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, at, size) != 0 || ::listen(listener_, 4096) != 0 || ::getsockname(listener_, at, &size) != 0) throw std::runtime_error("a receiver cannot listen");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { work(); });
}

Receiver::~Receiver() {
  ::eventfd_write(stop_, 1);
  thread_.join();
  ::close(listener_);
  ::close(stop_);
}

std::vector<Receiver::Message> Receiver::messages() const {
  const std::lock_guard lock(mutex_);
  return messages_;
}

std::size_t Receiver::count() const {
  const std::lock_guard lock(mutex_);
  return messages_.size();
}

// Takes a whole message from the start of the text; answers what to send back.
std::string Receiver::taken(std::string& text) {
  const auto head = text.find("\r\n\r\n");
  if (head == std::string::npos) return {};
  Message message;
  message.path = text.substr(text.find(' ') + 1, text.find(' ', text.find(' ') + 1) - text.find(' ') - 1);
  for (auto at = text.find("\r\n") + 2; at < head;) {
    const auto end = text.find("\r\n", at);
    const auto colon = text.find(':', at);
    auto name = text.substr(at, colon - at);
    for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    message.fields[name] = text.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
  const auto size = std::stoul(message.fields["content-length"]);
  if (text.size() < head + 4 + size) return {};
  message.body = text.substr(head + 4, size);
  text.erase(0, head + 4 + size);
  const auto status = answer_(message);
  const std::lock_guard lock(mutex_);
  messages_.push_back(std::move(message));
  return status ? fmt::format("HTTP/1.1 {} Answer\r\nContent-Length: 2\r\n\r\nok", *status) : std::string();
}

void Receiver::work() {
  std::map<int, std::string> connections;
  while (true) {
    std::vector<pollfd> ready{{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& [connection, text] : connections) ready.push_back({connection, POLLIN, 0});
    ::poll(ready.data(), ready.size(), -1);
    if (ready[0].revents) break;
    if (ready[1].revents)
      for (int one = 0; (one = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) connections[one];
    for (std::size_t i = 2; i < ready.size(); ++i) {
      if (!ready[i].revents) continue;
      const auto connection = ready[i].fd;
      char part[16 * 1024];
      const auto size = ::recv(connection, part, sizeof part, MSG_DONTWAIT);
      if (size > 0) {
        auto& text = connections[connection];
        text.append(part, static_cast<std::size_t>(size));
        const auto answer = taken(text);
        if (!answer.empty()) ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      } else {
        ::close(connection);
        connections.erase(connection);
      }
    }
  }
  for (const auto& [connection, text] : connections) ::close(connection);
}

}  // namespace polyshop::live
