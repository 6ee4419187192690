#include "shopload/link.hpp"

#include <cerrno>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/types/problem.hpp"

namespace polyshop::load {
namespace {

constexpr std::size_t piece = 32 * 1024;

}  // namespace

bool Link::connect() {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) throw Problem::unavailable("no_descriptor", fmt::format("No socket could be made: {}. Raise the number of open files (ulimit -n) or ask for fewer shoppers.", std::system_category().message(errno)));
  const int yes = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
    close();
    return false;
  }
  epoll_event event{EPOLLIN, {.u64 = tag_}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_, &event);
  in_.clear();
  return true;
}

void Link::watch(bool writing) {
  if (writing == is_writing_) return;
  is_writing_ = writing;
  epoll_event event{EPOLLIN | (writing ? EPOLLOUT : 0U), {.u64 = tag_}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, socket_, &event);
}

bool Link::send() {
  if (socket_ < 0 && !connect()) return false;
  sent_ = 0;
  return flush();
}

bool Link::flush() {
  while (sent_ < out_.size()) {
    const auto size = ::send(socket_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (size < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
      watch(true);
      return true;
    }
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) sent_ += static_cast<std::size_t>(size);
  }
  watch(false);
  return true;
}

bool Link::receive() {
  while (true) {
    const auto before = in_.size();
    in_.resize_and_overwrite(before + piece, [](char*, std::size_t size) { return size; });
    const auto size = ::recv(socket_, in_.data() + before, piece, 0);
    in_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(0, size)));
    if (size == static_cast<ssize_t>(piece)) continue;
    if (size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR))) return true;
    return false;
  }
}

std::optional<Answer> Link::answer() {
  auto framed = take_answer(in_);
  if (!framed) return {};
  answer_size_ = framed->size;
  if (in_.size() > framed->size) throw Fault{"more than one answer to a request", in_.substr(framed->size, 400)};
  return framed->answer;
}

void Link::drop() { in_.erase(0, answer_size_); }

void Link::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  is_writing_ = false;
  in_.clear();
}

}  // namespace polyshop::load
