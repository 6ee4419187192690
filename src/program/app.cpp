#include "program/app.hpp"

#include <fmt/format.h>

#include "bus/feed.hpp"
#include "kernel/db/database_settings.hpp"
#include "kernel/observe/log.hpp"
#include "kernel/runtime/durable_file.hpp"
#include "kernel/runtime/failpoint.hpp"
#include "kernel/security/module_keys.hpp"
#include "program/auditor.hpp"
#include "program/isolation.hpp"
#include "program/sagas.hpp"

namespace polyshop {
struct ArmFailpoints {
  std::optional<std::string> arm;  // in place of what is armed; absent: nothing changes
};
BOOST_DESCRIBE_STRUCT(ArmFailpoints, (), (arm))

struct FailpointCounts {
  std::vector<failpoint::Reached> reached;  // since the last time something was armed
};
BOOST_DESCRIBE_STRUCT(FailpointCounts, (), (reached))

namespace {

constexpr const char* running_file = "running";  // in the data folder, while background work runs: left behind, the process crashed

PasswordHasher hasher_of(Config& config) {
  const auto memory = config.integer("security.argon2_memory_kib", 19 * 1024, 8 * 1024, 1024 * 1024, "Memory of one password hash. Lower than the default weakens stored passwords.");
  const auto passes = config.integer("security.argon2_passes", 2, 1, 20, "Passes of one password hash.");
  return PasswordHasher(static_cast<std::size_t>(config.integer("security.hash_threads", 1, 1, 64, "Threads that hash passwords; a flood of logins takes no more of the machine than these.")),
                        static_cast<std::size_t>(config.integer("security.hash_queue", 64, 1, 10'000, "Logins that may wait for a hash; further ones are answered 503.")),
                        {static_cast<unsigned>(memory), static_cast<unsigned>(passes)});
}

EventSettings event_settings_of(Config& config, const std::filesystem::path& data) {
  EventSettings settings;
  settings.kept_ms = 24LL * 3600'000 * config.integer("events.kept_days", 30, 1, 3650, "How long events stay in the log of their module; what a subscription has not taken by then is archived.");
  settings.lag_alarm_ms = 1000 * config.integer("events.lag_alarm_s", 300, 1, 30 * 24 * 3600, "Behind which a subscription is warned of in the log.");
  settings.archive = config.text("events.archive", "", "The folder of archived events; empty for \"archive\" in the data folder. Several instances need one that they share.");
  settings.is_after_crash = std::filesystem::exists(data / running_file);
  return settings;
}

http::ServerOptions server_of(Config& config, const std::filesystem::path& data) {
  http::ServerOptions options;
  options.listen = config.text("http.listen", "127.0.0.1:8080", "Address and port to serve on; port 0 takes a free one.");
  options.control_socket = data / "control.sock";
  options.io_threads = static_cast<std::size_t>(config.integer("http.io_threads", 1, 1, 64, "Threads that accept, read and write; the work is done by others."));
  options.workers_per_module = static_cast<std::size_t>(config.integer("http.workers_per_module", 32, 1, 1024, "Requests of one module that are worked on at a time."));
  options.queue_per_module = static_cast<std::size_t>(config.integer("http.queue_per_module", 1024, 1, 1'000'000, "Requests of one module that may wait; further ones are answered 503."));
  options.connections_max = static_cast<std::size_t>(config.integer("http.connections_max", 20'000, 10, 1'000'000, "Connections at a time; further ones are closed."));
  options.drain_ms = static_cast<int>(config.integer("http.drain_ms", 500, 0, 600'000, "How long requests are still accepted after SIGTERM, while /readyz says 503 already."));
  options.request_seconds_max = static_cast<int>(config.integer("http.request_max_s", 30, 3, 600, "How long a request may take in all."));
  options.client_requests_per_minute = config.integer("http.client_requests_per_minute", 0, 0, 10'000'000, "How many requests a minute one client address may make, in each process; further ones are answered 429. 0 sets no limit.");
  options.trusted_proxies = config.list("http.trusted_proxies", {}, "Addresses and networks of load balancers, such as 10.0.0.0/8, whose X-Forwarded-For says who the client is.");
  options.access_log = config.boolean("http.access_log", true, "Whether every request is logged.");
  return options;
}

}  // namespace

App::App(Config& config, std::filesystem::path data, const Clock* simulated)
    : config_(config),
      data_(std::move(data)),
      log_format_(config.choice("log.format", "automatic", {"automatic", "json", "terminal"}, "How the log is written; automatic is for people where standard error is a terminal.")),
      log_level_(config.choice("log.level", "info", {"debug", "info", "warning", "error"}, "The least important lines that are written.")),
      failpoints_(config.text("runtime.failpoints", "", "For tests of failures: where this process breaks on purpose. Refused unless serve is run with --allow-failpoints.")),
      shared_role_(config.boolean("database.shared_role", false, "PostgreSQL: whether modules may share a role, or run as a superuser. For development only: nothing but the program then keeps a module from another's tables.")),
      admin_url_(config.secret("database.admin_url", "PostgreSQL: how polyshop provision --execute connects, as a role that may create roles and databases. No other command uses it.")),
      clock_(simulated ? *simulated : machine_clock_),
      hasher_(hasher_of(config)),
      database_(shared_database(config, data_)),
      cache_(static_cast<std::size_t>(config.integer("http.cache_mib", 64, 0, 1'000'000, "Memory for finished answers to public requests; 0 keeps none.")) * 1024 * 1024,
             // Other instances on the same PostgreSQL change things without a word to this one.
             database_.engine == Engine::sqlite ? http::ResponseCache::Duration::max() : std::chrono::milliseconds(250)),
      platform_{config, metrics_, clock_, routes_, cache_, hasher_, database_,
                *json::enum_value<Binding>(config.choice("facade.binding", "local", {"local", "loopback"}, "How modules call each other: directly, or through the serialiser as another process would.")),
                event_settings_of(config, data_), simulated ? 0UL : 32UL},
      auth_(platform_),
      customer_(platform_, auth_.node(), auth_.facade()),
      catalog_(platform_),
      pricing_(platform_, catalog_.node(), catalog_.facade()),
      inventory_(platform_, catalog_.facade()),
      shipping_(platform_),
      cart_(platform_, catalog_.facade(), pricing_.facade(), inventory_.facade(), shipping_.facade()),
      payment_(platform_, cart_.facade()),
      order_(platform_, payment_.node(), cart_.facade(), inventory_.facade(), payment_.facade()),
      search_(platform_, catalog_.node(), pricing_.node(), inventory_.node()),
      notification_(platform_, order_.node(), order_.facade()),
      webhook_(platform_) {
  webhook_.tell_of(platform_.nodes);  // whichever there are
  search_.rebuilds_from(catalog_.facade(), pricing_.facade(), inventory_.facade());
  add_control_routes();
  bus::add_feed({routes_, "bus"}, platform_.nodes, [this] { return is_stopping_.load(); });
  add_event_routes({routes_, "bus"}, facade::connect(events_of(platform_.nodes), "events", "http", platform_.binding, metrics_));
  server_ = std::make_unique<http::Server>(server_of(config, data_), routes_, cache_, clock_, metrics_);
  server_->set_authenticate([this, authenticate = facade::connect(auth_.facade(), "auth", "http", platform_.binding, metrics_).authenticate](const Call& call, const std::string& token) {
    const auto principal = authenticate(call, {token});
    Actor actor;
    actor.kind = principal.kind == auth::UserKind::staff ? Actor::Kind::staff : Actor::Kind::customer;
    actor.id = principal.user_id.str();
    if (principal.kind == auth::UserKind::staff) actor.permissions = std::make_shared<const std::set<std::string, std::less<>>>(principal.permissions.begin(), principal.permissions.end());
    return actor;
  });
  server_->set_prove_module([keys = ModuleKeys::parse(config.secret("internal.keys", "By which modules in other processes prove who they are: module=key, separated by commas; a key has at least 32 characters."))](std::string_view module, std::string_view key) { return keys.proves(module, key); });
  server_->set_ready([this]() -> std::optional<std::string> {
    for (auto* node : platform_.nodes)
      if (!node->db.answers()) return fmt::format("The database of {} does not answer.", node->module());
    return {};
  });
  config.finish();
}

App::~App() { stop(); }

void App::configure_log() const {
  log::configure(log_format_ == "json" ? log::Format::json : log_format_ == "terminal" ? log::Format::terminal : log::Format::automatic,
                 log_level_ == "debug" ? log::Level::debug : log_level_ == "info" ? log::Level::info : log_level_ == "warning" ? log::Level::warning : log::Level::error);
}

std::vector<Database::Migration> App::plan() {
  std::vector<Database::Migration> all;
  for (auto* node : platform_.nodes)
    for (auto& migration : node->db.plan()) {
      migration.owner = node->module() + (migration.owner == "bus" ? " (bus)" : "");
      all.push_back(std::move(migration));
    }
  return all;
}

void App::migrate(const std::function<void(const std::string&, const Database::Migration&)>& applied) {
  finish_restore(platform_.nodes, database_, archive_folder());
  check_places(platform_.nodes, shared_role_);
  for (auto* node : platform_.nodes)
    for (const auto& migration : node->db.migrate()) applied(node->module(), migration);
}

void App::open() {
  for (auto* node : platform_.nodes) node->open();
  check_connections(platform_.nodes, shared_role_);
}

void App::start() {
  write_durably(data_ / running_file, "");
  is_running_ = true;
  for (auto* node : platform_.nodes) node->start();
}

void App::serve() {
  if (database_.ballast) database_.ballast->take();
  server_->start();
}

void App::stop() {
  is_stopping_ = true;
  for (auto* node : platform_.nodes) node->log.wake();  // readers in other processes need not wait for their time to be over
  server_->stop();
  backups_.stop();
  for (auto* node : platform_.nodes) node->stop();
  for (auto* node : platform_.nodes) node->db.close();
  hasher_.stop();
  if (std::exchange(is_running_, false)) std::filesystem::remove(data_ / running_file);
}

std::filesystem::path App::archive_folder() const { return platform_.events.archive.empty() ? database_.folder / archive_name : platform_.events.archive; }

Restored App::restore(const std::filesystem::path& folder, const std::vector<std::string>& modules, const OnProgress& progress) {
  return polyshop::restore(platform_.nodes, database_, archive_folder(), folder, modules, progress);
}

Facades App::facades() {
  const auto connect = [&](const auto& facade, const std::string& owner) { return facade::connect(facade, owner, "command-line", platform_.binding, metrics_); };
  return {connect(auth_.facade(), "auth"),         connect(customer_.facade(), "customer"), connect(catalog_.facade(), "catalog"), connect(pricing_.facade(), "pricing"),
          connect(inventory_.facade(), "inventory"), connect(shipping_.facade(), "shipping"), connect(payment_.facade(), "payment"), connect(order_.facade(), "order"),
          connect(events_of(platform_.nodes), "events")};
}

AuditReport App::audit() {
  return audited(platform_.nodes, facades(), [this](const Call& call, const Facades& all) {
    std::vector<AuditRow> rows;
    for (const auto& finding : search_.audit(call, all.catalog, all.pricing, all.inventory)) rows.push_back({finding.check, finding.violations, finding.example});
    return rows;
  });
}

void App::arm_failpoints(bool is_allowed) {
  if (!is_allowed && failpoints_.empty()) return;
  if (!is_allowed) throw Problem::invalid("failpoints_not_allowed", "runtime.failpoints is set, which breaks a shop on purpose. Take it out; for a test of failures, run serve with --allow-failpoints.");
  const auto sandbox = std::ranges::find(config_.rows(), "payment.sandbox", &SettingRow::name);
  if (sandbox->value != "true") throw Problem::invalid("failpoints_not_allowed", "payment.sandbox is off, so this shop sells, and --allow-failpoints would let it break on purpose. Leave the option out.");
  failpoint::arm(failpoints_);
  has_failpoints_ = true;
  log::warning("failpoints are allowed: this shop may break on purpose", {{"armed", failpoints_}});
}

// What the command line asks of a serving process, over the socket in its data folder.
void App::add_control_routes() {
  const http::Options options{http::Idempotency::accepted, 64 * 1024 * 1024};
  http::ModuleRoutes(routes_, "control").post("/internal/facades/{module}/{operation}", "Run an operation of a facade", http::control(),
                                              [this](const Call& call, const http::Request& request, const http::Path<std::string, std::string>& path) {
                                                const auto all = facades();
                                                std::optional<std::string> result;
                                                boost::mp11::mp_for_each<json::members_of<Facades>>([&](auto d) {
                                                  if (path.get<0>() == d.name) result = facade::invoke(all.*d.pointer, d.name, path.get<1>(), call, request.body);
                                                });
                                                if (!result) throw Problem::not_found("module", path.get<0>());
                                                http::Response response;
                                                response.body = *result;
                                                return response;
                                              },
                                              options);
  http::ModuleRoutes(routes_, "control").post("/internal/failpoints", "Arm failpoints, where they are allowed", http::control(), [this](const Call&, const http::Body<ArmFailpoints>& wanted) {
    if (!has_failpoints_) throw Problem::forbidden("failpoints_not_allowed", "This shop does not break on purpose. For a test, start it with serve --allow-failpoints.");
    FailpointCounts counts{failpoint::counts()};
    if (wanted.arm) failpoint::arm(*wanted.arm);
    return counts;
  });
  http::ModuleRoutes control(routes_, "control");
  control.post("/internal/backups", "Begin a backup", http::control(), [this](const Call&, const http::Body<BackupWanted>& wanted) {
    backups_.start(wanted.folder);
    return backups_.standing();
  });
  control.get("/internal/backups", "How far the latest backup is", http::control(), [this](const Call&) { return backups_.standing(); });
  add_saga_routes({routes_, "bus"}, platform_.nodes);
  http::ModuleRoutes(routes_, "control").post("/internal/audit", "Check the promises", http::control(), [this](const Call&) { return audit(); });
}

}  // namespace polyshop
