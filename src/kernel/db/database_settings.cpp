#include "kernel/db/database_settings.hpp"

#include <fmt/format.h>

#include "kernel/db/connection_string.hpp"

namespace polyshop {
namespace {

const std::vector<std::string> engine_names{"sqlite", "postgresql"};

// A connection string that cannot be read is found here, and not at the first connection.
void check_readable(const std::string& connection, const std::string& setting) {
  if (connection.empty()) return;
  try {
    db::target_of(connection);
  } catch (const Problem& problem) {
    throw Problem::invalid("bad_setting", fmt::format("{}: {}", setting, problem.detail), setting);
  }
}

}  // namespace

DatabaseOptions shared_database(Config& config, std::filesystem::path folder) {
  DatabaseOptions options;
  options.engine = *json::enum_value<Engine>(config.choice("database.engine", "sqlite", engine_names, "What keeps the data: a SQLite file a module in the data folder, or a PostgreSQL schema a module."));
  options.folder = std::move(folder);
  options.url = config.secret("database.url", "PostgreSQL: how to connect as the role that runs, as libpq takes it, such as postgresql://shop_{module}@db/shop; {module} stands for each module's name.");
  options.migrate_url = config.secret("database.migrate_url", "PostgreSQL: how to connect as the role that owns the tables and changes them, such as postgresql://shop_{module}_owner@db/shop. Unless set the role that runs does it.");
  options.password_file = config.text("database.password_file", "", "PostgreSQL: a file with the password of a role whose URL has none, such as /run/secrets/{role}; {role} stands for the role's name.");
  options.read_lanes = static_cast<std::size_t>(config.integer("database.read_lanes", 2, 1, 64, "SQLite: connections that read, for each module."));
  options.lanes = static_cast<std::size_t>(config.integer("database.lanes", 4, 1, 64, "PostgreSQL: connections, for each module."));
  const auto ballast = config.integer("database.ballast_mib", 16, 0, 100'000, "SQLite: room in the data folder that is kept for the day on which the disk is full.");
  if (options.engine == Engine::sqlite) options.ballast = std::make_shared<db::Ballast>(options.folder / "ballast", static_cast<std::uintmax_t>(ballast) * 1024 * 1024);
  options.queue_max = static_cast<std::size_t>(config.integer("database.queue", 4096, 16, 1'000'000, "Transactions that may wait for each module's database; further ones are answered 503."));
  check_readable(options.url, "database.url");
  check_readable(options.migrate_url, "database.migrate_url");
  return options;
}

DatabaseOptions database_of_module(Config& config, DatabaseOptions shared, const std::string& module) {
  const auto name_of = [&](std::string_view key) { return fmt::format("database.{}.{}", module, key); };
  auto options = std::move(shared);
  options.engine = *json::enum_value<Engine>(config.choice(name_of("engine"), json::enum_name(options.engine), engine_names, fmt::format("What keeps the data of {}.", module)));
  const auto url = config.secret(name_of("url"), fmt::format("PostgreSQL: database.url for {} alone.", module));
  const auto migrate_url = config.secret(name_of("migrate_url"), fmt::format("PostgreSQL: database.migrate_url for {} alone.", module));
  check_readable(url, name_of("url"));
  check_readable(migrate_url, name_of("migrate_url"));
  if (options.engine == Engine::sqlite && !(url + migrate_url).empty())
    throw Problem::invalid("bad_setting", fmt::format("{} is set, but {} is kept in SQLite. Set {} to \"postgresql\", or remove the URL.", name_of(url.empty() ? "migrate_url" : "url"), module, name_of("engine")), name_of("engine"));
  // A module that is elsewhere than the others does not migrate with their role's URL.
  if (!url.empty()) {
    options.url = url;
    options.migrate_url.clear();
  }
  if (!migrate_url.empty()) options.migrate_url = migrate_url;
  options.url = db::with_value(options.url, "module", module);
  options.migrate_url = db::with_value(options.migrate_url, "module", module);
  if (options.engine == Engine::postgresql && options.url.empty())
    throw Problem::invalid("bad_setting", fmt::format("{} is kept in PostgreSQL, and neither database.url nor {} is set. Say how to connect, such as postgresql://shop_{{module}}@db/shop.", module, name_of("url")), name_of("url"));
  return options;
}

}  // namespace polyshop
