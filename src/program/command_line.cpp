#include "program/commands.hpp"

namespace polyshop {

Config CommandLine::config() const { return Config::load(config_file, Config::process_environment(), settings); }

}  // namespace polyshop
