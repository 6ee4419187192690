#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace polyshop::db {

// PostgreSQL's own tools, run as programs. How to connect reaches them by their environment, where no other user of the machine
// sees it. Each throws Problem 409 with what the tool says, or where it is not installed.

// Writes the schemas to one file, as a snapshot shows them that a session has exported.
void dump_schemas(const std::string& url, const std::vector<std::string>& schemas, const std::string& snapshot, const std::filesystem::path& file);
// Fills the schemas from the file, wholly or not at all. They exist and are empty.
void load_schemas(const std::string& url, const std::vector<std::string>& schemas, const std::filesystem::path& file);

}  // namespace polyshop::db
