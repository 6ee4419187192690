#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "live/process.hpp"

// A shop of its own to try things on: the real program with fresh data.
namespace polyshop::live {

// A folder that is removed with everything in it, unless it is kept.
class Folder {
 public:
  explicit Folder(std::string_view name);  // in the folder for temporary files
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void keep() { kept_ = true; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  bool kept_ = false;
};

// A PostgreSQL database that is dropped again with the roles of its modules, on the server that POLYSHOP_TEST_POSTGRESQL names:
// a libpq connection string with the right to create databases and roles. Throws Problem where there is none.
class PostgresqlDatabase {
 public:
  PostgresqlDatabase();
  ~PostgresqlDatabase();
  PostgresqlDatabase(const PostgresqlDatabase&) = delete;
  PostgresqlDatabase& operator=(const PostgresqlDatabase&) = delete;
  void keep() { kept_ = true; }
  // Becomes what another one is, which nobody may be connected to, and which is dropped later than this one: the copy has its roles.
  void copy(const PostgresqlDatabase& other);
  std::string url() const { return server_ + " dbname=" + name_; }  // the administrator's
  // What lets a shop run in it with two roles a module, once it has run provision --execute.
  Variables settings() const;

 private:
  std::string server_;
  std::string name_;
  bool kept_ = false;
};

class Shop {
 public:
  // `program` is polyshop; `settings` are by variable, such as POLYSHOP_DATABASE_ENGINE.
  Shop(std::filesystem::path program, std::filesystem::path data, Variables settings);
  ~Shop();  // kills what still serves

  void set(const std::string& variable, const std::string& value) { settings_[variable] = value; }  // for what is run from now on
  // Runs a command, such as {"import", "stock", file}, and answers what it printed. Throws Problem with that where it fails.
  std::string command(const std::vector<std::string>& arguments, std::string_view input = {});
  // Begins a command, for the caller to wait for or to kill.
  std::unique_ptr<Process> begin(const std::vector<std::string>& arguments) const { return std::make_unique<Process>(line_of(arguments), settings_); }
  // Serves on a free port of this machine, again where it has ended; `options` are further ones of serve. Throws Problem with the
  // end of its log where it does not start within a minute.
  void serve(const std::vector<std::string>& options = {});
  int port() const;
  pid_t process() const { return server_->id(); }
  void signal(int number) { server_->signal(number); }
  // As Process::wait().
  std::optional<int> wait(std::chrono::milliseconds timeout) { return server_->wait(timeout); }
  // SIGTERM; the exit status, which is 0 where all went well, or nothing where it does not end within a minute.
  std::optional<int> stop();
  std::string end_of_log() const;  // of serve

 private:
  std::vector<std::string> line_of(const std::vector<std::string>& arguments) const;
  void follow_log();
  const std::filesystem::path program_;
  const std::filesystem::path data_;
  Variables settings_;
  std::unique_ptr<Process> server_;
  std::thread follower_;  // reads the log, so that serve never waits for a reader
  mutable std::mutex mutex_;
  std::condition_variable moved_;
  std::string log_;  // its end
  int port_ = 0;
  bool has_ended_ = false;
};

// The polyshop that was built together with this tool.
std::filesystem::path program_beside_this();

}  // namespace polyshop::live
