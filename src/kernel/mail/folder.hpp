#pragma once

#include <filesystem>
#include <string>

#include "kernel/mail/mime.hpp"

namespace polyshop::mail {

// Puts a mail into a folder as <id>.eml, and makes the folder, for its owner only, where there is none. Under that name the mail is
// whole and on the disk, or it is not there; one that is written again is the same file. Answers what went wrong, or nothing.
std::string write_to_folder(const std::filesystem::path& folder, const Message& message);

}  // namespace polyshop::mail
