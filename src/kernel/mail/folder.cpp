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
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
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

 private:
  const int descriptor_;
};

std::string failed(std::string_view what) { return fmt::format("{}: {}", what, std::strerror(errno)); }

std::string write_one(const std::filesystem::path& folder, const Message& message) {
  const auto temporary = folder / ("." + message.id + ".part");
  {
    File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.write_all(to_mime(message)) || !file.sync()) return failed("a mail cannot be written");
  }
  if (::rename(temporary.c_str(), (folder / (message.id + ".eml")).c_str()) != 0) return failed("a mail cannot be renamed");
  return {};
}

}  // namespace

std::vector<std::string> write_to_folder(const std::filesystem::path& folder, std::span<const Message> messages) {
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) ::chmod(folder.c_str(), 0700);
  if (error) return std::vector(messages.size(), fmt::format("the folder for mails cannot be made: {}", error.message()));
  std::vector<std::string> failures;
  for (const auto& message : messages) failures.push_back(write_one(folder, message));
  if (!File(folder, O_RDONLY | O_DIRECTORY).sync()) return std::vector(messages.size(), failed("the folder for mails cannot be synchronised"));
  return failures;
}

}  // namespace polyshop::mail
