#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>

namespace polyshop::db {

// A file that does nothing but take up room beside the databases. Where the disk turns out to be full it is given up, and the
// shop's own work goes on in its place: sagas end, and what is too old is deleted, for which SQLite needs room too. Whatever
// comes from outside is refused until there is room for another one. Any thread.
class Ballast {
 public:
  using Room = std::function<std::uintmax_t(const std::filesystem::path& folder)>;  // bytes that are free; 0 where unknown
  static std::uintmax_t room_on_disk(const std::filesystem::path& folder);

  // Takes nothing yet. A size of 0 makes all of this nothing.
  Ballast(std::filesystem::path file, std::uintmax_t size, Room room = room_on_disk) : file_(std::move(file)), size_(size), room_(std::move(room)) {}
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;

  void take();     // where there is no room for it, it counts as given up
  void give_up();  // a write has found the disk full
  // Whether writes from outside are to be refused. Looks once a second whether there is room again: twice the size.
  bool is_given_up();

 private:
  bool make();
  const std::filesystem::path file_;
  const std::uintmax_t size_;
  const Room room_;
  std::atomic<bool> given_up_ = false;
  std::atomic<std::int64_t> next_look_ = 0;  // of the steady clock, ms
};

}  // namespace polyshop::db
