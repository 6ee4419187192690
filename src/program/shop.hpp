#pragma once

#include <filesystem>
#include <memory>

#include "kernel/http/client.hpp"
#include "program/app.hpp"

namespace polyshop {

// The right to write a data folder: held by one process at a time, and let go by the kernel when it ends.
class FolderLock {
 public:
  // Makes the folder where it is missing. Throws Problem `data_folder_unusable` where that cannot be.
  static std::optional<FolderLock> take(const std::filesystem::path& folder);  // nothing where another process has it
  FolderLock(FolderLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// A shop for a command: the process that serves the data folder, reached over its control socket, or, where none runs, the
// modules opened in this process. There is never a second writer.
class Shop {
 public:
  Shop(Config& config, const std::filesystem::path& data);
  ~Shop();

  const Facades& facades() const { return facades_; }
  AuditReport audit();
  // A request to the API with every right: how commands do what staff do. Answers the body; throws the Problem it answered.
  std::string send(http::Method method, const std::string& target, const std::string& body = {}, std::vector<std::pair<std::string, std::string>> fields = {});
  bool is_remote() const { return !app_; }
  Call call() const;

 private:
  std::optional<FolderLock> lock_;
  std::unique_ptr<App> app_;
  std::unique_ptr<http::Client> client_;
  std::mutex mutex_;  // the client's: commands may call from several threads
  Facades facades_;
};

// Migrates, waiting for a database that is not there yet: PostgreSQL may start later than we do. Says so, with growing pauses.
void migrate_patiently(App& app);

}  // namespace polyshop
