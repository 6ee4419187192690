#include "kernel/db/ballast.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>

#include "kernel/observe/log.hpp"

namespace polyshop::db {
namespace {

std::int64_t steady_ms() { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

std::uintmax_t Ballast::room_on_disk(const std::filesystem::path& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  return error ? 0 : space.available;
}

void Ballast::take() {
  if (size_ == 0) return;
  std::error_code error;
  if (std::filesystem::file_size(file_, error) == size_ && !error) return;
  if (make()) return;
  log::warning("there is hardly any room left on the disk; writes are refused until there is more", {{"folder", file_.parent_path().string()}});
  given_up_ = true;
}

bool Ballast::make() {
  if (room_(file_.parent_path()) < 2 * size_) return false;
  const int file = ::open(file_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool made = ::posix_fallocate(file, 0, static_cast<off_t>(size_)) == 0;
  ::close(file);
  if (!made) ::unlink(file_.c_str());
  return made;
}

void Ballast::give_up() {
  if (size_ == 0 || given_up_.exchange(true)) return;
  next_look_ = steady_ms() + 1000;
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
  log::error("the disk is full; the ballast is given up and writes are refused until there is room", {{"folder", file_.parent_path().string()}});
}

bool Ballast::is_given_up() {
  if (!given_up_.load(std::memory_order_relaxed)) return false;
  auto due = next_look_.load();
  const auto now = steady_ms();
  if (now < due || !next_look_.compare_exchange_strong(due, now + 1000)) return true;  // one thread looks
  if (!make()) return true;
  given_up_ = false;
  log::info("there is room on the disk again", {{"folder", file_.parent_path().string()}});
  return false;
}

}  // namespace polyshop::db
