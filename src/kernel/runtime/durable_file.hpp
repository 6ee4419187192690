#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace polyshop {

// Puts a file in its place as a whole: after a crash there is the file before, or none, or this one. Once it returns the disk
// has confirmed it. Makes the folder where it is missing. Throws Problem 507 `storage_full`, or 500 `file_not_written`; a disk
// that does not confirm ends the process, as nothing that follows could be trusted.
void write_durably(const std::filesystem::path& path, std::string_view content);
// Puts a file in the place of another one of the same file system, likewise.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);
std::string read_file(const std::filesystem::path& path);  // throws Problem 500 `file_not_read`

}  // namespace polyshop
