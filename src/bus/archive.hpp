#pragma once

#include <filesystem>
#include <mutex>

#include "bus/event.hpp"

namespace polyshop::bus {

// Events that were taken out of a module's log before every subscription had them: compressed files of JSON lines in a folder,
// each named after the positions it holds. Safe from any thread.
class Archive {
 public:
  explicit Archive(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Durable once it returns. The events are consecutive.
  void add(const std::vector<Event>& events);
  // From the position on without a hole; none where the archive does not have it.
  std::vector<Event> read_from(std::int64_t position, std::size_t count_max);
  // Removes the files that hold nothing after the position; answers how many are left.
  std::size_t forget_until(std::int64_t position);
  std::optional<std::int64_t> first();

 private:
  struct File {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::filesystem::path path;
  };
  std::vector<File> files() const;  // by position
  bool load(std::int64_t position);
  const std::filesystem::path folder_;
  std::mutex mutex_;
  std::vector<Event> read_;  // the file that was read last: it is read in several parts
};

}  // namespace polyshop::bus
