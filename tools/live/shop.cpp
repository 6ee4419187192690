#include "live/shop.hpp"

#include <csignal>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "kernel/db/session.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/runtime/clock.hpp"

namespace polyshop::live {

struct LogLine {
  std::string message;
  int port = 0;
};
BOOST_DESCRIBE_STRUCT(LogLine, (), (message, port))

namespace {

constexpr auto patience = std::chrono::seconds(60);
constexpr std::size_t log_kept = 16 * 1024;

std::unique_ptr<db::ControlledSession> connect(const std::string& server) {
  try {
    return db::open_session({Engine::postgresql, server, "public", false});
  } catch (const db::SessionError& error) {
    throw Problem::unavailable("database_unavailable", fmt::format("PostgreSQL cannot be reached as POLYSHOP_TEST_POSTGRESQL says: {}", error.what()));
  }
}

}  // namespace

Folder::Folder(std::string_view name) {
  auto text = (std::filesystem::temp_directory_path() / fmt::format("{}-XXXXXX", name)).string();
  if (!::mkdtemp(text.data())) throw Problem::unavailable("writing_failed", fmt::format("No folder for temporary files could be made as {}: {}.", text, std::system_category().message(errno)));
  path_ = text;
}

Folder::~Folder() {
  std::error_code ignored;
  if (!kept_) std::filesystem::remove_all(path_, ignored);
}

PostgresqlDatabase::PostgresqlDatabase() {
  if (const auto* server = std::getenv("POLYSHOP_TEST_POSTGRESQL")) server_ = server;
  if (server_.empty()) throw Problem::invalid("no_server", "POLYSHOP_TEST_POSTGRESQL names no PostgreSQL server; set it, or run this through tools/with-postgresql.");
  const auto id = make_id_text(SystemClock().now());
  name_ = "polyshop_live_" + std::string(id.begin(), id.end());
  connect(server_)->script("CREATE DATABASE " + name_ + " TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'");
}

PostgresqlDatabase::~PostgresqlDatabase() {
  if (kept_) return;
  try {
    const auto session = connect(server_);
    session->script("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
    session->script(fmt::format("DO $$ DECLARE r record; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname LIKE '{}\\_%' LOOP EXECUTE format('DROP ROLE %I', r.rolname); END LOOP; END $$", name_));
  } catch (const std::exception&) {
    fmt::print(stderr, "The database {} and the roles named after it could not be dropped; drop them by hand.\n", name_);
  }
}

void PostgresqlDatabase::copy(const PostgresqlDatabase& other) {
  const auto session = connect(server_);
  session->script("DROP DATABASE " + name_);
  session->script("CREATE DATABASE " + name_ + " TEMPLATE " + other.name_);
}

Variables PostgresqlDatabase::settings() const {
  return {{"POLYSHOP_DATABASE_ENGINE", "postgresql"},
          {"POLYSHOP_DATABASE_URL", fmt::format("{} user={}_{{module}}", url(), name_)},
          {"POLYSHOP_DATABASE_MIGRATE_URL", fmt::format("{} user={}_{{module}}_owner", url(), name_)},
          {"POLYSHOP_DATABASE_ADMIN_URL", server_}};
}

Shop::Shop(std::filesystem::path program, std::filesystem::path data, Variables settings) : program_(std::move(program)), data_(std::move(data)), settings_(std::move(settings)) {
  settings_["POLYSHOP_LOG_FORMAT"] = "json";
  settings_["POLYSHOP_HTTP_ACCESS_LOG"] = "false";
}

Shop::~Shop() {
  if (server_) server_->signal(SIGKILL);
  if (follower_.joinable()) follower_.join();  // at the end of the log
}

std::vector<std::string> Shop::line_of(const std::vector<std::string>& arguments) const {
  std::vector<std::string> line{program_.string(), "--data", data_.string()};
  line.insert(line.end(), arguments.begin(), arguments.end());
  return line;
}

std::string Shop::command(const std::vector<std::string>& arguments, std::string_view input) {
  auto finished = run(line_of(arguments), settings_, input);
  if (finished.status != 0) throw Problem(409, "command_failed", fmt::format("polyshop {} ended with status {}:\n{}", fmt::join(arguments, " "), finished.status, finished.output));
  return std::move(finished.output);
}

void Shop::serve(const std::vector<std::string>& options) {
  if (server_) {
    server_->signal(SIGKILL);
    follower_.join();
    port_ = 0;
    has_ended_ = false;
    log_.clear();
  }
  auto line = line_of({"serve", "--listen", "127.0.0.1:0"});
  line.insert(line.end(), options.begin(), options.end());
  server_ = std::make_unique<Process>(line, settings_);
  follower_ = std::thread([this] { follow_log(); });
  const auto give_up = std::chrono::steady_clock::now() + patience;
  std::unique_lock lock(mutex_);
  while (port_ == 0 && !has_ended_ && std::chrono::steady_clock::now() < give_up) {
    moved_.wait_for(lock, std::chrono::milliseconds(200));
    stop_if_interrupted();
  }
  if (port_ == 0) throw Problem::unavailable("not_started", fmt::format("polyshop serve {}; its log ends with\n{}", has_ended_ ? "ended at once" : "does not start", log_));
}

void Shop::follow_log() {
  std::string pending;  // what has come of a line
  std::string piece;
  while (server_->read(piece, std::chrono::milliseconds(-1))) {
    std::lock_guard lock(mutex_);
    log_ += piece;
    if (log_.size() > 2 * log_kept) log_.erase(0, log_.size() - log_kept);
    if (port_ == 0) {
      pending += piece;
      for (std::size_t end = 0; port_ == 0 && (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
        const auto line = std::string_view(pending).substr(0, end);
        if (line.find(R"("message":"serving")") != std::string_view::npos) port_ = json::from_text<LogLine>(line, json::Mode::lenient).port;
      }
      moved_.notify_all();
    }
    piece.clear();
  }
  std::lock_guard lock(mutex_);
  has_ended_ = true;
  moved_.notify_all();
}

int Shop::port() const {
  std::lock_guard lock(mutex_);
  return port_;
}

std::string Shop::end_of_log() const {
  std::lock_guard lock(mutex_);
  return log_;
}

std::optional<int> Shop::stop() {
  server_->signal(SIGTERM);
  return server_->wait(patience);
}

std::filesystem::path program_beside_this() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "src" / "polyshop";
}

}  // namespace polyshop::live
