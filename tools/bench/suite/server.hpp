#pragma once

#include <filesystem>
#include <memory>

#include "live/shop.hpp"
#include "shopload/generator.hpp"

// What is measured: a shop, and what it is measured beside.
namespace polyshop::bench {

constexpr int server_processor = 0;
constexpr int generator_processor = 1;

// A program that runs on the server's processor and writes what it says to a file. At the end it is told to stop where it still
// runs, so that it can stop its own processes, and then killed.
class Server {
 public:
  // On its processor alone, unless it shares all of them.
  Server(const std::vector<std::string>& arguments, const live::Variables& variables, std::filesystem::path log, bool is_pinned = true);
  ~Server();
  pid_t process() const { return process_.id(); }
  std::string log() const;
  // Waits until the log has the text. Throws Problem with the log's end where the program ends first or takes over a minute.
  void wait_for(std::string_view text);
  // SIGTERM, and its end. Throws Problem where it does not end well within a minute.
  void stop();

 private:
  std::filesystem::path log_;
  live::Process process_;
};

int free_port();

// How a shop of the benchmarks runs.
struct Terms {
  std::filesystem::path program;
  live::Variables settings{};  // such as POLYSHOP_DATABASE_ENGINE
  bool is_pinned = true;       // to the server's processor; else it runs on any
};

constexpr const char* staff_email = "bench@example.com";

// A shop with a catalogue, delivery for nothing and a member of staff, in a folder.
class FilledShop {
 public:
  // Makes the catalogue and imports it while serving, and stops.
  FilledShop(Terms terms, std::filesystem::path folder, std::int64_t products);
  // Serves, and waits until every product is in the list. The access log is on, as everything is by default.
  // `more` is added to its settings.
  void serve(const live::Variables& more = {});
  void stop();
  int port() const { return port_; }
  pid_t process() const { return server_->process(); }
  const std::filesystem::path& data() const { return data_; }
  const std::string& password() const { return password_; }  // of staff_email
  const std::string& staff_token() const { return staff_token_; }
  // Serves and answers how long it took from running the program to its first list of products.
  double measure_start_ms();
  double import_rows_per_s() const { return import_rows_per_s_; }  // until the last product is in the list
  // Of the command, and of the server that does its work, there without pages of its databases' files.
  std::int64_t import_peak_bytes() const { return import_peak_bytes_; }
  // Throws Problem where lines were dropped, which would make the shop look faster than it is.
  void check_log() const;

 private:
  void start(const live::Variables& more);
  void import(std::string_view kind, const std::filesystem::path& file);
  enum class Wanted { listed, available };
  void wait_for_products(Wanted wanted) const;  // until all are
  const Terms terms_;
  const std::filesystem::path data_;
  const std::filesystem::path log_;
  const std::int64_t products_;
  std::string password_;
  std::string staff_token_;
  double import_rows_per_s_ = 0;
  std::int64_t import_peak_bytes_ = 0;
  int port_ = 0;
  std::unique_ptr<Server> server_;
};

// nginx, which answers the same bytes with the same fields from files: what this machine can do at all.
class Nginx {
 public:
  // `answers` are kept under the target that they answer.
  Nginx(const std::filesystem::path& folder, const std::filesystem::path& configuration);
  void add(const std::string& target, const std::string& body);
  void serve();
  int port() const { return port_; }
  pid_t process() const { return server_->process(); }

 private:
  const std::filesystem::path folder_;
  const std::filesystem::path configuration_;
  int port_ = 0;
  std::unique_ptr<Server> server_;
};

}  // namespace polyshop::bench
