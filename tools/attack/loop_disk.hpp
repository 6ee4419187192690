#pragma once

#include <filesystem>
#include <string>

#include "live/shop.hpp"

namespace polyshop::attack {

// A file system of its own in a file, mounted for this thread, its threads and its processes: ext4, to be cut off or filled. Needs
// the right to mount.
class LoopDisk {
 public:
  // Throws Problem `mount_refused` that says which step was refused and why.
  explicit LoopDisk(int size_mib);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  const std::filesystem::path& path() const { return mount_point_; }
  // The power is gone: nothing more reaches the disk, and what the disk was not told to keep is lost, the journal's end included.
  void cut();
  // The power is back: the file system is mounted again, which replays its journal. Nobody may use it any more.
  void restore();
  // Writes a file until nothing more fits; free() removes it.
  void fill();
  void free();

 private:
  void mount();
  void unmount();
  live::Folder folder_{"polyshop-attack-disk"};
  std::filesystem::path image_;
  std::filesystem::path mount_point_;
  bool is_mounted_ = false;
};

}  // namespace polyshop::attack
