#include "kernel/mail/folder.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace polyshop::mail {
namespace {

// A descriptor that closes itself.
class File {
 public:
  File(const std::filesystem::path& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  bool write_all(std::string_view text) {
    while (descriptor_ >= 0 && !text.empty()) {
      const auto written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return descriptor_ >= 0;
  }
  bool sync() { return descriptor_ >= 0 && ::fsync(descriptor_) == 0; }
  // Everything that was written to its file system since it was opened, by whomever.
  bool sync_all() { return descriptor_ >= 0 && ::syncfs(descriptor_) == 0; }

 private:
  int descriptor_;
};

std::string failed(std::string_view what) { return fmt::format("{}: {}", what, std::strerror(errno)); }

}  // namespace

// All are written and then confirmed together: a file that is synchronised by itself has the disk empty its cache.
std::vector<std::string> write_to_folder(const std::filesystem::path& folder, std::span<const Message> messages) {
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) ::chmod(folder.c_str(), 0700);
  // Not in the folder itself: a large one is searched and written in many places.
  const auto parts = folder / ".parts";
  if (!error) std::filesystem::create_directory(parts, error);
  if (error) return std::vector(messages.size(), fmt::format("the folder for mails cannot be made: {}", error.message()));
  const auto temporary = [&](const Message& message) { return parts / message.id; };
  File place(folder, O_RDONLY | O_DIRECTORY);  // opened before, so that it hears of everything that could not be written
  const bool is_alone = messages.size() <= 1;  // it has nobody to share with, and need not wait for what others write
  std::vector<std::string> failures(messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    File file(temporary(messages[i]), O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.write_all(to_mime(messages[i])) || (is_alone && !file.sync())) failures[i] = failed("a mail cannot be written");
  }
  if (!is_alone && !place.sync_all()) return std::vector(messages.size(), failed("the folder for mails cannot be synchronised"));
  for (std::size_t i = 0; i < messages.size(); ++i)
    if (failures[i].empty() && ::rename(temporary(messages[i]).c_str(), (folder / (messages[i].id + ".eml")).c_str()) != 0) failures[i] = failed("a mail cannot be renamed");
  if (!place.sync()) return std::vector(messages.size(), failed("the folder for mails cannot be synchronised"));
  return failures;
}

}  // namespace polyshop::mail
