#pragma once

#include <filesystem>

#include "bus/node.hpp"
#include "kernel/config/config.hpp"
#include "kernel/http/server.hpp"
#include "modules/auth/module.hpp"
#include "modules/cart/module.hpp"
#include "modules/catalog/module.hpp"
#include "modules/customer/module.hpp"
#include "modules/inventory/module.hpp"
#include "modules/notification/module.hpp"
#include "modules/order/module.hpp"
#include "modules/payment/module.hpp"
#include "modules/pricing/module.hpp"
#include "modules/search/module.hpp"
#include "modules/shipping/module.hpp"
#include "modules/webhook/module.hpp"
#include "program/audit.hpp"
#include "program/backup.hpp"
#include "program/facades.hpp"
#include "program/restore.hpp"

namespace polyshop {

// The whole shop in one process. Constructing it wires everything and touches nothing: no file, no connection, no thread.
class App {
 public:
  // `data` is the data folder; everything else is in the configuration, which is refused where a key of it is unknown. With a
  // clock of a simulation there are no threads either: after open() the simulation drives the nodes.
  App(Config& config, std::filesystem::path data, const Clock* simulated = nullptr);
  ~App();

  void configure_log() const;  // as the settings say; until then warnings are written
  void migrate(const std::function<void(const std::string& module, const Database::Migration&)>& applied);
  std::vector<Database::Migration> plan();
  // Databases; migrate() comes first. Both throw Problem 409 `not_isolated` where a module's database, its file or its role lets
  // it reach another's data.
  void open();
  void start();   // background work
  void serve();   // HTTP, until stop()
  void stop();

  Facades facades();  // of every module, as the command line calls them
  AuditReport audit();
  // Nothing is open. Throws Problem where the backup is not whole, or does not fit this release or its settings.
  Restored restore(const std::filesystem::path& folder, const std::vector<std::string>& modules, const OnProgress& progress);
  // Arms what runtime.failpoints says. Throws Problem where it says anything and it is not allowed, and where the shop sells.
  void arm_failpoints(bool is_allowed);
  int port() const { return server_->port(); }
  const http::Routes& routes() const { return routes_; }
  const std::vector<bus::Node*>& nodes() const { return platform_.nodes; }
  Engine engine() const { return platform_.database.engine; }
  const std::string& admin_url() const { return admin_url_; }

 private:
  void add_control_routes();
  std::filesystem::path archive_folder() const;
  bool is_running_ = false;               // background work, which leaves a mark in the data folder
  std::atomic<bool> is_stopping_ = false;
  Config& config_;
  const std::filesystem::path data_;
  const std::string log_format_;
  const std::string log_level_;
  const std::string failpoints_;
  bool has_failpoints_ = false;  // whether a control request may arm more
  const bool shared_role_;
  const std::string admin_url_;
  const SystemClock machine_clock_;
  const Clock& clock_;
  Metrics metrics_;
  http::Routes routes_;
  PasswordHasher hasher_;
  const DatabaseOptions database_;
  http::ResponseCache cache_;
  Platform platform_;

  // In the order of the facade graph; destroyed in reverse.
  auth::Module auth_;
  customer::Module customer_;
  catalog::Module catalog_;
  pricing::Module pricing_;
  inventory::Module inventory_;
  shipping::Module shipping_;
  cart::Module cart_;
  payment::Module payment_;
  order::Module order_;
  search::Module search_;
  notification::Module notification_;
  webhook::Module webhook_;

  Backups backups_{platform_.nodes, archive_folder()};
  std::unique_ptr<http::Server> server_;
};

}  // namespace polyshop
