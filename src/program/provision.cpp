#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "kernel/db/provision.hpp"
#include "kernel/security/scram.hpp"
#include "kernel/security/token.hpp"
#include "program/app.hpp"
#include "program/commands.hpp"

namespace polyshop {
namespace {

struct Wishes {
  bool execute = false;
  bool with_passwords = false;
  bool make_passwords = false;
  bool whole_server = false;
  std::vector<std::string> modules;
};

std::vector<const Database*> chosen(const App& app, const std::vector<std::string>& modules) {
  std::vector<const Database*> databases;
  for (const auto* node : app.nodes())
    if (modules.empty() || std::ranges::find(modules, node->module()) != modules.end()) databases.push_back(&node->db);
  for (const auto& module : modules)
    if (std::ranges::none_of(databases, [&](const auto* database) { return database->module() == module; })) throw Problem::invalid("unknown_module", fmt::format("There is no module {}; polyshop modules lists them.", module));
  std::erase_if(databases, [](const auto* database) { return database->engine() != Engine::postgresql; });
  if (databases.empty()) throw Problem::invalid("nothing_to_provision", "Every module is kept in SQLite, which needs no roles. Set database.engine = \"postgresql\", database.url and database.migrate_url first.");
  for (const auto* database : databases)
    if (database->options().migrate_url.empty())
      throw Problem::invalid("no_migrate_url", fmt::format("{} has no role that migrates. Set database.migrate_url, such as postgresql://shop_{{module}}_owner@db/shop.", database->module()));
  return databases;
}

// Only for whoever runs this, and never over a file that is there.
void write_password(const std::string& path) {
  const auto password = make_token() + "\n";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST) return;
  const bool is_written = file >= 0 && ::write(file, password.data(), password.size()) == static_cast<ssize_t>(password.size()) && ::fsync(file) == 0;
  const auto error = errno;
  if (file >= 0) ::close(file);
  if (is_written) return;
  if (file >= 0) ::unlink(path.c_str());
  throw Problem(409, "writing_failed", fmt::format("The password file {} could not be written: {}. Make its folder, or give the rights to it.", path, std::system_category().message(error)));
}

// What is known of the roles' passwords: from their URLs, else from their files.
std::map<std::string, std::string> verifiers_of(const std::vector<const Database*>& databases, bool make) {
  std::map<std::string, std::string> verifiers;
  for (const auto* database : databases) {
    const auto& options = database->options();
    if (make && options.password_file.find("{role}") == std::string::npos)
      throw Problem::invalid("no_password_file", "Passwords are made into files, one a role. Set database.password_file with {role} in it, such as /etc/polyshop/passwords/{role}.");
    for (const auto& connection : {options.url, options.migrate_url}) {
      const auto target = db::target_of(connection);
      auto password = target.password;
      if (password.empty() && !options.password_file.empty()) {
        const auto path = db::password_path(options.password_file, target.role);
        if (make) write_password(path);
        password = db::read_password_file(path);
      }
      if (!password.empty()) verifiers.emplace(target.role, scram_verifier(password));
    }
  }
  return verifiers;
}

// The administrator's connection to the server of these modules; {module} in it stands for the first of them.
void execute(const App& app, const std::vector<const Database*>& databases, const std::vector<db::ProvisionStep>& steps) {
  if (app.admin_url().empty()) throw Problem::invalid("no_admin_url", "Set database.admin_url to a role that may create roles and databases, best in the environment: POLYSHOP_DATABASE_ADMIN_URL=postgresql://postgres@db/postgres.");
  std::map<std::string, std::string> first_module;  // by server
  for (const auto* database : databases) first_module.emplace(db::target_of(database->options().url).server(), database->module());
  if (first_module.size() > 1 && app.admin_url().find("{module}") == std::string::npos)
    throw Problem::invalid("several_servers", fmt::format("The modules lie on {} servers. Write {{module}} into database.admin_url where that names each module's, or run this for each server with --modules and its administrator.", first_module.size()));
  for (const auto& [server, module] : first_module) {
    std::vector<db::ProvisionStep> here;
    std::ranges::copy_if(steps, std::back_inserter(here), [&](const auto& step) { return step.server == server; });
    db::run_provision(here, db::with_value(app.admin_url(), "module", module));
    fmt::print("{}: {} steps done.\n", server, here.size());
  }
}

void provision(const CommandLine& line, const Wishes& wishes) {
  auto config = line.config();
  App app(config, line.data);
  const auto databases = chosen(app, wishes.modules);
  std::vector<db::Place> places;
  for (const auto* node : app.nodes())
    if (std::ranges::find(databases, &node->db) != databases.end())
      places.push_back({node->module(), db::target_of(node->db.options().url), db::target_of(node->db.options().migrate_url), node->is_projection()});
  // A verifier is no password, but whoever has it can try passwords against it: it is printed only where asked for.
  const bool with_passwords = wishes.execute || wishes.with_passwords;
  std::map<std::string, std::string> verifiers;
  if (with_passwords || wishes.make_passwords) verifiers = verifiers_of(databases, wishes.make_passwords);
  if (!with_passwords) verifiers.clear();
  const auto steps = db::provision_steps(places, verifiers, wishes.whole_server);
  if (wishes.execute) return execute(app, databases, steps);
  fmt::print("-- Roles, databases and schemas of {} modules, for psql as a role that may create them; safe to repeat.\n", databases.size());
  if (!with_passwords) fmt::print("-- The roles are made without passwords. --with-passwords adds verifiers of the configured ones.\n");
  fmt::print("{}", db::psql_script(steps));
}

}  // namespace

void add_provision(CLI::App& program, CommandLine& line) {
  auto* command = program.add_subcommand("provision", "Print the SQL that gives each module its PostgreSQL database or schema and its two roles.");
  const auto wishes = std::make_shared<Wishes>();
  command->add_flag("--execute", wishes->execute, "Run it as database.admin_url says, with the roles' configured passwords.");
  command->add_flag("--with-passwords", wishes->with_passwords, "Print the passwords' verifiers too (SCRAM-SHA-256, never the passwords).");
  command->add_flag("--make-passwords", wishes->make_passwords, "Make up the passwords whose files, as of database.password_file, are missing.");
  command->add_flag("--whole-server", wishes->whole_server, "The server is the shop's alone: nobody else connects to its other databases.");
  command->add_option("--modules", wishes->modules, "Only for these, such as order,payment.")->delimiter(',');
  command->callback([&line, wishes] { provision(line, *wishes); });
}

}  // namespace polyshop
