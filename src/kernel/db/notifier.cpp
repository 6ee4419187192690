#include "kernel/db/notifier.hpp"

#include <memory>

#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel/observe/log.hpp"

namespace polyshop::db {
namespace {

constexpr auto told_together = std::chrono::milliseconds(10);  // what is told within this time is told once
constexpr const char* listen_statement = "LISTEN polyshop";

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};

}  // namespace

struct Notifier::Connection {
  std::unique_ptr<PGconn, Finish> pg;

  bool exec(const char* statement, const char* parameter = nullptr) {
    const char* values[] = {parameter};
    const std::unique_ptr<PGresult, Clear> result(PQexecParams(pg.get(), statement, parameter ? 1 : 0, nullptr, values, nullptr, nullptr, 0));
    const auto status = PQresultStatus(result.get());
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
  }
};

Notifier::Notifier(std::string target) : target_(std::move(target)), poke_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Notifier::~Notifier() {
  stop();
  ::close(poke_);
}

void Notifier::poke() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(poke_, &one, sizeof one);
}

void Notifier::notify(const std::string& module) {
  {
    const std::lock_guard lock(mutex_);
    if (!to_tell_.insert(module).second) return;
  }
  poke();
}

void Notifier::listen(const std::string& module, std::function<void()> heard) {
  {
    const std::lock_guard lock(listeners_mutex_);
    listeners_[module] = std::move(heard);
  }
  const std::lock_guard lock(mutex_);
  if (thread_.joinable() || stopping_) return;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "notifier");
    run();
  });
}

void Notifier::forget(const std::string& module) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.erase(module);
}

void Notifier::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_asked_.notify_all();
  poke();
  if (thread_.joinable()) thread_.join();
}

bool Notifier::is_stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Notifier::hear(const std::string& module) {
  const std::lock_guard lock(listeners_mutex_);
  if (const auto found = listeners_.find(module); found != listeners_.end()) found->second();
}

void Notifier::hear_all() {
  const std::lock_guard lock(listeners_mutex_);
  for (const auto& [module, heard] : listeners_) heard();
}

void Notifier::run() {
  auto pause = std::chrono::milliseconds(100);
  while (!is_stopping()) {
    Connection connection{std::unique_ptr<PGconn, Finish>(PQconnectdb(target_.c_str()))};
    if (PQstatus(connection.pg.get()) == CONNECTION_OK && connection.exec(listen_statement)) {
      pause = std::chrono::milliseconds(100);
      hear_all();
      serve(connection);
    }
    if (is_stopping()) return;
    log::debug("the notifier's connection is away; polling goes on", {{"again_ms", pause.count()}});
    std::unique_lock lock(mutex_);
    stop_asked_.wait_for(lock, pause, [this] { return stopping_; });
    pause = std::min(pause * 2, std::chrono::milliseconds(10'000));
  }
}

void Notifier::serve(Connection& connection) {
  auto* const pg = connection.pg.get();
  auto next_tell = std::chrono::steady_clock::now();
  while (!is_stopping()) {
    bool has_to_tell = false;
    {
      const std::lock_guard lock(mutex_);
      has_to_tell = !to_tell_.empty();
    }
    const auto now = std::chrono::steady_clock::now();
    if (has_to_tell && now >= next_tell) {
      std::set<std::string> told;
      {
        const std::lock_guard lock(mutex_);
        told.swap(to_tell_);
      }
      for (const auto& module : told)
        if (!connection.exec("SELECT pg_notify('polyshop', $1)", module.c_str())) return;
      next_tell = std::chrono::steady_clock::now() + told_together;
      has_to_tell = false;
    }
    if (!PQconsumeInput(pg)) return;
    for (std::unique_ptr<PGnotify, decltype(&PQfreemem)> told(PQnotifies(pg), &PQfreemem); told; told.reset(PQnotifies(pg)))
      if (told->be_pid != PQbackendPID(pg)) hear(told->extra);
    const auto wait = has_to_tell ? std::chrono::duration_cast<std::chrono::milliseconds>(next_tell - now).count() + 1 : 1000;
    pollfd watched[] = {{PQsocket(pg), POLLIN, 0}, {poke_, POLLIN, 0}};
    ::poll(watched, 2, static_cast<int>(wait));
    if (watched[1].revents) {
      std::uint64_t count;
      [[maybe_unused]] const auto size = ::read(poke_, &count, sizeof count);
    }
    if (watched[0].revents & (POLLERR | POLLHUP)) return;
  }
}

}  // namespace polyshop::db
