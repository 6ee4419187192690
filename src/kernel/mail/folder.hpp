#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "kernel/mail/mime.hpp"

namespace polyshop::mail {

// Puts mails into a folder as <id>.eml, and makes the folder, for its owner only, where there is none. Once this returns a mail is under that
// name, whole and on the disk; before, it may be there or not. One that is written again is the same file. What is being written lies in the folder .parts. Answers for each what went wrong, or nothing.
std::vector<std::string> write_to_folder(const std::filesystem::path& folder, std::span<const Message> messages);

}  // namespace polyshop::mail
