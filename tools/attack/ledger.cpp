#include "attack/ledger.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "kernel/json/codec.hpp"
#include "live/process.hpp"

namespace polyshop::attack {

Ledger::Ledger(const std::filesystem::path& file) : file_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (file_ < 0) throw Problem::unavailable("writing_failed", fmt::format("The ledger {} cannot be written: {}.", file.string(), std::system_category().message(errno)));
}

Ledger::~Ledger() { ::close(file_); }

void Ledger::write(const Attempt& attempt) {
  const auto line = json::to_text(attempt) + "\n";
  // One write of a file opened to append is one line, whoever else writes; the disks are waited for side by side.
  if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size()) || ::fdatasync(file_) != 0) die("the ledger cannot be written");
  const std::lock_guard lock(mutex_);
  attempts_.insert_or_assign(attempt.cart, attempt);
}

std::vector<Attempt> Ledger::attempts() const {
  const std::lock_guard lock(mutex_);
  std::vector<Attempt> all;
  for (const auto& [cart, attempt] : attempts_) all.push_back(attempt);
  return all;
}

std::int64_t Ledger::placed() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::count_if(attempts_, [](const auto& one) { return one.second.is_placed(); });
}

void Ledger::wait_for_placed(std::int64_t count) const {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (placed() < count) {
    live::stop_if_interrupted();
    if (std::chrono::steady_clock::now() > give_up) throw Problem(500, "no_orders", fmt::format("After a minute {} orders are placed, not {}.", placed(), count));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace polyshop::attack
