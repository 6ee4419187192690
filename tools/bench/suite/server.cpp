#include "suite/server.hpp"

#include <csignal>
#include <fstream>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/json/codec.hpp"
#include "kernel/security/token.hpp"
#include "live/staff.hpp"
#include "shopload/answer.hpp"
#include "shopload/usage.hpp"
#include "suite/catalogue.hpp"

namespace polyshop::bench {
namespace {

using std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(60);
constexpr auto pause = std::chrono::milliseconds(2);

// $0 is the log; the program's processor is its own from its first instruction on.
std::vector<std::string> line_of(const std::vector<std::string>& arguments, const std::filesystem::path& log, bool is_pinned) {
  const auto processors = is_pinned ? std::to_string(server_processor) : fmt::format("{},{}", server_processor, generator_processor);
  std::vector<std::string> line{"/bin/sh", "-c", fmt::format(R"(exec taskset -c {} "$@" >"$0" 2>&1)", processors), log.string()};
  line.insert(line.end(), arguments.begin(), arguments.end());
  return line;
}

// What another run wrote would be taken for this one's.
std::filesystem::path emptied(std::filesystem::path log) {
  std::filesystem::remove(log);
  return log;
}

}  // namespace

Server::Server(const std::vector<std::string>& arguments, const live::Variables& variables, std::filesystem::path log, bool is_pinned) : log_(emptied(std::move(log))), process_(line_of(arguments, log_, is_pinned), variables) {}

Server::~Server() {
  process_.signal(SIGTERM);
  process_.wait(std::chrono::seconds(2));
}

std::string Server::log() const {
  std::ifstream file(log_);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Server::wait_for(std::string_view text) {
  for (const auto give_up = steady_clock::now() + patience; steady_clock::now() < give_up;) {
    const bool has_ended = process_.wait(pause).has_value();
    const auto written = log();
    if (written.find(text) != std::string::npos) return;
    if (has_ended) break;
    live::stop_if_interrupted();
  }
  const auto written = log();
  throw Problem::unavailable("not_started", fmt::format("A server does not start; its log ends with\n{}", written.substr(written.size() - std::min<std::size_t>(written.size(), 2'000))));
}

void Server::stop() {
  process_.signal(SIGTERM);
  const auto status = process_.wait(patience);
  if (status != 0) throw Problem::unavailable("not_stopped", fmt::format("A server ended with status {} when it was told to stop; its log is {}.", status.value_or(-1), log_.string()));
}

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool found = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0 && ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(socket);
  if (!found) throw Problem::unavailable("no_port", "No free port could be found on this machine.");
  return ntohs(address.sin_port);
}

FilledShop::FilledShop(Terms terms, std::filesystem::path folder, std::int64_t products)
    : terms_(std::move(terms)), data_(folder / "shop"), log_(folder / "log"), products_(products), password_(make_token()) {
  write_catalogue(folder, products);
  live::Shop shop(terms_.program, data_, terms_.settings);
  if (terms_.settings.contains("POLYSHOP_DATABASE_ADMIN_URL")) shop.command({"provision", "--execute"});
  shop.command({"user", "create", "--email", staff_email}, password_ + "\n");
  start({});
  live::Staff(port_, staff_email, password_).offer_free_delivery(*Currency::parse("EUR"));
  const auto begin = steady_clock::now();
  import("products", folder / "products.csv");
  wait_for_products(Wanted::listed);
  import_rows_per_s_ = 2 * static_cast<double>(products) / std::chrono::duration<double>(steady_clock::now() - begin).count();
  import("stock", folder / "stock.csv");
  wait_for_products(Wanted::available);
  stop();
}

void FilledShop::import(std::string_view kind, const std::filesystem::path& file) {
  live::Process process({terms_.program.string(), "--data", data_.string(), "import", std::string(kind), file.string()}, terms_.settings);
  std::string output;
  while (process.read(output, std::chrono::milliseconds(50))) {
    import_peak_bytes_ = std::max(import_peak_bytes_, load::usage_of(process.id()).peak_bytes + load::usage_of(server_->process()).anonymous_bytes);
    live::stop_if_interrupted();
  }
  if (process.wait(patience) != 0) throw Problem::unavailable("not_imported", fmt::format("{} could not be imported:\n{}", file.string(), output));
}

// Counting takes the longer the more there are, and is no part of what is measured: the page of the last one is asked for first,
// and what is counted then is counted a tenth of the time.
void FilledShop::wait_for_products(Wanted wanted) const {
  live::Connection connection(port_);
  const auto shows = [&](const std::string& target, std::string_view expected) {
    try {
      return connection.send(http::Method::get, target).body.find(expected) != std::string::npos;
    } catch (const Problem& problem) {
      if (problem.status != 404) throw;
      return false;  // it is not there yet
    }
  };
  const auto wait_until = [&](const std::string& target, std::string_view expected) {
    while (true) {
      const auto asked = steady_clock::now();
      if (shows(target, expected)) return;
      std::this_thread::sleep_for(pause + 9 * (steady_clock::now() - asked));
    }
  };
  const bool are_available = wanted == Wanted::available;
  wait_until("/v1/store/products/" + handle_of(products_ - 1), are_available ? R"("availability":"in_stock")" : R"("id":)");
  wait_until(fmt::format("/v1/store/products?limit=1&count=exact{}", are_available ? "&filter[available]=true" : ""), fmt::format(R"("count":{})", products_));
}

void FilledShop::start(const live::Variables& more) {
  auto settings = terms_.settings;
  settings.insert(more.begin(), more.end());
  server_ = std::make_unique<Server>(std::vector<std::string>{terms_.program.string(), "--data", data_.string(), "serve", "--listen", "127.0.0.1:0"}, settings, log_, terms_.is_pinned);
  constexpr std::string_view mark = R"("message":"serving")";
  server_->wait_for(mark);
  server_->wait_for("\n");
  port_ = static_cast<int>(load::number_after(server_->log(), R"("port":)", mark).value_or(0));
}

void FilledShop::serve(const live::Variables& more) {
  start(more);
  wait_for_products(Wanted::listed);
  staff_token_ = live::Staff(port_, staff_email, password_).token();
}

double FilledShop::measure_start_ms() {
  const auto begin = steady_clock::now();
  start({});
  live::Connection(port_).send(http::Method::get, "/v1/store/products", {}, {}, 200);
  const auto took = std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count();
  staff_token_ = live::Staff(port_, staff_email, password_).token();
  return took;
}

void FilledShop::stop() {
  server_->stop();
  check_log();
}

void FilledShop::check_log() const {
  if (server_->log().find("log lines were dropped") != std::string::npos) throw Problem::unavailable("log_dropped", fmt::format("The shop has dropped lines of its log {}, which makes it faster than it is. The disk is too slow for it.", log_.string()));
}

Nginx::Nginx(const std::filesystem::path& folder, const std::filesystem::path& configuration) : folder_(folder), configuration_(configuration) { std::filesystem::create_directories(folder_ / "answers"); }

// A list's file is named by its query, which nginx looks for as it stands.
void Nginx::add(const std::string& target, const std::string& body) {
  const auto mark = target.find('?');
  const auto file = mark == std::string::npos ? folder_ / "answers" / target.substr(1) : folder_ / "answers" / "queries" / target.substr(mark + 1);
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::trunc);
  out << body;
  if (!out.flush()) throw Problem::unavailable("writing_failed", fmt::format("{} cannot be written.", file.string()));
}

void Nginx::serve() {
  port_ = free_port();
  std::ifstream file(configuration_);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) throw Problem::unavailable("file_unreadable", fmt::format("{} cannot be read.", configuration_.string()));
  const auto replace = [&](std::string_view what, const std::string& with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) text.replace(at, what.size(), with);
  };
  replace("@PORT@", std::to_string(port_));
  replace("@FOLDER@", folder_.string());
  std::ofstream(folder_ / "nginx.conf", std::ios::trunc) << text;
  server_ = std::make_unique<Server>(std::vector<std::string>{"/usr/sbin/nginx", "-p", folder_.string(), "-c", (folder_ / "nginx.conf").string(), "-e", "stderr"}, live::Variables{}, folder_ / "log");
  server_->wait_for("start worker process");
}

}  // namespace polyshop::bench
