#include "attack/loop_disk.hpp"

#include <fstream>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "kernel/types/problem.hpp"

namespace polyshop::attack {
namespace {

// Of the kernel's ext4 headers, which no package has.
constexpr auto ext4_shutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t without_log_flush = 2;

Problem refused(std::string_view step, std::string_view why) {
  return Problem::unavailable("mount_refused", fmt::format("This machine lets no file be mounted as a disk, which tests of power cuts and full disks need: {}: {}. Run them as root where /dev/loop-control is, or leave them out with --without-power-cut.", step, why));
}

std::string program(std::string_view name) {
  for (const auto* folder : {"/usr/sbin", "/usr/bin", "/sbin", "/bin"})
    if (const auto path = std::filesystem::path(folder) / name; ::access(path.c_str(), X_OK) == 0) return path;
  throw refused(name, "there is no such program");
}

// From now on what this thread mounts, and those it starts, is seen by nobody else and ends with them. A namespace that somebody
// makes meanwhile would otherwise keep the disk in use after it was unmounted here.
void keep_mounts_private() {
  if (::unshare(CLONE_NEWNS) != 0) throw refused("a mount namespace", std::system_category().message(errno));
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw refused("private mounts", std::system_category().message(errno));
}

void must_run(const std::vector<std::string>& line) {
  const auto finished = live::run(line, {});
  if (finished.status != 0) throw refused(fmt::format("{}", fmt::join(line, " ")), finished.output.substr(0, finished.output.find('\n')));
}

}  // namespace

LoopDisk::LoopDisk(int size_mib) : image_(folder_.path() / "image"), mount_point_(folder_.path() / "disk") {
  keep_mounts_private();
  std::filesystem::create_directory(mount_point_);
  std::ofstream(image_).close();
  std::filesystem::resize_file(image_, static_cast<std::uintmax_t>(size_mib) * 1024 * 1024);
  must_run({program("mkfs.ext4"), "-q", "-F", "-m", "0", image_.string()});
  mount();
}

LoopDisk::~LoopDisk() {
  if (is_mounted_) ::umount2(mount_point_.c_str(), MNT_DETACH);  // whoever still has it open keeps it until the end
}

void LoopDisk::mount() {
  // The journal is written as seldom as can be, so that only what was asked for is kept.
  must_run({program("mount"), "-t", "ext4", "-o", "loop,commit=300", image_.string(), mount_point_.string()});
  is_mounted_ = true;
}

void LoopDisk::unmount() {
  // A process that was killed lets go of its files a moment after it is waited for, as its last threads end.
  for (const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10); ::umount2(mount_point_.c_str(), 0) != 0;) {
    if (errno != EBUSY || std::chrono::steady_clock::now() > give_up) throw Problem(500, "not_unmounted", fmt::format("{} cannot be unmounted: {}.", mount_point_.string(), std::system_category().message(errno)));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  is_mounted_ = false;
}

void LoopDisk::cut() {
  const int root = ::open(mount_point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  auto flags = without_log_flush;
  const bool is_down = root >= 0 && ::ioctl(root, ext4_shutdown, &flags) == 0;
  const auto error = errno;
  if (root >= 0) ::close(root);
  if (!is_down) throw refused("ioctl EXT4_IOC_SHUTDOWN", std::system_category().message(error));
}

void LoopDisk::restore() {
  unmount();
  mount();
}

void LoopDisk::fill() {
  const int file = ::open((mount_point_ / "filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) throw Problem(500, "not_filled", "No file can be made to fill the disk with.");
  // Most of it at once.
  off_t reserved = 0;
  for (off_t size = off_t{1} << 30; size > 64 * 1024;)
    if (::fallocate(file, 0, reserved, size) == 0)
      reserved += size;
    else
      size /= 2;
  const std::string block(64 * 1024, 'x');
  // The last bytes too: where a large piece fits no more, smaller ones may.
  for (std::size_t size = block.size(); size > 0;)
    if (::write(file, block.data(), size) <= 0) size /= 2;
  ::close(file);
}

void LoopDisk::free() { std::filesystem::remove(mount_point_ / "filler"); }

}  // namespace polyshop::attack
