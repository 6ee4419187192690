#pragma once

#include <filesystem>
#include <string>

#include "kernel/db/session.hpp"

namespace polyshop::db {

// PostgreSQL's own tools, run as programs. How to connect reaches them by their environment, where no other user of the machine
// sees it. Each throws Problem 409 with what the tool says, or where it is not installed.

// Writes the tables of the session's schema to a file, as a snapshot shows them that a session of the same database has exported, or
// as they are where that is empty.
void dump_schema(const SessionOptions& as, const std::string& snapshot, const std::filesystem::path& file);
// Runs a statement and then the file that dump_schema() has written, both or neither.
void load_schema(const SessionOptions& as, const std::string& statement, const std::filesystem::path& file);

}  // namespace polyshop::db
