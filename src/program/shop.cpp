#include "program/shop.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

#include "kernel/http/inline.hpp"
#include "kernel/json/problem_json.hpp"
#include "kernel/observe/log.hpp"

namespace polyshop {

std::optional<FolderLock> FolderLock::take(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const int descriptor = error ? -1 : ::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    throw Problem(409, "data_folder_unusable", fmt::format("The data folder {} cannot be written: {}. Give another with --data, or the rights to this one.", folder.string(), error ? error.message() : std::system_category().message(errno)));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return FolderLock(descriptor);
  ::close(descriptor);
  return {};
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Shop::Shop(Config& config, const std::filesystem::path& data) {
  if (auto lock = FolderLock::take(data)) lock_.emplace(std::move(*lock));
  app_ = std::make_unique<App>(config, data);  // also where another process serves: it checks the configuration
  if (lock_) {
    migrate_patiently(*app_);
    app_->open();
    facades_ = app_->facades();
    return;
  }
  app_.reset();
  client_ = std::make_unique<http::Client>(data / "control.sock", std::chrono::minutes(10));
  const facade::Transport transport = [this](const Call& call, const std::string& owner, std::string_view operation, const std::string& input) {
    std::vector<std::pair<std::string, std::string>> fields;
    if (!call.key.empty()) fields.emplace_back("Idempotency-Key", call.key);
    return send(http::Method::post, fmt::format("/internal/facades/{}/{}", owner, operation), input, std::move(fields));
  };
  boost::mp11::mp_for_each<json::members_of<Facades>>([&](auto d) {
    using F = std::remove_cvref_t<decltype(facades_.*d.pointer)>;
    facades_.*d.pointer = facade::connect_remote<F>(d.name, "command-line", transport);
  });
}

Shop::~Shop() = default;

std::string Shop::send(http::Method method, const std::string& target, const std::string& body, std::vector<std::pair<std::string, std::string>> fields) {
  const auto body_of = [](int status, std::string text) {
    if (status >= 300) throw json::problem_from_text(text, status);
    return text;
  };
  if (app_) {
    http::Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.fields = std::move(fields);
    request.is_control = true;
    request.call = call();
    auto response = http::run_inline(app_->routes(), std::move(request));
    return body_of(response.status, std::move(response.body));
  }
  std::lock_guard lock(mutex_);
  auto response = client_->send(method, target, body, fields);
  return body_of(response.status, std::move(response.body));
}

AuditReport Shop::audit() {
  if (app_) {
    app_->start();  // what was on its way when the last process ended is delivered first
    auto report = app_->audit();
    return report;
  }
  return json::from_text<AuditReport>(send(http::Method::post, "/internal/audit", "{}"), json::Mode::lenient);
}

Call Shop::call() const {
  Call call;
  call.actor = Actor::system("command-line");
  call.module = "command-line";
  call.now = SystemClock().now();
  call.trace = Trace::make();
  return call;
}

void migrate_patiently(App& app) {
  auto pause = std::chrono::milliseconds(500);
  while (true) {
    try {
      app.migrate([](const std::string& module, const Database::Migration& migration) {
        log::info("migrated", {{"module", module}, {"migration", fmt::format("{:04} {}", migration.number, migration.name)}});
      });
      return;
    } catch (const Problem& problem) {
      if (problem.code != "database_unavailable") throw;
      log::warning("the database cannot be reached; trying again", {{"in_ms", pause.count()}});
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::milliseconds(10'000));
    }
  }
}

}  // namespace polyshop
