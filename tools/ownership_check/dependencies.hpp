#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace polyshop::ownership {

// What Ninja remembers of the compiler's dependency output: for each object the files that were read for it.
class DependencyLog {
 public:
  // Reads .ninja_deps of a build folder. Not by `ninja -t deps`: while a build runs, a second Ninja may cut the log that the first
  // one appends to. A record that is being written is passed over. Throws Problem `unreadable_dependencies`.
  explicit DependencyLog(const std::filesystem::path& build);

  struct Record {
    std::int64_t object_time_ns = 0;  // the object's modification time when this was written
    std::vector<std::string> files;   // relative to the build folder, or absolute
  };
  // Null where there is none.
  const Record* of(const std::string& object) const;
  const std::map<std::string, Record>& records() const { return records_; }

 private:
  std::map<std::string, Record> records_;
};

// The files that a depfile, as gcc -MD writes it, names after the colon.
std::vector<std::filesystem::path> read_depfile(const std::filesystem::path& file);

}  // namespace polyshop::ownership
