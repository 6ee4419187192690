#include "kernel/outbound/sender.hpp"

#include <curl/curl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/outbound/address.hpp"
#include "kernel/types/problem.hpp"

namespace polyshop::outbound {
namespace {

// libcurl is initialised once, before its first use.
void initialise() {
  static const bool done = [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) die("libcurl cannot be initialised");
    return true;
  }();
  (void)done;
}

// Called with the very address that would be connected to.
curl_socket_t open_socket(void* is_refused, curlsocktype, curl_sockaddr* to) {
  if (is_refused && !is_public(to->addr)) {
    *static_cast<bool*>(is_refused) = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

}  // namespace

struct Sender::Transfer {
  Request request;
  Done done;
  CURL* easy = nullptr;
  curl_slist* fields = nullptr;
  bool is_private = false;
  std::size_t read = 0;
  ~Transfer() {
    curl_slist_free_all(fields);
    curl_easy_cleanup(easy);
  }
};

Sender::Sender(SenderOptions options) : options_(options) {
  initialise();
  auto* multi = curl_multi_init();
  if (!multi) die("libcurl cannot be initialised");
  curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(options_.connections_max));
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(options_.connections_of_host_max));
  multi_ = multi;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "outbound");
    work();
  });
}

Sender::~Sender() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  curl_multi_wakeup(static_cast<CURLM*>(multi_));
  thread_.join();
  curl_multi_cleanup(static_cast<CURLM*>(multi_));
}

void Sender::post(Request request, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->request = std::move(request);
  transfer->done = std::move(done);
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      fresh_.push_back(std::move(transfer));
      ++count_;
    }
  }
  if (transfer) return transfer->done({0, "the shop is stopping", 0});
  curl_multi_wakeup(static_cast<CURLM*>(multi_));
}

std::size_t Sender::under_way() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void Sender::begin(std::unique_ptr<Transfer> transfer) {
  auto& one = *transfer;
  one.easy = curl_easy_init();
  for (const auto& [name, value] : one.request.fields) one.fields = curl_slist_append(one.fields, (name + ": " + value).c_str());
  one.fields = curl_slist_append(one.fields, "Expect:");
  if (!one.easy || !one.fields) die("out of memory");
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(one.easy, option, value); };
  set(CURLOPT_URL, one.request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, options_.allow_private ? "http,https" : "https");
  set(CURLOPT_PROXY, "");  // whoever has a proxy would reach by it what the address check refuses
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_CONNECTTIMEOUT_MS, options_.timeout_ms / 2);
  set(CURLOPT_TIMEOUT_MS, options_.timeout_ms);
  set(CURLOPT_USERAGENT, "PolyShop");
  set(CURLOPT_HTTPHEADER, one.fields);
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(one.request.body.size()));
  set(CURLOPT_POSTFIELDS, one.request.body.c_str());
  set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(options_.allow_private ? nullptr : &one.is_private));
  // What the other side says beyond its status is nobody's: some of it is taken so that the connection can be kept, and no more.
  set(CURLOPT_WRITEDATA, static_cast<void*>(&one.read));
  set(CURLOPT_WRITEFUNCTION, +[](char*, std::size_t size, std::size_t count, void* read) -> std::size_t {
    constexpr std::size_t read_max = 64 * 1024;
    return (*static_cast<std::size_t*>(read) += size * count) <= read_max ? size * count : 0;
  });
  curl_multi_add_handle(static_cast<CURLM*>(multi_), one.easy);
  running_.emplace(one.easy, std::move(transfer));
}

void Sender::finish(void* easy, int code) {
  auto node = running_.extract(easy);
  auto& one = *node.mapped();
  Answer answer;
  long status = 0;
  curl_off_t took_us = 0;
  curl_easy_getinfo(one.easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(one.easy, CURLINFO_TOTAL_TIME_T, &took_us);
  curl_multi_remove_handle(static_cast<CURLM*>(multi_), one.easy);
  answer.duration_ms = static_cast<long>(took_us / 1000);
  // An answer that is too long has been given nevertheless.
  const bool is_answered = code == CURLE_OK || (code == CURLE_WRITE_ERROR && status > 0);
  if (is_answered)
    answer.status = static_cast<int>(status);
  else
    answer.failure = one.is_private ? "its address is not one of the internet" : curl_easy_strerror(static_cast<CURLcode>(code));
  {
    const std::lock_guard lock(mutex_);
    --count_;
  }
  one.done(std::move(answer));
}

void Sender::work() {
  auto* multi = static_cast<CURLM*>(multi_);
  while (true) {
    std::vector<std::unique_ptr<Transfer>> fresh;
    bool stopping = false;
    {
      const std::lock_guard lock(mutex_);
      fresh.swap(fresh_);
      stopping = stopping_;
    }
    for (auto& transfer : fresh) begin(std::move(transfer));
    if (stopping) break;
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi, &left))
      if (message->msg == CURLMSG_DONE) finish(message->easy_handle, message->data.result);
    curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  while (!running_.empty()) {
    auto node = running_.extract(running_.begin());
    curl_multi_remove_handle(multi, node.mapped()->easy);
    node.mapped()->done({0, "the shop is stopping", 0});
  }
}

}  // namespace polyshop::outbound
