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
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&&) = delete;
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
  // On its way to the disk, though not confirmed: sync() has less to wait for. Where that cannot be had, nothing is lost.
  void begin_sync() { ::sync_file_range(descriptor_, 0, 0, SYNC_FILE_RANGE_WRITE); }
  bool sync() { return descriptor_ >= 0 && ::fsync(descriptor_) == 0; }

 private:
  int descriptor_;
};

std::string failed(std::string_view what) { return fmt::format("{}: {}", what, std::strerror(errno)); }

}  // namespace

// All are written before the first is waited for, so that the disk has them together.
std::vector<std::string> write_to_folder(const std::filesystem::path& folder, std::span<const Message> messages) {
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) ::chmod(folder.c_str(), 0700);
  // Not in the folder itself: a large one is searched and written in many places.
  const auto parts = folder / ".parts";
  if (!error) std::filesystem::create_directory(parts, error);
  if (error) return std::vector(messages.size(), fmt::format("the folder for mails cannot be made: {}", error.message()));
  const auto temporary = [&](const Message& message) { return parts / message.id; };
  std::vector<std::string> failures(messages.size());
  std::vector<File> files;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    auto& file = files.emplace_back(temporary(messages[i]), O_WRONLY | O_CREAT | O_TRUNC);
    if (file.write_all(to_mime(messages[i])))
      file.begin_sync();
    else
      failures[i] = failed("a mail cannot be written");
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!failures[i].empty()) continue;
    if (!files[i].sync())
      failures[i] = failed("a mail cannot be written");
    else if (::rename(temporary(messages[i]).c_str(), (folder / (messages[i].id + ".eml")).c_str()) != 0)
      failures[i] = failed("a mail cannot be renamed");
  }
  if (!File(folder, O_RDONLY | O_DIRECTORY).sync()) return std::vector(messages.size(), failed("the folder for mails cannot be synchronised"));
  return failures;
}

}  // namespace polyshop::mail
