#pragma once

#include "kernel/config/config.hpp"
#include "kernel/db/database.hpp"

namespace polyshop {

// The settings that hold for every module's database: [database].
DatabaseOptions shared_database(Config& config, std::filesystem::path folder);

// Those of one module: [database.order] over the shared ones, in whose URLs {module} stands for the module's name. So one line
// says whether the modules share a database (user=shop_{module} dbname=shop), have one each (dbname=shop_{module}) or a server
// each (host={module}.db). Throws Problem 422 `bad_setting` where an engine has no URL or a URL no use.
DatabaseOptions database_of_module(Config& config, DatabaseOptions shared, const std::string& module);

}  // namespace polyshop
