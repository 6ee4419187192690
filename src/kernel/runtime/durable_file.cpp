#include "kernel/runtime/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "kernel/types/problem.hpp"

namespace polyshop {
namespace {

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags) : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) fail();
  }
  ~Descriptor() { ::close(descriptor_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  void write(std::string_view content) {
    while (!content.empty()) {
      const auto size = ::write(descriptor_, content.data(), content.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) fail();
      content.remove_prefix(static_cast<std::size_t>(size));
    }
  }
  void sync() {
    if (::fsync(descriptor_) != 0) die(fmt::format("the disk did not confirm {}", path_.string()));
  }

 private:
  [[noreturn]] void fail() const {
    if (errno == ENOSPC || errno == EDQUOT) {
      Problem problem(507, "storage_full", "The shop's storage is full. Try again when there is space.");
      problem.retry_after_s = 30;
      throw problem;
    }
    throw Problem(500, "file_not_written", fmt::format("{} cannot be written: {}.", path_.string(), std::system_category().message(errno)));
  }
  const std::filesystem::path path_;
  const int descriptor_;
};

}  // namespace

void write_durably(const std::filesystem::path& path, std::string_view content) {
  std::error_code ignored;  // opening says what is wrong
  std::filesystem::create_directories(path.parent_path(), ignored);
  auto beside = path;
  beside += ".part";
  {
    Descriptor file(beside, O_WRONLY | O_CREAT | O_TRUNC);
    file.write(content);
    file.sync();
  }
  rename_durably(beside, path);
}

void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::rename(from, to);
  Descriptor(to.parent_path(), O_RDONLY | O_DIRECTORY).sync();
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw Problem(500, "file_not_read", fmt::format("{} cannot be read.", path.string()));
  return std::move(text).str();
}

}  // namespace polyshop
